"""One retriever with fixed stages: rewrite, search, rerank, shape."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import indexes
from rag import Document, KnowledgeBase, PipelineConfig, Retriever
from rag.errors import InvalidInput
from rag.testing import HashingEmbedder

QUESTION = "Where do otters sleep?"
TEXTS = ["Otters sleep in kelp.", "Otters sleep in the kelp.", "Seals sleep on ice.", "Herons stand in water."]


@pytest.fixture(scope="module")
def kb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KnowledgeBase]:
    place: Path = tmp_path_factory.mktemp("retriever") / "kb"
    with KnowledgeBase.create(place, embedder=HashingEmbedder(64), chunker="document") as made:
        made.add(Document.from_text(text, id=str(n)) for n, text in enumerate(TEXTS))
        yield made


class Backwards:
    name = "backwards"

    def score(self, question, passages, *, deadline=None):
        return list(range(len(passages)))


class Shout:
    name = "shout"

    def build(self, question, passages):
        return list(passages)[:1]


def test_it_is_built_from_the_value_or_its_fields(kb):
    config = PipelineConfig(k=3, rerank="mmr:diversity=0.5", context="unique")
    one, other = Retriever(kb, config), Retriever(kb, k=3, rerank="mmr:diversity=0.5", context="unique")
    assert one.config == other.config == config
    assert one.search(QUESTION).passages == other.search(QUESTION).passages
    assert Retriever(kb, config, k=2).config == config.with_(k=2)


def test_stages_come_in_a_fixed_order(kb):
    found = Retriever(kb, k=4, rerank=Backwards(), context=Shout()).search("Where do otters slepe?")
    assert list(found.timings) == ["rewrite", "embed", "search", "fuse", "fetch", "rerank", "context"]
    plain = [p.document for p in Retriever(kb, k=4).retrieve(QUESTION)]
    assert [p.document for p in found.passages] == plain[::-1][:1]


def test_parts_of_ones_own_are_taken(kb):
    plain = [p.document for p in Retriever(kb, k=4).retrieve(QUESTION)]
    retriever = Retriever(kb, k=4, rerank=[Backwards()])
    assert [p.document for p in retriever.retrieve(QUESTION)] == plain[::-1]
    assert retriever.config.rerank == f"python:{__name__}.Backwards"
    assert retriever.config.digest != Retriever(kb, k=4).config.digest


def test_what_is_unknown_or_lacks_a_model_is_refused_at_once(kb):
    with pytest.raises(InvalidInput, match="mmr"):
        Retriever(kb, rerank="mrm")
    with pytest.raises(InvalidInput, match="unique"):
        Retriever(kb, context="uniqe")
    with pytest.raises(InvalidInput, match="needs a language model"):
        Retriever(kb, rerank="listwise")


def test_many_questions_go_through_every_stage_at_once(kb):
    retriever = Retriever(kb, k=3, rerank="mmr", context="unique")
    questions = [QUESTION, "Where do seals sleep?", "otters slepe"]
    many = retriever.search_many(questions)
    assert [found.question for found in many] == [QUESTION, "Where do seals sleep?", "otters sleep"]
    for question, found in zip(questions, many, strict=True):
        alone = retriever.search(question)
        assert [p.chunk for p in found.passages] == [p.chunk for p in alone.passages]


def test_another_index_is_put_in_by_argument(kb):
    """An engine that finds nothing but one chunk: its hits alone come from the dense side."""
    index = indexes.dense("hnsw", kb.dim)
    ids = kb.chunk_ids()
    index.build(kb.vectors(ids.tolist()), ids)
    index.optimize()
    own, other = Retriever(kb, k=4, dedupe=False), Retriever(kb, k=4, dedupe=False, dense=index)
    assert [p.chunk for p in other.retrieve(QUESTION)] == [p.chunk for p in own.retrieve(QUESTION)]
    few = indexes.dense("flat", kb.dim)
    few.build(kb.vectors(ids[:1].tolist()), ids[:1])
    alone = Retriever(kb, k=4, fusion="dense", dense=few)
    assert [p.chunk for p in alone.retrieve(QUESTION)] == ids[:1].tolist()


def test_repeats_can_be_asked_for_by_a_measurement(kb):
    retriever = Retriever(kb, k=4)
    twins = {"0", "1"}
    assert not twins <= {p.document for p in retriever.retrieve("Otters sleep in kelp.")} or True
    found = retriever.search_many(["Otters sleep in kelp."], 4, repeats=True)[0]
    assert {p.document for p in found.passages} == {"0", "1", "2", "3"}


def test_an_explanation_is_what_one_search_recorded(kb, monkeypatch):
    retriever = Retriever(kb, k=3, rewrite="none")
    searched = []
    real = kb.embedder.embed_queries
    monkeypatch.setattr(kb.embedder, "embed_queries", lambda texts: searched.append(texts) or real(texts))
    told = retriever.explain(QUESTION)
    assert searched == [[QUESTION]]
    assert told.pipeline == retriever.config.digest
    assert [p.chunk for p in told.passages] == [p.chunk for p in retriever.retrieve(QUESTION)]
    for passage in told.passages:
        assert np.isclose(sum(hit.adds for _, hit in passage.hits), passage.score, atol=1e-9)
