"""Context precision and recall, whole and by spans: cases by hand, and what must always hold."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from builders import NOTHING, case, passage, value
from hypothesis import given, strategies as st

from rag.evaluation import GoldSpan
from rag.evaluation.metrics.context import (
    context_ndcg,
    context_precision,
    context_precision_weighted,
    context_recall,
)
from rag.evaluation.metrics.ranking import per_question
from rag.evaluation.metrics.spans import span_iou, span_precision, span_recall
from rag.evaluation.questions.gold import holds

# gold, ranked, k, precision, recall, rank-weighted precision
CASES = [
    ("a", "a", 5, 1, 1, 1),
    ("a", "", 5, 0, 0, 0),
    ("a", "b", 5, 0, 0, 0),
    ("a", "ab", 5, 1 / 2, 1, 1),
    ("a", "ba", 5, 1 / 2, 1, 1 / 2),
    ("ab", "a", 5, 1, 1 / 2, 1),
    ("ab", "ab", 5, 1, 1, 1),
    ("ab", "ba", 5, 1, 1, 1),
    ("ab", "abcd", 5, 1 / 2, 1, 1),
    ("ab", "cdab", 5, 1 / 2, 1, (1 / 3 + 1 / 2) / 2),
    ("ab", "acbd", 5, 1 / 2, 1, (1 + 2 / 3) / 2),
    ("ab", "acbd", 2, 1 / 2, 1 / 2, 1),
    ("ab", "cdab", 2, 0, 0, 0),
    ("ab", "abab"[:2], 1, 1, 1 / 2, 1),
    ("abc", "abcde", 3, 1, 1, 1),
    ("abc", "deabc", 3, 1 / 3, 1 / 3, 1 / 3),
    ("abc", "xaybz", 5, 2 / 5, 2 / 3, (1 / 2 + 2 / 4) / 2),
    ("abcde", "a", 1, 1, 1 / 5, 1),
    ("abcde", "abcde", 5, 1, 1, 1),
    ("abcde", "vwxyz", 5, 0, 0, 0),
    ("abcde", "edcba", 5, 1, 1, 1),
    ("a", "bcdea", 5, 1 / 5, 1, 1 / 5),
    ("a", "bcdea", 4, 0, 0, 0),
    ("ab", "xa", 10, 1 / 2, 1 / 2, 1 / 2),
    ("ab", "axb", 3, 2 / 3, 1, (1 + 2 / 3) / 2),
    ("ab", "xab", 3, 2 / 3, 1, (1 / 2 + 2 / 3) / 2),
    ("abc", "abx", 3, 2 / 3, 2 / 3, 1),
    ("abcd", "xyab", 4, 1 / 2, 1 / 2, (1 / 3 + 2 / 4) / 2),
    ("é", "é", 1, 1, 1, 1),
    ("ab", "b", 1, 1, 1 / 2, 1),
]


@pytest.mark.parametrize(("gold", "ranked", "k", "precision", "recall", "weighted"), CASES)
def test_by_hand(gold, ranked, k, precision, recall, weighted):
    row = case(gold=gold, ranked=ranked, k=k)
    assert value(context_precision, row) == pytest.approx(precision)
    assert value(context_recall, row) == pytest.approx(recall)
    assert value(context_precision_weighted, row) == pytest.approx(weighted)


ITEMS = st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=8)


@given(ITEMS.filter(bool), ITEMS, st.integers(1, 8))
def test_between_0_and_1_and_order_does_not_matter_where_it_must_not(gold, ranked, k):
    row = case(gold=gold, ranked=ranked, k=k)
    first = ranked[:k]
    random.Random(0).shuffle(first)
    other = case(gold=reversed(gold), ranked=[*first, *ranked[k:]], k=k)
    for metric in (context_precision, context_recall, context_precision_weighted):
        assert 0 <= value(metric, row) <= 1
    assert value(context_precision, row) == value(context_precision, other)
    assert value(context_recall, row) == value(context_recall, other)
    deeper = case(gold=gold, ranked=ranked, k=k + 1)
    assert value(context_recall, deeper) >= value(context_recall, row)


@given(st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 4), min_size=1), ITEMS, st.integers(1, 8))
def test_the_contexts_ndcg_is_trec_evals_of_the_ranking_cut_off_there(gold, ranked, k):
    row = replace(case(gold=gold, ranked=ranked, k=k), gold=gold)
    run = {"q": {item: float(-rank) for rank, item in enumerate(ranked[:k])}}
    own = per_question(["nDCG"], {"q": gold}, run)["nDCG"]["q"]
    assert value(context_ndcg, row) == pytest.approx(own)
    assert value(context_ndcg, replace(row, k=k + 1)) >= value(context_ndcg, row)


@pytest.mark.parametrize("metric", [context_precision, context_recall, context_ndcg, span_recall])
def test_no_gold_is_left_out_by_name_and_failures_count(metric):
    none, refused = metric([case(), case(unanswerable=True)], NOTHING)
    assert (none.value, none.failed) == (None, False)
    assert none.reason in {"nothing is known to be relevant", "no gold spans"}
    assert refused.reason == "unanswerable"
    spans = (GoldSpan("d1", 0, 5),)
    (failed,) = metric([case(gold="a", spans=spans, error="Timeout: slow")], NOTHING)
    assert (failed.value, failed.failed, failed.reason) == (0, True, "Timeout: slow")


@pytest.mark.parametrize(
    ("spans", "found", "precision", "recall", "iou"),
    [
        ([(0, 10)], [(0, 10)], 1, 1, 1),
        ([(0, 10)], [(5, 15)], 1 / 2, 1 / 2, 5 / 15),
        ([(0, 10)], [(20, 30)], 0, 0, 0),
        ([(0, 10)], [], 0, 0, 0),
        ([(0, 10)], [(0, 100)], 1 / 10, 1, 1 / 10),
        ([(0, 10), (5, 20)], [(0, 20)], 1, 1, 1),  # overlapping gold counts once
        ([(0, 10)], [(0, 6), (4, 10)], 1, 1, 1),  # and so do overlapping passages
        ([(0, 10), (90, 100)], [(0, 10), (10, 20)], 1 / 2, 1 / 2, 10 / 30),
    ],
)
def test_spans_by_hand(spans, found, precision, recall, iou):
    row = case(
        spans=tuple(GoldSpan("d1", *s) for s in spans),
        passages=[passage("d1", *f, chunk=i) for i, f in enumerate(found)],
    )
    assert value(span_precision, row) == pytest.approx(precision)
    assert value(span_recall, row) == pytest.approx(recall)
    assert value(span_iou, row) == pytest.approx(iou)


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), min_size=1, max_size=6), st.data())
def test_spans_equal_sets_of_characters(gold, data):
    found = data.draw(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), max_size=5))
    row = case(
        spans=tuple(GoldSpan("d1", s, s + n) for s, n in gold),
        passages=[passage("d1", s, s + n, chunk=i) for i, (s, n) in enumerate(found)],
    )
    a, b = ({c for s, n in of for c in range(s, s + n)} for of in (gold, found))
    assert value(span_recall, row) == pytest.approx(len(a & b) / len(a))
    assert value(span_precision, row) == pytest.approx(len(a & b) / len(b) if b else 0)
    assert value(span_iou, row) == pytest.approx(len(a & b) / len(a | b))


def test_other_documents_never_count():
    row = case(spans=(GoldSpan("d1", 0, 10),), passages=[passage("d2", 0, 10)])
    assert value(span_recall, row) == 0


def test_which_chunks_hold_a_span():
    span = GoldSpan("d1", 100, 200)
    assert holds(passage("d1", 0, 150), span)  # half of the span
    assert not holds(passage("d1", 0, 149), span)
    assert holds(passage("d1", 120, 140), span)  # lies within
    assert not holds(passage("d2", 100, 200), span)
    assert not holds(passage("d1", 200, 300), span)
