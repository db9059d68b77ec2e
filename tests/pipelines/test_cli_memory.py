"""``rag chat --memory`` and ``rag memory`` as a person uses them."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path

import pytest

from pipelines.cli import run
from rag.knowledge_base import KnowledgeBase
from rag.memory import Memory
from rag.memory.people import store_of
from rag.testing import HashingEmbedder


def chat(kb: str, lines: list[str], monkeypatch: pytest.MonkeyPatch, *options: str) -> int:
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
    return run(["chat", kb, *options])


def test_a_conversation_is_kept_listed_and_deleted(
    kb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(tmp_path / "mem")
    options = ("--memory", folder, "--user", "ada", "--session", "monday")
    assert chat(kb, ["When does the ferry leave?"], monkeypatch, *options) == 0
    assert "/forget" in capsys.readouterr().out
    assert chat(kb, ["/memory", "What does the barge carry?"], monkeypatch, *options) == 0
    said = capsys.readouterr().out
    assert "1. When does the ferry leave?" in said
    assert "The ferry leaves at noon." in said
    assert run(["memory", "list", folder, "--json"]) == 0
    (info,) = json.loads(capsys.readouterr().out)
    assert (info["user"], info["session"], info["turns"]) == ("ada", "monday", 2)
    assert run(["memory", "list", folder]) == 0
    assert "monday" in capsys.readouterr().out
    assert run(["memory", "delete", folder, "--user", "ada", "--session", "tuesday"]) == 64
    assert "there are: monday" in capsys.readouterr().err
    assert run(["memory", "delete", folder, "--user", "ada", "--session", "monday", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["deleted"] == 2
    assert b"ferry" not in b"".join(p.read_bytes() for p in Path(folder).rglob("*") if p.is_file())
    assert run(["memory", "list", folder]) == 0
    assert "Nothing is kept." in capsys.readouterr().out


def test_forget_in_the_conversation(
    kb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(tmp_path / "mem")
    lines = ["When does the ferry leave?", "/forget", "/memory", "/forget maybe", "/forget all", "/forget all"]
    assert chat(kb, lines, monkeypatch, "--memory", folder) == 0
    out, err = capsys.readouterr()
    assert "Deleted from this session: 1." in out
    assert "All that was kept of me is deleted." in out
    assert "write /forget for this session" in err
    assert "nothing is kept of user 'me'" in err
    assert chat(kb, ["/forget"], monkeypatch) == 0
    assert "there is no memory" in capsys.readouterr().err


def test_a_deletion_that_was_cut_short_can_be_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("rag.store.database._BUSY_MS", 50)
    folder = str(tmp_path / "mem")
    Memory(folder, user="ada", session="monday", embedder=HashingEmbedder(16)).remember("Where is the yak?", "There.")
    command = ["memory", "delete", folder, "--user", "ada", "--session", "monday"]
    with KnowledgeBase.open(store_of(Path(folder), "ada")) as reader:
        assert reader.document_ids()
        assert run(command) == 8
    assert "close the readers" in capsys.readouterr().err
    assert run(command) == 0
    assert b"yak" not in b"".join(p.read_bytes() for p in Path(folder).rglob("*") if p.is_file())
    assert run(command) == 64


def test_one_damaged_memory_is_told_and_deleted_and_the_others_are_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(tmp_path / "mem")
    for user in ("ada", "bob"):
        Memory(folder, user=user, session="monday", embedder=HashingEmbedder(16)).remember(
            "Where is the yak?", "There."
        )
    (store_of(Path(folder), "ada") / "store.sqlite").write_bytes(b"not a database")
    assert run(["memory", "list", folder, "--json"]) == 3
    out, err = capsys.readouterr()
    assert [info["user"] for info in json.loads(out)] == ["bob"]
    assert "user ada: store.sqlite is damaged" in err
    assert run(["memory", "expire", folder]) == 3
    assert run(["memory", "delete", folder, "--user", "ada"]) == 0
    assert "not counted" in capsys.readouterr().out
    assert run(["memory", "list", folder]) == 0


def test_no_such_folder(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(["memory", "list", str(tmp_path / "no")]) == 64
    assert "is not a folder" in capsys.readouterr().err


def test_ctrl_c_stops_an_answer_and_not_the_conversation(
    kb: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from rag.bot import Bot

    ask, asked = Bot.ask, []

    def interrupted_once(self: Bot, question: str, **options: object) -> object:
        asked.append(question)
        if len(asked) == 1:
            raise KeyboardInterrupt
        return ask(self, question, **options)  # type: ignore[call-overload]

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(Bot, "ask", interrupted_once)
    lines = ["What does the barge carry?", "When does the ferry leave?", "/quit"]
    with monkeypatch.context() as terminal:
        terminal.setattr("builtins.input", lambda _: lines.pop(0))
        terminal.setattr("sys.stdin", Terminal())
        assert run(["chat", kb]) == 0
    shown = capsys.readouterr().out
    assert "(stopped; Ctrl-D leaves)" in shown
    assert "gravel" not in shown
    assert "The ferry leaves at noon. [1]" in shown

    asked.clear()
    assert chat(kb, ["What does the barge carry?", "When does the ferry leave?"], monkeypatch) == 130  # a pipe ends
    assert asked == ["What does the barge carry?"]


def test_what_has_expired_is_deleted_of_users_who_never_come_back(
    kb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(tmp_path / "mem")
    days_ago = time.time() - 2 * 86_400
    Memory(folder, user="ada", session="x", embedder=HashingEmbedder(), days=1, now=lambda: days_ago).remember(
        "When does the ferry leave?", "At noon."
    )
    options = ("--memory", folder, "--user", "bob", "--memory-days", "30")
    assert chat(kb, ["When does the ferry leave?"], monkeypatch, *options) == 0
    capsys.readouterr()
    assert run(["memory", "expire", folder, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"ada": 1, "bob": 0}
    assert run(["memory", "expire", folder]) == 0
    assert "Deleted: 0 turns and summaries of 0 users." in capsys.readouterr().out
    assert run(["memory", "list", folder, "--json"]) == 0
    assert [info["user"] for info in json.loads(capsys.readouterr().out)] == ["bob"]


def test_json_is_a_line_for_commands_too(
    kb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ["When does the ferry leave?", "/memory", "/forget"]
    assert chat(kb, lines, monkeypatch, "--memory", str(tmp_path / "mem"), "--json") == 0
    answer, kept, gone = map(json.loads, capsys.readouterr().out.splitlines())
    assert answer["question"] == kept["turns"][0]["question"] == "When does the ferry leave?"
    assert kept["sessions"][0]["turns"] == 1
    assert gone == {"memory": "Deleted from this session: 1."}
