"""A question of a conversation is searched for by its own terms and by a vector that leans towards the talk."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from rag import Bot, Message, Query, Retriever
from rag.documents.document import Document
from rag.embedding import HashingEmbedder
from rag.knowledge_base import KnowledgeBase
from rag.rewriting.condensing import Condenser, in_conversation
from rag.rewriting.corpus import Corpus
from rag.rewriting.protocol import QueryDraft, Unfinished
from rag.terms import topic_terms

TEXTS = {
    "kite": "What is a red kite? The red kite is a bird. A red kite will nest in trees.",
    "heron": "What is a grey heron? The grey heron is a bird. A grey heron will nest in trees.",
    "lathe": "A lathe turns wood. It is driven by a belt.",
}


@pytest.fixture(scope="module")
def kb(tmp_path_factory):
    with KnowledgeBase.create(tmp_path_factory.mktemp("talk") / "kb", embedder=HashingEmbedder(1024)) as made:
        made.add(Document.from_text(text, id=name) for name, text in TEXTS.items())
        yield made


@pytest.fixture
def corpus(kb):
    return Corpus(kb, lambda *_: [], dense=True)


def draft(text, *history, answer=""):
    return QueryDraft(text, text, history, answer=answer)


def test_the_vector_is_the_weighted_sum_of_question_turns_and_answer():
    embedder = HashingEmbedder(256)
    asked = draft(
        "Where do they nest?", "one", "What is a red kite?", "What does it eat?", "Red kites", answer="Birds."
    )
    q, a, *turns = embedder.embed_queries([asked.text, asked.answer, *asked.history[-3:]])
    heard = np.sum(turns, axis=0)
    wanted = q + 0.4 * heard / np.linalg.norm(heard) + 0.2 * a
    np.testing.assert_allclose(in_conversation(asked, embedder), wanted / np.linalg.norm(wanted), atol=1e-6)


def test_terms_stay_the_questions_own_and_the_text_says_the_topic(corpus):
    found = Condenser().rewrite(draft("Where do they nest?", "What is a red kite?"), corpus)
    assert found.text == "Where do they nest? (red kite)"
    assert set(found.terms) == set(topic_terms("Where do they nest?", corpus.analyser))
    assert found.vector is not None


def test_a_clear_question_is_searched_as_asked(corpus):
    asked = draft("What drives the belt of a lathe that turns wood?", "What is a red kite?", answer="A bird of prey.")
    assert Condenser().rewrite(asked, corpus) is asked


def test_a_question_in_doubt_is_searched_as_asked_first(corpus):
    found = Condenser().rewrite(draft("But how is a lathe driven?", "What is a red kite?"), corpus)
    assert (found.text, found.terms, found.vector) == ("But how is a lathe driven?", None, None)
    assert [each.weight for each in found.variants] == [0.0]


@pytest.mark.parametrize(("talk", "first"), [("What is a red kite?", "kite"), ("What is a grey heron?", "heron")])
def test_the_talk_decides_what_is_found(kb, talk, first):
    with Retriever(kb) as retriever:
        assert retriever.retrieve(Query("Where do they nest?", (talk,)))[0].document == first


def test_a_bot_hands_on_its_last_answer(kb):
    class Seen:
        name, waits = "seen", False

        def rewrite(self, asked, corpus, *, deadline=None):
            self.asked = asked
            return asked

    seen = Seen()
    turns = [Message("user", "What wades?"), Message("assistant", "The grey heron.")]
    with Bot(Retriever(kb, rewrite=seen)) as bot:
        bot.ask("Where does it nest?", history=turns)
        assert (seen.asked.history, seen.asked.answer) == (("What wades?",), "The grey heron.")
        bot.ask(
            "Where?",
            history=[*turns, Message("user", "Why?"), Message("assistant", "The documents do not answer this.")],
        )
        assert seen.asked.answer == "The grey heron."


def test_without_vectors_the_words_of_the_topic_are_searched_for(kb):
    found = Condenser().rewrite(draft("Where do they nest?", "What is a red kite?"), Corpus(kb, lambda *_: []))
    assert (found.text, found.terms, found.vector) == ("Where do they nest? (red kite)", None, None)


@pytest.mark.parametrize("fault", ["raises", "hangs"])
def test_an_embedder_that_fails_leaves_the_words(kb, fault):
    over = threading.Event()

    class Faulty(Corpus):
        @property
        def embedder(self):
            return self

        def embed_queries(self, texts):
            over.wait(30) if fault == "hangs" else None
            raise RuntimeError("broken")

    with pytest.raises(Unfinished) as raised:
        Condenser().rewrite(
            draft("Where do they nest?", "What is a red kite?"), Faulty(kb, lambda *_: [], dense=True), deadline=0.05
        )
    over.set()
    assert raised.value.asked.text == "Where do they nest? (red kite)"
