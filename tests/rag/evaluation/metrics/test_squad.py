"""Exact match and F1: the official SQuAD rules, spelt out again and compared on real questions."""

from __future__ import annotations

import collections
import json
import os
import re
import string
from pathlib import Path

import pytest
from builders import NOTHING, case, value
from hypothesis import given, strategies as st

from rag.evaluation.metrics.squad import answer_containment, best_exact_match, best_f1, exact_match, f1

DATA = os.environ.get("RAG_SHARED_DATA")


# ---- the rules of evaluate-v2.0.py, as published with SQuAD 2.0, written out independently ------------------------


def official_normalise(s):
    def remove_articles(text):
        return re.sub(re.compile(r"\b(a|an|the)\b", re.UNICODE), " ", text)

    def white_space_fix(text):
        return " ".join(text.split())

    def remove_punc(text):
        exclude = set(string.punctuation)
        return "".join(ch for ch in text if ch not in exclude)

    return white_space_fix(remove_articles(remove_punc(s.lower())))


def official_f1(gold, predicted):
    gold_toks = official_normalise(gold).split() if gold else []
    pred_toks = official_normalise(predicted).split() if predicted else []
    common = collections.Counter(gold_toks) & collections.Counter(pred_toks)
    num_same = sum(common.values())
    if len(gold_toks) == 0 or len(pred_toks) == 0:
        return int(gold_toks == pred_toks)
    if num_same == 0:
        return 0
    precision = 1.0 * num_same / len(pred_toks)
    recall = 1.0 * num_same / len(gold_toks)
    return (2 * precision * recall) / (precision + recall)


def official(golds, predicted):
    golds = [g for g in golds if official_normalise(g)] or [""]
    exact = max(int(official_normalise(g) == official_normalise(predicted)) for g in golds)
    return exact, max(official_f1(g, predicted) for g in golds)


TEXT = st.text(alphabet=" aAnThe.,!-'é1 \tX", max_size=30)


@given(st.lists(TEXT, min_size=1, max_size=4), TEXT)
def test_any_text_scores_as_the_official_rules_say(golds, predicted):
    exact, overlap = official(golds, predicted)
    assert best_exact_match(predicted, golds) == exact
    assert best_f1(predicted, golds) == pytest.approx(overlap, abs=1e-12)


@pytest.mark.skipif(not DATA, reason="RAG_SHARED_DATA is not set")
@pytest.mark.parametrize(
    ("version", "every"),
    [("v1", 20), pytest.param("v1", 1, marks=pytest.mark.slow), pytest.param("v2", 1, marks=pytest.mark.slow)],
)
def test_squad_questions_score_as_the_official_rules_say(version, every):
    folder = Path(DATA) / "squad" / version
    rows = [json.loads(line) for line in (folder / "answers.jsonl").read_text().splitlines()]
    texts = [json.loads(line)["text"] for line in (folder / "corpus.jsonl").read_text().splitlines()]
    assert len(rows) > 5000
    for number, row in enumerate(rows[::every]):
        golds, other = row["answers"], rows[number - 1]["answers"][0]
        context = texts[number % len(texts)]
        for predicted in (golds[-1], f"The {golds[0].upper()}!", f"{other} {golds[0]}", context[:60]):
            exact, overlap = official(golds, predicted)
            assert best_exact_match(predicted, golds) == exact
            assert abs(best_f1(predicted, golds) - overlap) < 1e-12


def test_unanswerable_is_answered_right_by_nothing():
    assert value(exact_match, case(unanswerable=True, abstained=True)) == 1
    assert value(f1, case(unanswerable=True, abstained=True)) == 1
    assert value(exact_match, case(unanswerable=True, text="Paris")) == 0
    assert value(answer_containment, case(unanswerable=True, text="Paris")) == 0
    assert value(answer_containment, case(unanswerable=True, abstained=True)) == 1


def test_containment_wants_whole_words_side_by_side():
    assert value(answer_containment, case(text="It began in October 1973, they say.", answers=["October 1973"])) == 1
    assert value(answer_containment, case(text="It began in 1973, in October.", answers=["October 1973"])) == 0
    assert value(answer_containment, case(text="They started.", answers=["start"])) == 0
    assert value(answer_containment, case(text="The cat.", answers=["dog", "a cat"])) == 1


def test_marks_of_citations_are_no_part_of_the_answer():
    from builders import cited

    row = case(text="October 1973. [1]", answers=["October 1973"], citations=[cited(1, "October 1973.")])
    assert value(exact_match, row) == 1


def test_rows_without_references_are_left_out_and_failed_ones_count():
    left, failed = exact_match([case(text="x"), case(answers=["x"], error="Timeout: too slow")], NOTHING)
    assert (left.value, left.failed, left.reason) == (None, False, "no reference answer")
    assert (failed.value, failed.failed, failed.reason) == (0, True, "Timeout: too slow")
