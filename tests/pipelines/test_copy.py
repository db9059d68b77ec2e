"""``rag copy`` and the other commands on a server's knowledge base."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.cli import run
from rag import Bot, KnowledgeBase
from rag.documents.document import Document
from rag.retrieval.retriever import Retriever
from rag.testing import HashingEmbedder
from tests.postgres_server import PostgresServer, needs_postgres, serving

E = HashingEmbedder(64)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with serving() as started:
        yield started


@pytest.fixture
def address(server: PostgresServer) -> str:
    return server.url(server.database(), "boats")


def test_a_folder_is_copied_to_another(kb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = str(tmp_path / "other")
    assert run(["copy", kb, other, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["added"] == 1
    assert run(["ask", other, "When does the ferry leave?"]) == 0
    assert "The ferry leaves at noon." in capsys.readouterr().out
    assert run(["copy", str(tmp_path / "none"), other]) == 64


@needs_postgres
def test_commands_take_an_address(kb: str, address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["copy", kb, address]) == 0
    assert "1 documents copied" in capsys.readouterr().out
    assert run(["ask", address, "When does the ferry leave?"]) == 0
    assert "The ferry leaves at noon." in capsys.readouterr().out
    (tmp_path / "docs" / "tea.md").write_text("# Tea\n\nGreen tea is brewed at eighty degrees.\n")
    assert run(["ingest", str(tmp_path / "docs"), "--into", address]) == 0
    capsys.readouterr()
    assert run(["search", address, "green tea", "--json"]) == 0
    assert "eighty degrees" in capsys.readouterr().out
    assert run(["status", address, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["documents"] == 2
    for command in (["verify", address], ["repair", address], ["purge", address]):
        assert run(command) == 0, command
    assert run(["remove", address, str(tmp_path / "docs" / "tea.md")]) == 0
    assert run(["copy", address, str(tmp_path / "back")]) == 0
    with KnowledgeBase.open(tmp_path / "back") as back:
        assert len(back.document_ids()) == 1


@needs_postgres
def test_no_command_shows_the_password(
    kb: str, address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = address.replace("postgres@", "postgres:geheim@")  # which this server does not ask for
    questions = tmp_path / "q.jsonl"
    questions.write_text(json.dumps({"question": "When does the ferry leave?", "answers": ["noon"]}) + "\n")
    for command in (
        ["copy", kb, secret],
        ["ingest", str(tmp_path / "docs"), "--into", secret],
        ["ingest", str(tmp_path / "docs"), "--into", secret, "--json"],
        ["ask", secret, "When does the ferry leave?"],
        ["status", secret],
        ["status", secret, "--json"],
        ["verify", secret],
        ["configure", secret],
        ["evaluate", secret, str(questions), "--html", str(tmp_path / "report.html")],
        ["reindex", secret, "--index", "flat", "--index", "bm25"],
        ["remove", secret, "none"],
        ["hide", secret, "none"],
        ["purge", secret],
        ["reembed", secret],
        ["copy", secret, secret.replace("#boats", "#two")],
        ["ask", secret.replace("#boats", "#three"), "x"],
        ["ask", secret.replace("#boats", "#no name"), "x"],
    ):
        run(command)
        said = capsys.readouterr()
        assert "geheim" not in said.out + said.err, command
    assert "geheim" not in (tmp_path / "report.html").read_text()


@needs_postgres
@pytest.mark.parametrize(
    "command",
    [
        ["tune", "KB"],
        ["bench", "--data", "KB"],
        ["feedback", "list", "KB"],
        ["improve", "KB"],
        ["memory", "list", "KB"],
        ["reembed", "KB"],
    ],
)
def test_commands_that_need_a_folder_say_so(
    address: str, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([address if word == "KB" else word for word in command]) == 64
    said = capsys.readouterr().err
    assert "folder" in said, said


def _documents(start: int) -> list[Document]:
    return [
        Document(
            f"d{n}",
            f"Otter {n} holds hands with otter {n + 1}, and sleeps in kelp {n % 3}.",
            f"s{n % 4}",
            metadata={"year": 2000 + n % 5},
        )
        for n in range(start, start + 12)
    ]


@needs_postgres
def test_questions_are_answered_as_from_a_folder(address: str, tmp_path: Path) -> None:
    places: list[str | Path] = [tmp_path / "local", address]
    found = []
    for place in places:
        with KnowledgeBase.create(place, embedder=E, chunker="document", granularity="chunk") as kb:
            kb.add(_documents(0))
            with Retriever(kb, max_per_source=2, rewrite="spelling") as retriever, Bot(retriever) as bot:
                passages = retriever.retrieve("do otterz hold hands", 6, where="year != 2001")
                found.append(
                    (
                        [(p.document, round(p.score, 4)) for p in passages],
                        retriever.explain("kelp 2").question,
                        bot.ask("Who holds hands with otter 5?").text,
                    )
                )
    assert found[0] == found[1]
    assert found[0][0]


@needs_postgres
def test_a_folder_and_a_server_are_asked_together(server: PostgresServer, address: str, tmp_path: Path) -> None:
    places: list[list[str | Path]] = [[tmp_path / "a", tmp_path / "b"], [tmp_path / "c", address]]
    found = []
    for pair in places:
        opened = []
        for start, place in zip((0, 12), pair, strict=True):
            kb = KnowledgeBase.create(place, embedder=E, chunker="document", granularity="chunk")
            kb.add(_documents(start))
            opened.append(kb)
        with Retriever({"one": opened[0], "two": opened[1]}, k=8) as retriever:
            found.append([(p.document, round(p.score, 3)) for p in retriever.retrieve("otter 14 holds hands")])
        for kb in opened:
            kb.close()
    assert found[0] == found[1]
