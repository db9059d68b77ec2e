from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.cli import run as cli
from pipelines.cli.exit_codes import OK
from rag import reranking
from rag.components import Tools
from rag.documents import Document
from rag.errors import InvalidInput
from rag.explanation import explain
from rag.knowledge_base import KnowledgeBase
from rag.refining import RefinedRetriever
from rag.retriever import Retriever
from rag.rewriting import RewritingRetriever, rewriting
from rag.testing import HashingEmbedder

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
        assert sum(hit.adds for _, hit in passage.hits) == pytest.approx(passage.score, abs=1e-5)
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
    inner = RewritingRetriever(Retriever(kb), rewriting("auto", Tools(kb)))
    outer = RefinedRetriever(inner, reranking=reranking.reranking("mmr", Tools(kb)))
    found = outer.explain("how is tea steepd", 3)
    assert found.queries[0].text == "how is tea steeped"
    assert [step.name for step in found.rewriting] == ["auto"]
    assert {move.chunk for move in found.moves} == {p.chunk for p in found.passages}
    assert [(p.chunk, p.score) for p in found.passages] == [
        (p.chunk, p.score) for p in outer.retrieve("how is tea steepd", 3)
    ]
    assert json.loads(json.dumps(found.as_dict()))["question"] == "how is tea steepd"
    assert "rewrite" in dict(found.seconds)


def test_what_has_no_layers_is_refused(kb: KnowledgeBase):
    class Own:
        k = 3

    with pytest.raises(InvalidInput, match="Own cannot be explained"):
        explain(Own(), "x")


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
