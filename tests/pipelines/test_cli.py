"""The command line as a script sees it: JSON, exit codes, streams."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.cli import run
from pipelines.cli.exit_codes import (
    BAD_USAGE,
    NOTHING_FOUND,
    OK,
    SOME_FILES_FAILED,
    STORE_DAMAGED,
    STORE_LOCKED,
    STORE_MISMATCH,
)
from rag import KnowledgeBase

MOON = "# Moon\n\nThe Moon orbits the Earth every 27 days. Its far side was first seen in 1959.\n"
TEA = "# Tea\n\nGreen tea is steeped at 80 degrees. Black tea takes boiling water.\n"


@pytest.fixture
def docs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "moon.md").write_text(MOON)
    (folder / "tea.md").write_text(TEA)
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.fixture
def kb(docs: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    assert run(["ingest", "docs", "--into", "kb", "--embedder", "hashing-64"]) == OK
    capsys.readouterr()
    return docs.parent / "kb"


def _json(capsys: pytest.CaptureFixture[str]) -> dict:
    return json.loads(capsys.readouterr().out)


def test_ingest_counts_and_is_incremental(docs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["ingest", "docs", "--into", "kb", "--embedder", "hashing-64", "--json"]
    assert run(command) == OK
    first = _json(capsys)
    assert (first["found"], first["added"], first["failed"]) == (2, 2, 0)
    assert first["embedded"] == first["chunks"] == 2

    assert run(command) == OK
    second = _json(capsys)
    assert (second["unchanged_files"], second["added"], second["embedded"]) == (2, 0, 0)

    (docs / "tea.md").write_text(TEA.replace("80", "75"))
    assert run(command) == OK
    third = _json(capsys)
    assert (third["unchanged_files"], third["changed"], third["embedded"]) == (1, 1, 1)


def test_the_language_of_a_new_one_is_chosen_and_kept(docs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    making = ["ingest", str(docs), "--into", "de-kb", "--embedder", "hashing-64", "--analyser"]
    assert run([*making, "german"]) == 0
    capsys.readouterr()
    with KnowledgeBase.open("de-kb") as kb:
        assert kb.analyser.language == "german"
    assert run([*making, "spanish"]) == STORE_MISMATCH
    assert "analyser" in capsys.readouterr().err
    assert run([*making[:-1], "--analyser", "germn"]) != 0
    assert "german" in capsys.readouterr().err


def test_a_bad_file_is_listed_once_and_the_rest_goes_in(docs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (docs / "broken.pdf").write_bytes(b"%PDF-1.7 nothing of the kind")
    assert run(["ingest", "docs", "--into", "kb", "--embedder", "hashing-64", "--json"]) == SOME_FILES_FAILED
    report = _json(capsys)
    assert report["added"] == 2
    assert [(f["source"], f["reason"]) for f in report["failures"]] == [("docs/broken.pdf", "parse")]


def test_a_file_that_was_emptied_leaves_and_one_that_broke_stays(kb: Path, docs: Path) -> None:
    from rag.knowledge_base import KnowledgeBase

    (docs / "page.html").write_text("<html><body><p>Otters hold hands while they sleep.</p></body></html>")
    assert run(["ingest", "docs", "--into", "kb"]) == OK
    (docs / "tea.md").write_text("")
    (docs / "page.html").write_bytes(b"\x00\x01\x02" * 1000)
    run(["ingest", "docs", "--into", "kb"])
    with KnowledgeBase.open(kb) as base:
        assert base.document_ids() == ["docs/moon.md", "docs/page.html"]


def test_two_files_of_one_name_never_replace_each_other(
    kb: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other"
    (other / "docs").mkdir(parents=True)
    (other / "docs" / "moon.md").write_text("Beta speaks of bananas.")
    monkeypatch.chdir(other)
    assert run(["ingest", "docs", "--into", str(kb), "--json"]) == SOME_FILES_FAILED
    assert [f["reason"] for f in _json(capsys)["failures"]] == ["taken"]
    assert run(["ingest", str(other / "docs"), "--into", str(kb), "--json"]) == OK
    assert _json(capsys)["added"] == 1


def test_prune_removes_what_has_vanished(kb: Path, docs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (docs / "moon.md").unlink()
    assert run(["ingest", "docs", "--into", "kb", "--json"]) == OK
    assert _json(capsys)["removed"] == 0
    assert run(["ingest", "docs", "--into", "kb", "--prune", "--json"]) == OK
    assert _json(capsys)["removed"] == 1
    assert run(["search", "kb", "Moon Earth orbits", "--json", "--fusion", "terms"]) == NOTHING_FOUND


def test_search_json_has_the_keys_that_scripts_use(kb: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["search", "kb", "far side of the Moon", "--json"]) == OK
    found = _json(capsys)
    top = found["passages"][0]
    assert found["question"] == "far side of the Moon"
    assert (top["rank"], top["document"], top["source"]) == (1, "docs/moon.md", "docs/moon.md")
    assert MOON[top["start"] : top["end"]] == top["text"]
    assert set(top) >= {"rank", "score", "document", "chunk", "source", "start", "end", "text"}


def test_ask_cites_verbatim(kb: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = run(["ask", "kb", "When was the far side of the Moon first seen?", "--json"])
    answer = _json(capsys)
    assert code == (NOTHING_FOUND if answer["abstained"] else OK)
    assert set(answer) >= {"question", "answer", "abstained", "degraded", "citations", "passages"}
    for citation in answer["citations"]:
        assert MOON[citation["start"] : citation["end"]] == citation["quote"]


def test_where_narrows(kb: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["search", "kb", "the Moon", "--json", "--where", 'source == "docs/tea.md"']) == OK
    assert {p["source"] for p in _json(capsys)["passages"]} == {"docs/tea.md"}


def test_a_run_is_at_document_level_with_ids_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    beir = tmp_path / "beir"
    beir.mkdir()
    long = "The cat sat. " * 400
    rows = [
        {"_id": "a%20b", "title": "Cats", "text": long},
        {"_id": "plain", "title": "Dogs", "text": "A dog barks at the cat."},
    ]
    (beir / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "q.jsonl").write_text('\ufeff{"id": "q%201", "text": "cat"}\r\n{"_id": "bad"}\r\n', "utf-8")
    assert run(["ingest", "beir:beir", "--into", "kb", "--embedder", "hashing-64"]) == OK
    capsys.readouterr()
    code = run(["search", "kb", "--questions", "q.jsonl", "-k", "10", "--run", "out.trec", "--json"])
    assert code == SOME_FILES_FAILED
    assert len(_json(capsys)["failures"]) == 1
    lines = [line.split() for line in (tmp_path / "out.trec").read_text().splitlines()]
    assert {line[2] for line in lines} == {"a%20b", "plain"}
    assert [line[0] for line in lines] == ["q%201", "q%201"]
    assert [int(line[3]) for line in lines] == [1, 2]
    assert float(lines[0][4]) > float(lines[1][4])


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["search", "kb", ""], BAD_USAGE, "empty"),
        (["search", "kb"], BAD_USAGE, "--questions"),
        (["search", "kb", "x", "--where", "type = 3"], BAD_USAGE, "=="),
        (["search", "kb", "x", "--fusion", "magic"], BAD_USAGE, "zscore"),
        (["search", "nowhere", "x"], BAD_USAGE, "nowhere"),
        (["ingest", "missing.txt", "--into", "kb"], BAD_USAGE, "missing.txt"),
        (["ingest", "docs", "--into", "kb", "--index", "hnws"], BAD_USAGE, "hnsw"),
        (["ingest", "docs", "--into", "kb", "--embedder", "hashing-32"], STORE_MISMATCH, "hashing"),
        (["ingest", "docs", "--into", "kb", "--meta", "novalue"], BAD_USAGE, "key=value"),
        (["reindex", "kb", "--index", "hnsw:N=3"], BAD_USAGE, "M"),
        (["remove", "kb", "docs/none.md"], NOTHING_FOUND, ""),
        (["--nonsense"], BAD_USAGE, "nonsense"),
    ],
)
def test_bad_usage_says_what_to_do(
    kb: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, words: str
) -> None:
    assert run(arguments) == code
    shown = capsys.readouterr()
    assert words in shown.err + shown.out
    assert "Traceback" not in shown.err


def test_status_verify_reindex_remove_purge(kb: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["status", "kb", "--json"]) == OK
    state = _json(capsys)
    assert (state["documents"], state["chunks"]) == (2, 2)

    assert run(["reindex", "kb", "--index", "hnsw:M=8", "--index", "bm25", "--json"]) == OK
    assert _json(capsys)["indexes"] == ["hnsw:M=8", "bm25"]
    assert run(["search", "kb", "green tea", "--json"]) == OK
    assert _json(capsys)["passages"][0]["document"] == "docs/tea.md"

    assert run(["verify", "kb", "--json"]) == OK
    assert _json(capsys)["ok"] is True

    assert run(["remove", "kb", "docs/tea.md", "--json"]) == OK
    assert _json(capsys)["removed"] == 1
    assert run(["purge", "kb", "--json"]) == OK
    capsys.readouterr()
    blob = b"".join(path.read_bytes() for path in kb.rglob("*") if path.is_file())
    assert b"steeped" not in blob
    assert b"orbits the Earth" in blob
    assert run(["remove", "kb", "docs", "--purge", "--json"]) == OK
    assert _json(capsys)["removed"] == 1
    assert b"orbits the Earth" not in b"".join(path.read_bytes() for path in kb.rglob("*") if path.is_file())


def test_hide_and_unhide(kb: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["hide", "kb", "docs/tea.md", "--json"]) == OK
    assert _json(capsys) == {"source": "docs/tea.md", "sources": 1, "hidden": True}
    assert run(["search", "kb", "green tea", "--json"]) == OK
    assert {p["document"] for p in _json(capsys)["passages"]} == {"docs/moon.md"}
    assert run(["status", "kb"]) == OK
    assert "which no search finds: docs/tea.md" in capsys.readouterr().out
    assert run(["unhide", "kb", "docs"]) == OK
    assert "2 sources are searched again" in capsys.readouterr().out
    assert run(["hide", "kb", "nowhere"]) == NOTHING_FOUND


def test_a_damaged_index_is_refused_by_name_and_repaired(kb: Path, capsys: pytest.CaptureFixture[str]) -> None:
    question = ["search", "kb", "green tea", "--json"]
    assert run(question) == OK
    before = _json(capsys)["passages"]
    victim = max((p for p in (kb / "generations").rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
    blob = bytearray(victim.read_bytes())
    blob[len(blob) // 2] ^= 1
    victim.chmod(0o600)
    victim.write_bytes(blob)

    assert run(question) == STORE_DAMAGED
    assert victim.name in capsys.readouterr().err
    assert run(["verify", "kb", "--json"]) == STORE_DAMAGED
    capsys.readouterr()
    assert run(["repair", "kb"]) == OK
    capsys.readouterr()
    assert run(question) == OK
    assert _json(capsys)["passages"] == before


def test_a_second_writer_is_refused(kb: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from rag.knowledge_base import KnowledgeBase

    with KnowledgeBase.open(kb, mode="w"):
        assert run(["ingest", "docs", "--into", "kb"]) == STORE_LOCKED
    assert str(os.getpid()) in capsys.readouterr().err


def test_documents_cannot_drive_the_terminal(docs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evil = "The code is 42.\x1b]52;c;ZXZpbA==\x07\x1b[2J\x9b31m \u202eevil"
    (docs / "evil\x1b[31m.md").write_text(f"# Evil\x1b[0m\n\n{evil}\n")
    run(["ingest", "docs", "--into", "kb", "--embedder", "hashing-64"])
    run(["search", "kb", "code 42"])
    run(["ask", "kb", "What is the code?"])
    shown = capsys.readouterr()
    for text in (shown.out, shown.err):
        assert not {c for c in text if (ord(c) < 32 and c not in "\n\t") or 0x7F <= ord(c) <= 0x9F or c == "\u202e"}


@pytest.mark.slow
def test_chat_answers_a_pipe_line_by_line(kb: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.cli", "chat", str(kb), "--json"],
        input="When was the far side seen?\nHow hot is green tea?\n",
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [a["question"] for a in answers] == ["When was the far side seen?", "How hot is green tea?"]


@pytest.mark.parametrize(("rewrite", "found"), [("auto", True), ("none", False)])
def test_a_question_of_a_conversation_is_searched_for_with_its_topic(
    kb: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], rewrite: str, found: bool
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("How hot is green tea?\nWhy is it so?\n"))
    assert run(["chat", str(kb), "--json", "--rewrite", rewrite]) == OK
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (first["question"], second["question"]) == ("How hot is green tea?", "Why is it so?")
    assert ("tea" in second["searched"]) is found
    if found:
        assert second["passages"][0]["source"].endswith("tea.md")


def test_the_query_path_imports_neither_torch_nor_transformers(kb: Path) -> None:
    code = (
        "import sys; from pipelines.cli import run; run(['ask', sys.argv[1], 'green tea?', '--json']);"
        "heavy = {'torch', 'transformers', 'sentence_transformers', 'matplotlib', 'faiss.contrib'} & set(sys.modules);"
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(kb)], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr


DROPPING = """
import signal, sys, time, weakref
from pipelines import cli

