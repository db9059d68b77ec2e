"""``rag feedback``: listed, reviewed by options or by a person, exported, forgotten."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer

from pipelines.cli import run
from rag import Bot, Document, KnowledgeBase
from rag.embedding import HashingEmbedder
from rag.evaluation import read_questions
from rag.feedback import Feedback

TEXTS = {"tea": "Green tea is steeped at 80 degrees. It takes two minutes.", "bees": "A queen lays 2,000 eggs a day."}


@pytest.fixture
def kb(tmp_path: Path) -> Path:
    with KnowledgeBase.create(tmp_path / "kb", embedder=HashingEmbedder(64), chunker="document") as base:
        base.add(Document.from_text(text, id=name) for name, text in TEXTS.items())
    return tmp_path / "kb"


@pytest.fixture
def ids(kb: Path) -> dict[str, str]:
    """Ids of four answers by what was said about them."""
    votes: dict[str, dict[str, Any]] = {
        "up": {"vote": "up"},
        "shown": {"vote": "down", "spans": [("bees", 0, 12)]},
        "down": {"vote": "down", "reason": "\x1b[31mno"},
        "unvoted": {},
    }
    with KnowledgeBase.open(kb) as base, Bot(base) as bot, Feedback.open(base) as feedback:
        found = {}
        for name, said in votes.items():
            found[name] = feedback.keep(bot.ask(f"How is green tea steeped, {name}?"), principal="ann") or ""
            if said:
                feedback.vote(found[name], principal="ann", **said)
    return found


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    capsys.readouterr()
    assert run([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_feedback_is_listed_by_state(kb: Path, ids: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    own = ["feedback", "list", str(kb)]
    found = told(capsys, *own)
    assert [row["id"] for row in found["rows"]] == [ids["up"], ids["shown"], ids["down"]]
    assert (found["counts"]["answers"], found["counts"]["to review"]) == (4, 3)
    assert len(told(capsys, *own, "--all")["rows"]) == 4
    assert told(capsys, *own, "--state", "accepted")["rows"] == []
    assert run([*own, "--state", "lost"]) == 64
    assert run(own) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_options_accept_what_says_enough_and_leave_the_rest(
    kb: Path, ids: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(capsys, "feedback", "review", str(kb), "--accept") == {"accepted": 2, "rejected": 0, "left": 1}
    out = tmp_path / "q.jsonl"
    found = told(capsys, "feedback", "export", str(kb), "--into", str(out))
    assert (found["questions"], found["dropped"]) == (2, [])
    assert [q.spans[0].document for q in read_questions(out)] == ["tea", "bees"]
    assert run(["evaluate", str(kb), str(out)]) == 0
    assert run(["tune", str(kb), "--retriever", str(out), "--folds", "2"]) == 0
    told(capsys, "feedback", "review", str(kb), ids["down"], "--passages", "1", "--answer", "at 80 degrees")
    told(capsys, "feedback", "review", str(kb), ids["shown"], "--unanswerable")
    told(capsys, "feedback", "review", str(kb), ids["up"], "--reject")
    assert told(capsys, "feedback", "export", str(kb), "--into", str(out))["questions"] == 2
    judged = {q.id: q for q in read_questions(out)}
    assert judged[ids["shown"]].unanswerable
    assert judged[ids["down"]].answers == ("at 80 degrees",)


WRONG = (
    ["--accept", "--reject"],
    ["--unanswerable"],
    ["--passages", "1"],
    ["ID", "--passages", "99"],
    ["ID", "--passages", "0"],
    ["ID", "--passages", "one"],
    ["ID", "--answer", "yes", "--unanswerable"],
    ["0" * 32, "--accept"],
)


def test_a_review_that_says_no_one_thing_is_refused(kb: Path, ids: dict[str, str]) -> None:
    for wrong in WRONG:
        said = [ids["down"] if each == "ID" else each for each in wrong]
        assert run(["feedback", "review", str(kb), *said]) == 64, wrong
    with Feedback.open(kb) as feedback:
        assert {row.state for row in feedback.rows()} == {"new"}


def test_a_person_is_shown_what_there_is_and_asked_again(
    kb: Path, ids: dict[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = iter(["a", "r", "a", "99", "2", "s"])
    monkeypatch.setattr(typer, "prompt", lambda *_, **__: next(said))
    assert run(["feedback", "review", str(kb)]) == 0
    out = capsys.readouterr()
    assert "1 of 3: How is green tea steeped, up?" in out.out
    assert "there is nothing to accept" in out.err
    assert "numbers from 1 to" in out.err
    assert "\x1b" not in out.out
    with Feedback.open(kb) as feedback:
        states = {name: feedback.row(each).state for name, each in ids.items()}
    assert states == {"up": "accepted", "shown": "rejected", "down": "accepted", "unvoted": "new"}


def test_a_person_can_stop_and_go_on(
    kb: Path, ids: dict[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = iter(["a", "q"])
    monkeypatch.setattr(typer, "prompt", lambda *_, **__: next(said))
    assert run(["feedback", "review", str(kb)]) == 0
    assert capsys.readouterr().out.endswith("1 accepted, 0 rejected, 2 left\n")
    assert run(["feedback", "review", str(kb), "--json"]) == 64


def test_feedback_is_forgotten_and_expires(kb: Path, ids: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, "feedback", "forget", str(kb), ids["up"]) == {"deleted": 1}
    assert told(capsys, "feedback", "expire", str(kb), "--days", "0", "--unvoted") == {"deleted": 1}
    assert told(capsys, "feedback", "expire", str(kb), "--days", "1") == {"deleted": 0}
    assert told(capsys, "feedback", "forget", str(kb), "--principal", "ann") == {"deleted": 2}
    assert run(["feedback", "forget", str(kb)]) == 64


def test_what_is_no_knowledge_base_is_named(tmp_path: Path, kb: Path) -> None:
    assert run(["feedback", "list", str(tmp_path / "none")]) == 64
    assert run(["feedback", "export", str(kb), "--into", str(tmp_path / "q.csv")]) == 64
    assert run(["feedback", "export", str(kb), "--into", str(tmp_path / "none" / "q.jsonl")]) == 64


def test_a_long_path_is_shown_by_its_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with KnowledgeBase.create(tmp_path / "kb", embedder=HashingEmbedder(64), chunker="document") as base:
        base.add([Document.from_text(TEXTS["tea"], id=f"{'folder/' * 20}tea.md")])
        with Bot(base) as bot, Feedback.open(base) as feedback:
            name = feedback.keep(bot.ask("How is green tea steeped?"), principal="ann") or ""
            feedback.vote(name, principal="ann", vote="up")
    monkeypatch.setattr(typer, "prompt", lambda *_, **__: "q")
    assert run(["feedback", "review", str(tmp_path / "kb")]) == 0
    assert "folder/tea.md: " in capsys.readouterr().out
