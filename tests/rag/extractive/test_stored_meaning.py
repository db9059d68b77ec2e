"""Sentences are compared with the question by the vectors that the knowledge base keeps of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rag import Bot
from rag.documents.document import Document
from rag.embedding import HashingEmbedder
from rag.extractive.features import NAMES, with_cosines
from rag.extractive.generator import ExtractiveGenerator
from rag.extractive.stored_meaning import stored_similarities
from rag.grounding.quotable_sentences import candidates
from rag.knowledge_base import KnowledgeBase
from rag.retrieval.retriever import Retriever

TEXTS = {
    "tea": "# Tea\n\n- Pour hot water over the leaves.\n- Wait for four minutes.\n\nGreen tea takes two minutes.",
    "oil": "The embargo began in October 1973. Prices rose to twelve dollars. Cars were parked.",
}


class Watched(HashingEmbedder):
    """Knows what it has embedded."""

    def __init__(self, dim):
        super().__init__(dim)
        self.seen = []

    def embed_passages(self, texts):
        self.seen += texts
        return super().embed_passages(texts)


@pytest.fixture(scope="module")
def kb(tmp_path_factory):
    place = tmp_path_factory.mktemp("stored") / "kb"
    with KnowledgeBase.create(place, embedder=Watched(256), granularity="chunk+sentence") as made:
        made.add(Document.from_text(text, id=name) for name, text in TEXTS.items())
        yield made


def asked(kb, question):
    return lambda: kb.embedder.embed_queries([question])[0]


def test_each_sentence_has_the_cosine_of_its_own_vector(kb):
    passages = Retriever(kb, rewrite="none").retrieve("How long does tea take?", 2)
    found = candidates(passages)
    cosines = stored_similarities(kb.sentence_vectors, asked(kb, "How long does tea take?"), found, passages)
    own = kb.embedder.embed_passages([each.text for each in found]) @ asked(kb, "How long does tea take?")()
    alone = [i for i, each in enumerate(found) if passages[each.passage].document == "oil"]
    assert len(alone) == 3
    np.testing.assert_allclose(cosines[alone], own[alone], atol=1e-5)
    assert cosines.argmax() == own.argmax()


@pytest.mark.parametrize("changed", ["Another text. Of two sentences. Or three. Or four. Or five.", "One."])
def test_a_passage_with_another_text_than_its_chunk_has_none(kb, changed):
    passages = [replace(each, text=changed) for each in Retriever(kb, rewrite="none").retrieve("tea", 1)]
    assert stored_similarities(kb.sentence_vectors, asked(kb, "tea"), candidates(passages), passages) is None


def test_vectors_that_are_not_finite_are_refused(kb):
    passages = Retriever(kb, rewrite="none").retrieve("tea", 1)

    def broken(chunks):
        vectors, owners = kb.sentence_vectors(chunks)
        return vectors * np.nan, owners

    with pytest.raises(ValueError, match="not finite"):
        stored_similarities(broken, asked(kb, "tea"), candidates(passages), passages)


def test_a_bot_embeds_no_sentence_when_it_is_asked(kb):
    with Bot(kb) as bot:
        kb.embedder.seen.clear()
        bot.ask("How long does green tea take?")
        assert set(kb.embedder.seen) <= {"How long does green tea take?"}


def test_without_stored_vectors_the_best_sentences_are_embedded(tmp_path):
    with KnowledgeBase.create(tmp_path / "kb", embedder=Watched(64), granularity="chunk") as kb:
        kb.add(Document.from_text(text, id=name) for name, text in TEXTS.items())
        passages = Retriever(kb, rewrite="none").retrieve("How long does green tea take?", 2)
        kb.embedder.seen.clear()
        generator = ExtractiveGenerator(kb.embedder, kb.analyser, threshold=0.0, stored=kb.sentence_vectors)
        answer = generator.generate("How long does green tea take?", passages)
        assert "Green tea takes two minutes." in kb.embedder.seen
        assert not answer.degraded


def test_neighbours_and_passages_are_seen_within_a_passage_only():
    rows = with_cosines(np.zeros((4, len(NAMES))), np.array([0.1, 0.5, 0.9, 0.3]), [0, 0, 1, 1])
    scaled = rows[:, NAMES.index("cosine")]
    np.testing.assert_allclose(rows[:, NAMES.index("cosine_before")], [0, scaled[0], 0, scaled[2]])
    np.testing.assert_allclose(rows[:, NAMES.index("cosine_after")], [scaled[1], 0, scaled[3], 0])
    np.testing.assert_allclose(rows[:, NAMES.index("cosine_gap")], scaled - scaled[2])
    np.testing.assert_allclose(rows[:, NAMES.index("cosine_passage")], [scaled[1] - scaled[2]] * 2 + [0, 0])
