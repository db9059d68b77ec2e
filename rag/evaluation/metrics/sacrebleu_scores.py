"""BLEU, chrF and TER as sacrebleu computes them: over the corpus, by pooled counts, 0 to 100.

M. Post, "A call for clarity in reporting BLEU scores", WMT 2018. A row's own value is the score of its counts alone;
the corpus's is not the mean of these. A failed row counts as an empty answer. Before BLEU and TER split texts into
words, each character of a script that is written without spaces becomes one, as sacrebleu's own tokenizer of Chinese
has it.
"""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..aggregate import Score
from .answer_rows import evaluation_extra, references, spaced, unscored
from .cases import Cases, Resources


@cache
def _metric(name: str) -> Any:  # noqa: ANN401 - sacrebleu has no types that mypy reads
    metrics = evaluation_extra("sacrebleu.metrics", "BLEU, chrF and TER")
    return getattr(metrics, name)()


@cache
def _row_metric(name: str) -> Any:  # noqa: ANN401
    """Return the metric for single rows: a short answer has no 4-grams, and BLEU counts those orders that there are."""
    metrics = evaluation_extra("sacrebleu.metrics", "BLEU, chrF and TER")
    return metrics.BLEU(effective_order=True) if name == "BLEU" else _metric(name)


def _scores(cases: Cases, _: Resources, *, name: str) -> list[Score]:
    # The bootstrap needs each row's counts, which sacrebleu keeps behind an underscore; tests compare the outcome.
    metric, alone = _metric(name), _row_metric(name)
    split = str if name == "CHRF" else spaced
    found = []
    for case in cases:
        wrong = unscored(case)
        if wrong is not None and not wrong.failed:
            found.append(wrong)
            continue
        given = metric._extract_corpus_statistics(
            [split(case.text if wrong is None else "")], [[split(r)] for r in references(case)]
        )
        value = float(alone._aggregate_and_compute(given).score)
        if wrong is not None:
            found.append(Score(0.0, wrong.reason, failed=True, parts=tuple(map(float, given[0]))))
        else:
            found.append(Score(value, parts=tuple(map(float, given[0]))))
    return found


def _pooled(rows: NDArray[np.float64], *, name: str) -> float | None:
    sums = rows.sum(axis=0)
    if name == "BLEU" and sums[0] and not sums[-1]:  # words, but never four in a row: sacrebleu's 0 would say nothing
        return None
    counts = sums if name == "TER" else sums.astype(np.int64)  # TER's reference lengths are means, no whole numbers
    return float(_metric(name)._compute_score_from_stats(counts.tolist()).score)


bleu, pooled_bleu = partial(_scores, name="BLEU"), partial(_pooled, name="BLEU")
"""BLEU-4, tokenised as "13a", exponential smoothing."""
chrf, pooled_chrf = partial(_scores, name="CHRF"), partial(_pooled, name="CHRF")
"""ChrF2: F of character n-grams, n = 1 to 6, recall weighing twice."""
ter, pooled_ter = partial(_scores, name="TER"), partial(_pooled, name="TER")
"""TER: edits, shifts included, over the reference's length; lower is better."""
