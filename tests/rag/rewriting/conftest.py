from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest

from rag.documents.document import Document
from rag.knowledge_base import KnowledgeBase
from rag.retrieval.retriever import Retriever
from rag.rewriting.corpus import Corpus
from rag.terms import Analyser
from rag.testing import HashingEmbedder

TEXTS = {
    "tea": "Green tea is steeped at eighty degrees so that the leaves do not turn bitter.",
    "coffee": "Coffee is brewed hotter than tea, at ninety degrees, and ground coarse for a press.",
    "photosynthesis": "Photosynthesis turns light into sugar in the chloroplasts of leaves.",
    "rag": "Retrieval-augmented generation (RAG) lets a model read documents before it answers.",
    "rag2": "A pipeline for RAG needs an index, a retriever and a generator.",
    "beethoven": "Beethoven wrote nine symphonies, the last of them when he was deaf.",
    "throat": "Throat cancer is treatable when it is found early; smoking is its main cause.",
    "lisbon": "Lisbon was shaken by an earthquake in 1755 that destroyed most of the city.",
}


@pytest.fixture(scope="module")
def kb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KnowledgeBase]:
    place = tmp_path_factory.mktemp("rewriting") / "kb"
    with KnowledgeBase.create(place, embedder=HashingEmbedder(64), chunker="document") as made:
        made.add(Document.from_text(text, id=name) for name, text in TEXTS.items())
    with KnowledgeBase.open(place, embedder=HashingEmbedder(64)) as opened:
        yield opened


@pytest.fixture(scope="module")
def corpus(kb: KnowledgeBase) -> Corpus:
    plain = Retriever(kb, rewrite="none")
    return Corpus(kb, plain.retrieve)


class Plain:
    """A corpus in memory: BM25's place is taken by counting shared terms."""

    dense = False

    def __init__(self, texts: list[str]) -> None:
        self.analyser, self.texts, self.n = Analyser(), texts, len(texts)
        self.bags = [Counter(self.analyser.terms(text)) for text in texts]

    def frequencies(self):
        return dict(Counter(term for bag in self.bags for term in bag))

    def holding(self, terms, k):
        scored = [
            (text, float(sum(w for t, w in terms.items() if t in bag)))
            for text, bag in zip(self.texts, self.bags, strict=True)
        ]
        return sorted((each for each in scored if each[1] > 0), key=lambda each: -each[1])[:k]

    def nearest(self, vector, k):
        return np.eye(len(vector), dtype=np.float32)[:k]


@pytest.fixture
def plain() -> type[Plain]:
    return Plain
