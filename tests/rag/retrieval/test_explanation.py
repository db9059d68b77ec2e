from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from pipelines.cli import run as cli
from pipelines.cli.exit_codes import OK
from pipelines.cli.explanation_table import tables
from rag.documents.document import Document
from rag.knowledge_base import KnowledgeBase
from rag.retrieval.retriever import Retriever
from rag.testing import HashingEmbedder, ScriptedGenerator

LONG = (
    "Green tea is steeped at eighty degrees so that the leaves do not turn bitter, for two minutes, in a warm pot, and "
    "it is poured at once when the time is up because standing longer draws out more than anybody wants to drink"
)
TEXTS = {
    "tea": f"{LONG}.",
    "tea copy": f"{LONG}.",
    "coffee": "Coffee is brewed hotter than tea, at ninety degrees.",
    "symphony": "Beethoven wrote nine symphonies.",
}


@pytest.fixture
def kb(tmp_path: Path) -> Iterator[KnowledgeBase]:
    with KnowledgeBase.create(tmp_path / "kb", embedder=HashingEmbedder(64), chunker="document") as made:
        made.add(Document.from_text(text, id=name) for name, text in TEXTS.items())
    with KnowledgeBase.open(tmp_path / "kb", embedder=HashingEmbedder(64)) as opened:
        yield opened


@pytest.mark.parametrize("fusion", ["zscore", "rrf", "minmax", "dbsf", "adaptive"])
def test_what_the_searches_add_sums_to_the_score(kb: KnowledgeBase, fusion: str):
    retriever = Retriever(kb, fusion=fusion)
    found = retriever.explain("How hot is green tea?", 3)
    assert [(p.chunk, p.score) for p in found.passages] == [
        (p.chunk, p.score) for p in retriever.retrieve("How hot is green tea?", 3)
    ]
    for passage in found.passages:
        assert sum(hit.adds for _, hit in passage.hits) == pytest.approx(passage.score, abs=1e-12)
        assert passage.fused == passage.score
        for name, hit in passage.hits:
            own = dict(next(hits for view, hits in found.queries[0].hits if view == name) and [(name, hit)])
            assert own[name].rank >= 0
    dense = dict(found.queries[0].hits)["dense"]
    assert [hit.rank for hit in dense] == [1, 2, 3, 4]
    scores = [hit.score for hit in dense]
    assert scores == sorted(scores, reverse=True)


def test_what_was_dropped_has_its_reason(kb: KnowledgeBase):
    dropped = Retriever(kb, k=4).explain("How hot is green tea?").queries[0].dropped
    assert [reason for _, _, reason in dropped] == ["repeats a better passage"]
    assert {document for _, document, _ in dropped} <= {"tea", "tea copy"}


def test_rewriting_and_reranking_are_told(kb: KnowledgeBase):
    outer = Retriever(kb, rewrite="auto", rerank="mmr")
    found = outer.explain("how is tea steepd", 3)
    assert found.queries[0].text == "how is tea steeped"
    assert [step.name for step in found.rewriting] == ["auto"]
    assert {p.chunk for p in found.passages} <= {move.chunk for move in found.moves}
    assert [move.after for move in found.moves] == list(range(1, len(found.moves) + 1))
    for passage in found.passages:
        assert passage.fused == pytest.approx(sum(hit.adds for _, hit in passage.hits), abs=1e-12)
        assert passage.reranked == (("mmr", passage.score),)
    assert [(p.chunk, p.score) for p in found.passages] == [
        (p.chunk, p.score) for p in outer.retrieve("how is tea steepd", 3)
    ]
    assert json.loads(json.dumps(found.as_dict()))["question"] == "how is tea steepd"
    assert "rewrite" in dict(found.seconds)


def test_several_queries_add_up_and_the_model_is_asked_once(kb: KnowledgeBase):
    model = ScriptedGenerator(['["eighty degrees", "temperature of tea"]', "[2] > [3] > [1]"])
    outer = Retriever(kb, k=2, rewrite="multi-query", rerank="listwise+recency", rerank_in=3, model=model)
    found = outer.explain("How hot is green tea?")
    assert len(model.calls) == 2
    assert [query.weight for query in found.queries] == [1.0, 0.5, 0.5]
    for passage in found.passages:
        assert passage.joined == sum(adds for _, _, adds in passage.queries)
        assert [adds for number, rank, adds in passage.queries if number == 2] == [
            0.5 / (60 + rank) for number, rank, _ in passage.queries if number == 2
        ]
        assert [name for name, _ in passage.reranked] == ["listwise", "recency"]
        assert passage.reranked[-1][1] == passage.score
    assert len(found.passages) == 2
    assert [move.after for move in found.moves] == [1, 2, 3]  # the one that fell out is told too


def test_what_the_context_left_out_has_its_reason(kb: KnowledgeBase):
    outer = Retriever(kb, k=3, context="budget:tokens=30")
    found = outer.explain("How hot is coffee?")
    assert {why for _, _, why in found.dropped} == {"budget: did not fit the budget"}
    assert {document for _, document, _ in found.dropped} < set(TEXTS)


def test_rich_prints_it_and_no_text_drives_the_terminal(kb: KnowledgeBase):
    console = Console(record=True, width=160, file=io.StringIO())
    console.print(tables(Retriever(kb).explain("How hot\x1b[31m is [bold]tea\u202e?", 2)))
    told = console.export_text()
    assert "How hot[31m is [bold]tea?" in told
    assert "joined by ZScore(dense_weight=0.7)" in told
    scores = re.findall(r"= ([+-]\d+\.\d+) .* = ([+-]\d+\.\d+) +(-?\d+\.\d+)", told)
    assert len(scores) == 2
    for dense, terms, score in scores:
        assert round(float(dense) + float(terms), 5) == float(score)


def test_the_command_line(kb: KnowledgeBase, capsys: pytest.CaptureFixture[str]):
    assert cli(["search", str(kb.path), "how is tea steepd", "--explain"]) == OK
    out = capsys.readouterr().out
    assert "searched for: how is tea steeped" in out
    assert "joined by ZScore" in out
    assert cli(["search", str(kb.path), "how is tea steepd", "--explain", "--json"]) == OK
    told = json.loads(capsys.readouterr().out)
    assert told["queries"][0]["text"] == "how is tea steeped"
    assert cli(["search", str(kb.path), "how is tea steepd", "--rewrite", "none", "--json", "--explain"]) == OK
    assert json.loads(capsys.readouterr().out)["rewriting"] == []