def run(arguments):
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    class Handle: pass
    def closed(_): raise KeyboardInterrupt
    handle = Handle()
    watched = weakref.ref(handle, closed)
    del handle
    try:
        time.sleep(100)
    except KeyboardInterrupt:
        return 130

cli.run = run
cli.main([])
"""


def test_an_interrupt_that_comes_in_a_callback_is_heard_all_the_same() -> None:
    done = subprocess.run([sys.executable, "-c", DROPPING], capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stderr) == (130, "")


def test_repair_that_may_have_lost_documents_says_so(kb: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = kb / "store.sqlite"
    with store.open("r+b") as file:
        file.truncate(store.stat().st_size // 2 + 1)
    assert run(["repair", "kb"]) == SOME_FILES_FAILED
    assert "ingest your folders again" in capsys.readouterr().out
    assert run(["verify", "kb"]) == OK


@pytest.mark.slow
def test_a_thread_that_a_deadline_left_in_torch_does_not_crash_the_end() -> None:
    program = """
import torch
import pipelines.cli as cli
from rag.deadlines import within
from rag.errors import OutOfTime

def work():
    matrix = torch.rand(300, 300)
    while True:
        matrix @ matrix

def run(arguments):
    try:
        within(0.2, work)
    except OutOfTime:
        print("said", flush=False)
        return 11

cli.run = run
cli.main([])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (11, "said\n"), done.stderr
