"""A question takes over the topic of a talk only where it lacks one; in doubt the plain reading keeps its place."""

from __future__ import annotations

import pytest

from rag import Bot, Message, Query, Retriever
from rag.rewriting.condensing import Condenser
from rag.rewriting.dependence import need
from rag.rewriting.protocol import QueryDraft, Variant

TALK = ("Which earthquake destroyed Lisbon in 1755?",)
TOPIC = ["earthquake", "destroyed", "Lisbon", "1755"]


@pytest.mark.parametrize("text", [
    "Is there a way to keep green tea leaves fresh?",
    "Are there any symphonies Beethoven wrote when deaf?",
    "Is it possible to grind coffee for a press by hand?",
    "Does it matter how hot coffee is brewed?",
    "How long does it take to steep green tea leaves?",
    "Why was it thought that Beethoven could write symphonies?",
    "What is the name of a pipeline that needs an index?",
    "Which symphonies of Beethoven are such as people sing?",
    "How do chloroplasts and leaves differ from each other?",
    "Thanks! How is coffee ground for a press?",
    "How many documents does one pipeline read?",
])  # fmt: skip
def test_a_clear_question_lacks_nothing(corpus, text):
    assert need(text, TOPIC, corpus) == "nothing"
    assert Condenser().rewrite(asked := QueryDraft(text, text, TALK), corpus) is asked


@pytest.mark.parametrize("text", [
    "Is it safe?", "Where did they live?", "And in Porto?", "What about the dead?", "Why?", "Tell me more.",
    "How many people died in this?", "Which one was stronger?", "Who said that?", "No, I meant Porto.",
    "How long does it take to cross the town by foot from there?", "So what did he write about the ruins?",
])  # fmt: skip
def test_what_a_question_lacks_comes_from_the_talk(corpus, text):
    assert need(text, TOPIC, corpus) == "topic"


@pytest.mark.parametrize("text", [
    "What is photosynthesis?", "Which symphonies are there?", "Why does a pipeline need an index when it has a model?",
    "So how is coffee ground for a press?", "How is another tea with green leaves steeped?",
    "Does smoking cause the cancer?",
])  # fmt: skip
def test_a_doubt_is_left_to_the_search(kb, corpus, text):
    assert need(text, TOPIC, corpus) == "doubt"
    found = Condenser().rewrite(QueryDraft(text, text, TALK), corpus)
    assert found.text == text
    assert found.variants == (Variant(f"{text} (earthquake destroyed Lisbon 1755)", 0.0),)
    auto = Retriever(kb, rewrite="auto")
    alone, now = auto.search(text, 5), auto.search(Query(text, TALK), 5)
    assert now.question == text
    assert [(p.chunk, p.rank, p.score) for p in now.passages] == [(p.chunk, p.rank, p.score) for p in alone.passages]


def test_the_other_reading_fills_the_places_behind(kb):
    auto = Retriever(kb, rewrite="auto", fusion="terms")
    alone, now = (
        auto.search(query, 5).passages for query in ("What is photosynthesis?", Query("What is photosynthesis?", TALK))
    )
    assert [p.document for p in alone] == ["photosynthesis"]
    assert [p.document for p in now] == ["photosynthesis", "lisbon"]
    assert [p.rank for p in now] == [1, 2]
    assert now[0].score == alone[0].score >= now[1].score


def test_a_thing_without_a_complement_is_the_topics_where_documents_have_both(corpus):
    assert need("What is the main cause?", ["throat", "cancer"], corpus) == "topic"
    assert need("What is the main cause?", TOPIC, corpus) == "doubt"


def test_without_documents_a_short_question_lacks_the_topic():
    assert need("What is photosynthesis?") == "topic"


def test_a_change_of_topic_never_takes_an_answer_away(kb):
    bot = Bot(Retriever(kb, rewrite="auto"))
    talk = [Message("user", TALK[0]), Message("assistant", "The one of 1755.")]
    for text in ("What is photosynthesis?", "How many symphonies did Beethoven write?", "Is there coffee?"):
        alone, now = bot.ask(text), bot.ask(text, history=talk)
        assert (now.text, now.abstained, now.searched) == (alone.text, alone.abstained, alone.searched)
