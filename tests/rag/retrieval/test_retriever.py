"""A refined retriever of names and parts of one's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rag import Document, KnowledgeBase, RefinedRetriever, Retriever
from rag.components import Tools
from rag.context import context
from rag.errors import InvalidInput
from rag.reranking import reranking
from rag.testing import HashingEmbedder

QUESTION = "Where do otters sleep?"
TEXTS = ["Otters sleep in kelp.", "Otters sleep in the kelp.", "Seals sleep on ice.", "Herons stand in water."]


@pytest.fixture(scope="module")
def kb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KnowledgeBase]:
    place: Path = tmp_path_factory.mktemp("refining") / "kb"
    with KnowledgeBase.create(place, embedder=HashingEmbedder(64), chunker="document") as made:
        made.add(Document.from_text(text, id=str(n)) for n, text in enumerate(TEXTS))
        yield made


class Backwards:
    name = "backwards"

    def score(self, question, passages, *, deadline=None):
        return list(range(len(passages)))


def test_names_do_what_the_functions_make_of_them(kb):
    plain, tools = Retriever(kb, k=3), Tools(kb)
    by_name = RefinedRetriever(plain, reranking="mmr:diversity=0.5", context="unique").search(QUESTION)
    by_hand = RefinedRetriever(
        plain, reranking=reranking("mmr:diversity=0.5", tools), context=context("unique", tools)
    ).search(QUESTION)
    assert by_name.passages == by_hand.passages
    assert by_name.notes == by_hand.notes


def test_nothing_named_changes_nothing(kb):
    plain = Retriever(kb, k=3)
    for retriever in (RefinedRetriever(plain), RefinedRetriever(plain, reranking="none", context="none")):
        assert retriever.search(QUESTION).passages == plain.search(QUESTION).passages


def test_parts_of_ones_own_are_taken(kb):
    plain = [p.document for p in Retriever(kb, k=4).retrieve(QUESTION)]
    turned = [p.document for p in RefinedRetriever(Retriever(kb, k=4), reranking=[Backwards()]).retrieve(QUESTION)]
    assert turned == plain[::-1]


def test_what_is_unknown_or_lacks_a_model_is_refused_at_once(kb):
    with pytest.raises(InvalidInput, match="mmr"):
        RefinedRetriever(Retriever(kb), reranking="mrm")
    with pytest.raises(InvalidInput, match="unique"):
        RefinedRetriever(Retriever(kb), context="uniqe")
    with pytest.raises(InvalidInput, match="needs a language model"):
        RefinedRetriever(Retriever(kb), reranking="listwise")
