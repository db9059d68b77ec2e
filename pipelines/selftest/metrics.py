"""Compare metrics with trec_eval on random rankings with ties, and see that a failure never improves a figure."""

from __future__ import annotations

import random
from pathlib import Path

import pytrec_eval

from rag.evaluation.metrics.ranking import per_question

from .tally import Tally

_PAIRS = 300
_NAMES = {"P@5": "P_5", "nDCG@10": "ndcg_cut_10", "R@5": "recall_5", "AP": "map", "RR": "recip_rank", "Bpref": "bpref"}


def check(place: Path, tally: Tally) -> None:
    del place
    dice = random.Random(2)
    for n in range(_PAIRS):
        items = [f"d{i}\u00e9" if i % 7 == 0 else f"d{i}" for i in range(30)]
        qrels = {"q": {item: dice.choice((0, 0, 1, 1, 2, -1)) for item in dice.sample(items, 12)}}
        run = {"q": {item: dice.choice((dice.random(), 0.5)) for item in dice.sample(items, dice.randint(0, 25))}}
        ours = per_question(list(_NAMES), qrels, run)
        theirs = pytrec_eval.RelevanceEvaluator(qrels, set(_NAMES.values())).evaluate(run)["q"] if run["q"] else {}
        for own, other in _NAMES.items():
            tally.expect(abs(ours[own]["q"] - theirs.get(other, 0.0)) < 1e-6, f"pair {n}: {own} is {ours[own]['q']}")
    _failures(tally)


def _failures(tally: Tally) -> None:
    """Take rankings away: the mean may only fall."""
    qrels = {f"q{n}": {"a": 1} for n in range(20)}
    run = {question: {"a": 1.0} for question in qrels}
    last = 1.0
    for question in qrels:
        run[question] = {}
        values = per_question(["nDCG@10"], qrels, run)["nDCG@10"]
        mean = sum(values.values()) / len(values)
        tally.expect(len(values) == len(qrels) and mean < last, "a failed question improves the mean")
        last = mean
