from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest

from rag.components import chain
from rag.documents.document import Query
from rag.errors import InvalidInput
from rag.retrieval.config import PipelineConfig
from rag.retrieval.retriever import Retriever
from rag.rewriting import REWRITERS, QueryDraft, Variant
from rag.rewriting.stage import MOST_VARIANTS
from rag.stages import Tools


class Doing:
    name = "doing"

    def __init__(self, what) -> None:
        self.what = what

    def rewrite(self, asked, corpus, *, deadline=None):
        return self.what(asked)


def shown(passages):
    return [(p.chunk, p.score, p.rank, p.scores) for p in passages]


@pytest.fixture
def retriever(kb):
    return Retriever(kb, rewrite="none")


QUESTION = "How hot is green tea steeped?"


def test_a_question_that_needs_nothing_gets_the_very_same_result(kb, retriever):
    own = Retriever(kb, rewrite="auto")
    questions = [QUESTION, "Who wrote nine symphonies?", "throat cancer"]
    for question in questions:
        assert shown(own.retrieve(question, 5)) == shown(retriever.retrieve(question, 5))
    many, plain = own.search_many(questions, 3), retriever.search_many(questions, 3)
    assert [shown(each.passages) for each in many] == [shown(each.passages) for each in plain]


@pytest.mark.parametrize(
    ("what", "said"),
    [
        (lambda asked: 1 / 0, "ZeroDivisionError"),
        (lambda asked: None, "not a question"),
        (lambda asked: replace(asked, text="  "), "a question of 2 characters"),
        (lambda asked: replace(asked, text="x" * 10**6), "a question of 1000000 characters"),
    ],
)
def test_a_rewriter_that_fails_costs_nothing_but_a_note(kb, retriever, what, said):
    own = Retriever(kb, rewrite=[Doing(what)])
    found = own.search(QUESTION, 4)
    assert shown(found.passages) == shown(retriever.retrieve(QUESTION, 4))
    assert len(found.notes) == 1
    assert found.notes[0].startswith("doing was left out")
    assert said in found.notes[0]


@pytest.mark.slow
def test_a_million_queries_are_bounded(kb):
    flood = tuple(Variant(f"variant {i}") for i in range(10**6))
    own = Retriever(kb, rewrite=[Doing(lambda asked: replace(asked, variants=flood))])
    assert len(own.explain(QUESTION).queries) == 1 + MOST_VARIANTS
    assert len(own.retrieve(QUESTION, 3)) == 3


@pytest.mark.slow
def test_a_stalled_rewriter_costs_its_deadline_and_the_next_one_nothing(kb, retriever):
    release = threading.Event()
    stalled = Doing(lambda asked: release.wait(200) and asked)
    own = Retriever(kb, rewrite=[stalled, Doing(lambda a: replace(a, text="never"))], deadline=20)
    start = time.perf_counter()
    found = own.search(QUESTION, 4)
    taken = time.perf_counter() - start
    release.set()
    assert 4.9 <= found.timings["rewrite"] <= taken < 20
    assert shown(found.passages) == shown(retriever.retrieve(QUESTION, 4))
    assert [note.partition(":")[2].split(":")[0].strip() for note in found.notes] == ["OutOfTime", "OutOfTime"]


def test_what_one_rewriter_did_stays_when_the_next_one_fails(kb):
    first = Doing(lambda asked: replace(asked, text="Who wrote nine symphonies?"))
    own = Retriever(kb, rewrite=[first, Doing(lambda asked: 1 / 0)])
    found = own.search(QUESTION, 2)
    assert found.question == "Who wrote nine symphonies?"
    assert found.passages[0].document == "beethoven"


def test_several_queries_are_joined_by_weighted_reciprocal_rank(kb, retriever):
    variant = Variant("Who wrote nine symphonies?", 0.5)
    own = Retriever(kb, rewrite=[Doing(lambda asked: replace(asked, variants=(variant,)))])
    found = own.retrieve(QUESTION, 4)
    lists = [retriever.retrieve(QUESTION, 12), retriever.retrieve(variant.text, 12)]
    want: dict[int, float] = {}
    for weight, passages in zip((1.0, 0.5), lists, strict=True):
        for rank, passage in enumerate(passages, 1):
            want[passage.chunk] = want.get(passage.chunk, 0.0) + weight / (60 + rank)
    assert [(p.chunk, p.score) for p in found] == sorted(want.items(), key=lambda each: (-each[1], each[0]))[:4]
    assert [p.rank for p in found] == [1, 2, 3, 4]


def test_terms_and_vectors_of_a_query_take_the_place_of_the_texts_own(kb, retriever):
    terms = dict.fromkeys(kb.analyser.terms("nine symphonies"), 1.0)
    vector = kb.embedder.embed_queries(["Who wrote nine symphonies?"])[0]
    assert retriever.retrieve(Query("tea", terms=terms, vector=vector), 1)[0].document == "beethoven"
    alone = Retriever(kb, fusion="terms", rewrite="none")
    assert [p.chunk for p in alone.retrieve(Query("x", terms=terms), 3)] == [
        p.chunk for p in alone.retrieve("nine symphonies", 3)
    ]


@pytest.mark.parametrize(
    "question", ["x" * 100_000, "the of and", "🦦🦦", "что такое чай", "\u202etea", "a\ud800b", "what??\0"]
)
def test_odd_questions_are_answered(kb, question):
    own = Retriever(kb, rewrite="auto+acronyms+rm3+rocchio")
    start = time.process_time()
    assert len(own.search(question, 3).passages) <= 3
    assert time.process_time() - start < 20


@pytest.mark.parametrize("question", ["", "  ", "\0"])
def test_an_empty_question_is_refused(kb, question):
    own = Retriever(kb, rewrite="auto")
    with pytest.raises(InvalidInput, match="empty"):
        own.search(question)


def test_names_make_rewriters(kb):
    tools = Tools(kb)
    assert chain("rewriter", REWRITERS, "none", tools) == []
    made = chain("rewriter", REWRITERS, "spelling+rm3:docs=5,terms=7+condense", tools)
    assert [each.name for each in made] == ["spelling", "rm3", "condense"]
    assert (made[1].docs, made[1].terms) == (5, 7)
    for wrong, said in (
        ("speling", "did you mean 'spelling'"),
        ("rm3:doc=1", "did you mean 'docs'"),
        ("none+rm3", "cannot be combined"),
        ("spelling,rm3", r"join parts by \+, as in 'spelling\+rm3'"),
    ):
        with pytest.raises(InvalidInput, match=said):
            chain("rewriter", REWRITERS, wrong, tools)
    assert list(REWRITERS) == sorted(REWRITERS)


def test_deadlines_are_checked():
    with pytest.raises(InvalidInput, match="deadline"):
        PipelineConfig(deadline=0)


def test_asked_knows_what_differs():
    one = QueryDraft("a", "a")
    assert not one.differs(one)
    assert one.differs(replace(one, text="b"))
    assert one.differs(replace(one, terms={"a": 1.0}))
