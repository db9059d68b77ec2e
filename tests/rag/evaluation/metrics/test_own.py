"""Metrics of one's own: functions of a row, and objects with a name."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import pytest

from rag.documents.document import Passage
from rag.errors import InvalidInput
from rag.evaluation import Case, Outcome, Question, QuestionSet, Score, evaluate, score
from rag.evaluation.metrics.own import own_name
from rag.evaluation.metrics.registry import lower_is_better


class Silent:
    """Finds nothing."""

    def retrieve(self, question: str, k: int) -> list[Passage]:
        return []


QUESTIONS = QuestionSet(tuple(Question(str(n), f"Question {n}?", documents={"ab"[n % 2]: 1}) for n in range(6)))


def hit(row: Case) -> bool:
    return bool(row.relevant & set(row.context))


class Misses:
    """How many gold documents were missed."""

    name = "misses"
    lower = True

    def score(self, row: Case) -> float:
        return float(len(row.relevant - set(row.context)))


@pytest.fixture
def passages() -> list[Outcome]:
    own = {"rank": 1, "score": 1.0, "chunk": 0, "document": "a", "source": "a", "start": 0, "end": 4, "text": "text"}
    return [Outcome(q.id, (Passage(**own),)) for q in QUESTIONS]  # type: ignore[arg-type]


def test_a_function_and_an_object_are_measured_like_all_others(passages: list[Outcome]):
    found = score(QUESTIONS, passages, metrics=["R@1", hit, Misses()])
    assert list(found.metrics)[2:] == ["R@1", "hit", "misses"]
    assert found.metrics["hit"].value == found.metrics["R@1"].value == 0.5
    assert found.metrics["misses"].value == 0.5
    assert found.metrics["misses"].low is not None
    assert found.values("hit") == found.values("R@1")


def test_directions_and_bounds_are_those_that_the_metric_says(passages: list[Outcome]):
    def share(row: Case) -> float:
        return float(hit(row))

    free = score(QUESTIONS, passages, metrics=[share]).metrics["share"]
    share.top = 1  # type: ignore[attr-defined]
    bound = score(QUESTIONS, passages, metrics=[share]).metrics["share"]
    recall = score(QUESTIONS, passages, metrics=["R@1"]).metrics["R@1"]
    assert (bound.low, bound.high) == (recall.low, recall.high), "of values at known bounds it is Clopper and Pearson's"
    assert free.low is not None
    assert free.low < 0 < bound.low, "nothing is known of where its values may lie"
    assert lower_is_better(own_name(Misses()))
    assert not lower_is_better(own_name(hit))


def test_a_failed_row_counts_as_zero_or_leaves_no_figure_where_less_is_better(passages: list[Outcome]):
    failed = [*passages[:-1], Outcome(QUESTIONS[5].id, error="Timeout")]
    found = score(QUESTIONS, failed, metrics=[hit, Misses()])
    assert (found.metrics["hit"].value, found.metrics["hit"].n_failed) == (0.5, 1)
    assert found.metrics["misses"].value is None
    assert "Timeout" in found.metrics["misses"].reason


@pytest.mark.parametrize("value", [None, Score(None, "no way")])
def test_a_row_without_a_value_is_left_out_by_name(passages: list[Outcome], value: Any):
    def some(row: Case) -> Any:
        return value if row.question.id == "0" else np.float32(1)

    own = score(QUESTIONS, passages, metrics=[some]).metrics["some"]
    assert (own.value, own.n) == (1.0, 5)
    assert "1 of 6 questions cannot be scored" in own.reason


def raises(row: Case) -> float:
    return 1 / (len(row.question.text) - len(row.question.text))


def text(row: Case) -> str:
    return "0.5"


def nan(row: Case) -> float:
    return math.nan


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        (3, "3 is not a metric"),
        (Misses, "is not a metric"),
        (raises, "the metric raises fails on question '0': "),
        (text, "must return a number or None, not a str"),
        (nan, "returned nan"),
    ],
)
def test_what_is_no_metric_or_fails_is_refused_by_name(passages: list[Outcome], metric: Any, said: str):
    with pytest.raises(InvalidInput) as caught:
        score(QUESTIONS, passages, metrics=[metric])
    assert said in str(caught.value)


def test_names_are_not_taken_twice(passages: list[Outcome]):
    def f1(row: Case) -> float:
        return 1.0

    with pytest.raises(InvalidInput, match="'f1' of a metric is taken"):
        score(QUESTIONS, passages, metrics=[f1])
    with pytest.raises(InvalidInput, match="two metrics are called '<lambda>'"):
        score(QUESTIONS, passages, metrics=[lambda row: 1.0, lambda row: 0.0])


def test_what_it_needs_is_asked_for_before_a_question_is_asked():
    def long(row: Case) -> float:
        return float(len(row.text))

    long.needs = ("answer",)  # type: ignore[attr-defined]
    with pytest.raises(InvalidInput, match="long needs an answer; give a Bot"):
        evaluate(Silent(), QUESTIONS, metrics=[long])


def test_it_changes_processes():
    again = pickle.loads(pickle.dumps(own_name(hit)))
    assert again == "hit"
    assert again.metric.line == own_name(hit).metric.line
