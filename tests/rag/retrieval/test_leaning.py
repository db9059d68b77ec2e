"""A question in a language that the documents are not in leans on the dense search, where the model can read it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rag.documents.document import Document
from rag.embedding.ensemble import EnsembleEmbedder
from rag.embedding.truncated import TruncatedEmbedder
from rag.knowledge_base import KnowledgeBase
from rag.retrieval.leaning import LEANING
from rag.retrieval.retriever import Retriever
from rag.testing import HashingEmbedder

ENGLISH = [
    "The old mill grinds wheat for the bakery that is next to the bridge of the town.",
    "The ferry crosses the river twice a day and takes bicycles, but it takes no cars.",
    "The museum shows clocks that were made in the valley, and it is open from May to October.",
    "The school was built after the fire, with the stones of the castle that stood on the hill.",
]
SPANISH = "El molino viejo muele trigo para la panadería que está junto al puente de la ciudad."
JAPANESE = "古い水車小屋は、橋の隣のパン屋のために小麦をひいている。"
ASKED = "¿Dónde está el molino de la ciudad vieja?"


class Polyglot(HashingEmbedder):
    """Says that it reads many languages."""

    multilingual = True


def opened(place: Path, texts: list[str], embedder: HashingEmbedder) -> KnowledgeBase:
    with KnowledgeBase.create(place, embedder=embedder, chunker="document") as kb:
        kb.add(Document.from_text(text, id=f"d{n}") for n, text in enumerate(texts))
    return KnowledgeBase.open(place, embedder=embedder)


@pytest.fixture(scope="module")
def english(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KnowledgeBase]:
    with opened(tmp_path_factory.mktemp("leaning") / "kb", ENGLISH, Polyglot(64)) as kb:
        yield kb


def leaning(kb: KnowledgeBase, question: str, **options: object) -> str:
    return Retriever(kb, rewrite="none", **options).explain(question).queries[0].leaning


def test_it_leans_and_says_so(english: KnowledgeBase) -> None:
    found = Retriever(english, rewrite="none").explain(ASKED)
    assert found.queries[0].leaning == "the question is in 'es' and the documents are not: dense weight 0.85"
    assert found.as_dict()["queries"][0]["leaning"]
    by_hand = Retriever(english, rewrite="none", dense_weight=LEANING).explain(ASKED)
    assert [each.score for each in found.passages] == [each.score for each in by_hand.passages]


def test_an_own_language_does_not(english: KnowledgeBase) -> None:
    assert not leaning(english, "Where is the mill of the old town?")
    assert not leaning(english, "XK-42")  # of no language


def test_a_lower_weight_or_a_single_search_was_meant(english: KnowledgeBase) -> None:
    assert not leaning(english, ASKED, dense_weight=0.4)
    assert not leaning(english, ASKED, dense_weight=0.9)
    assert not leaning(english, ASKED, fusion="terms")
    assert not leaning(english, ASKED, fusion="rrf")
    assert leaning(english, ASKED, fusion="minmax")


def test_a_model_of_one_language_does_not(tmp_path: Path) -> None:
    with opened(tmp_path / "kb", ENGLISH, HashingEmbedder(64)) as kb:
        assert not leaning(kb, ASKED)


def test_documents_of_both_languages(tmp_path: Path) -> None:
    with opened(tmp_path / "kb", [*ENGLISH, SPANISH], Polyglot(64)) as kb:
        assert not leaning(kb, ASKED)
        # One who may see English documents alone must not learn by the weight that there are Spanish ones.
        assert leaning(kb, ASKED, where='document != "d4"')


def test_characters_that_two_languages_share(tmp_path: Path) -> None:
    with opened(tmp_path / "kb", [JAPANESE], Polyglot(64)) as kb:
        assert not leaning(kb, "水車小屋")
        assert leaning(kb, ASKED)


def test_documents_of_unknown_language(tmp_path: Path) -> None:
    with opened(tmp_path / "kb", ["x = 3 + 4; y = x ** 2"], Polyglot(64)) as kb:
        assert not leaning(kb, ASKED)


def test_a_composed_embedder_is_what_its_parts_are() -> None:
    assert TruncatedEmbedder(Polyglot(64), 32).multilingual
    assert not TruncatedEmbedder(HashingEmbedder(64), 32).multilingual
    assert EnsembleEmbedder([Polyglot(64), Polyglot(32)]).multilingual
    assert not EnsembleEmbedder([Polyglot(64), HashingEmbedder(32)]).multilingual
