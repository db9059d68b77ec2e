"""The bot under load: by a clock that stands still unless somebody works, and by the command line."""

from __future__ import annotations

import hashlib
import json

import pytest

from pipelines.benchmark import bot_load as module
from pipelines.benchmark.bot_load import ADDED, bot_under_load, load_saved
from pipelines.benchmark.load import Load
from pipelines.benchmark.report import report_page
from pipelines.benchmark.results import read
from pipelines.cli import run as cli
from rag import Document, KnowledgeBase, PipelineConfig
from rag.bot import Bot

QUESTIONS = ["Where does otter 3 sleep?", "What does otter 7 eat?"]


class Simulated:
    """A clock that stands still unless somebody works or waits."""

    def __init__(self):
        self.time = 0.0

    def now(self):
        return self.time

    def sleep_until(self, moment):
        self.time = max(self.time, moment)


@pytest.fixture(scope="module")
def kb(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kb") / "kb"
    texts = [
        f"Otter number {i} eats fish number {i + 1}. It sleeps under stone number {i} of the river." for i in range(20)
    ]
    with KnowledgeBase.create(folder, embedder="hashing-32", chunker="document", indexes=["flat", "bm25"]) as base:
        base.add([Document.from_text(text, id=str(i)) for i, text in enumerate(texts)])
    return folder


def digest(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "lock")
    return hashlib.sha256(b"".join(path.name.encode() + path.read_bytes() for path in files)).hexdigest()


def measured(kb, tmp_path, monkeypatch, load, seconds=0.01):
    """Let an answer and a write take ``seconds`` of a simulated clock."""
    clock, seen = Simulated(), {"asked": [], "ids": set()}
    ask, write = Bot.ask, module._Requests.write

    def slow_ask(self, question, **options):
        seen["asked"].append(question)
        clock.time += seconds
        return ask(self, question, **options)

    def slow_write(self):
        write(self)
        clock.time += seconds
        seen["ids"] |= {name for name in self._writer.document_ids() if name.startswith(ADDED)}

    monkeypatch.setattr(Bot, "ask", slow_ask)
    monkeypatch.setattr(module._Requests, "write", slow_write)
    found = bot_under_load(
        kb, QUESTIONS, "two questions", config=PipelineConfig(), load=load, scratch=tmp_path, clock=clock
    )
    return found, seen


@pytest.mark.slow
def test_the_bot_keeps_up_with_what_it_can_do(kb, tmp_path, monkeypatch):
    found, seen = measured(kb, tmp_path, monkeypatch, Load(rates=(20.0, 60.0, 140.0), seconds=1.0))
    (series,) = found.figures["series"]
    assert series["capacity"] == pytest.approx(100)
    assert series["keeps_up_to"] == 60.0
    assert [each["kept_up"] for each in series["steps"]] == [True, True, False]
    assert series["steps"][2]["p99_ms"] > 200 > 50 > series["steps"][2]["service_p99_ms"]
    assert series["steps"][0]["recall"] is None
    assert set(seen["asked"]) == set(QUESTIONS)
    assert found.pipeline["digest"]


@pytest.mark.slow
def test_writes_change_a_copy_only(kb, tmp_path, monkeypatch):
    before = digest(kb)
    found, seen = measured(kb, tmp_path, monkeypatch, Load(rates=(20.0,), seconds=1.0, writes=0.3))
    alone, mixed = found.figures["series"]
    assert (alone["writes"], mixed["writes"]) == (0.0, 0.3)
    assert mixed["steps"][0]["write_p50_ms"] >= 9.9
    assert len(seen["ids"]) > 10
    assert digest(kb) == before
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_added_documents_replace_each_other(kb, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_ADDED_AT_MOST", 3)
    _, seen = measured(kb, tmp_path, monkeypatch, Load(rates=(20.0,), seconds=1.0, writes=0.3))
    assert seen["ids"] == {f"{ADDED}{n}" for n in range(3)}


@pytest.mark.slow
def test_by_the_command_line(kb, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("RAG_CACHE_DIR", str(tmp_path / "cache"))
    out, page = tmp_path / "out", tmp_path / "page.html"
    arguments = ["bench", "--data", str(kb), "--index", "flat", "--rounds", "1", "-k", "3", "--no-answers"]
    load = ["--load", "100,200", "--load-time", "100ms", "--writes", "0.3", "--threads", "2"]
    assert cli([*arguments, *load, "--out", str(out), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["bot_load"]["figures"]["servers"] == 2
    assert [each["writes"] for each in printed["bot_load"]["figures"]["series"]] == [0.0, 0.3]
    saved = load_saved(out)
    assert saved is not None
    assert "The bot under load" in report_page(read(out), None, None, saved)
    assert cli(["bench", "report", str(out), "--html", str(page)]) == 0
    assert "The bot under load" in page.read_text()
    capsys.readouterr()
    assert cli(["bench", "report", str(out)]) == 0
    assert "the bot under load" in capsys.readouterr().out
    assert load_saved(tmp_path) is None
