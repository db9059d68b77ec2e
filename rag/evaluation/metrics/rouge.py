"""ROUGE as Google's rouge-score computes it: F of overlapping words, against the best reference, no stemming.

Its words are runs of the letters a to z and digits, so that it finds none in most scripts. Here they are those of every
script (`words`); of texts in ASCII they are the same.

C.-Y. Lin, "ROUGE: a package for automatic evaluation of summaries", ACL workshop, 2004.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from typing import Any

from ..aggregate import Score
from .answer_rows import against_references, evaluation_extra, words
from .cases import Cases, Resources


@cache
def _scorer(kind: str) -> Any:  # noqa: ANN401 - rouge-score has no types
    return evaluation_extra("rouge_score.rouge_scorer", "ROUGE metrics").RougeScorer([kind], tokenizer=_Words())


class _Words:
    """Words of every script, as rouge-score asks for them."""

    def tokenize(self, text: str) -> list[str]:
        return words(text)


def _scores(cases: Cases, _: Resources, *, kind: str) -> list[Score]:
    scorer = _scorer(kind)

    def value(answer: str, references: Sequence[str]) -> float:
        if not any(references):
            return float(not answer)  # unanswerable: nothing is the right answer
        return float(scorer.score_multi(list(references), answer)[kind].fmeasure)

    return against_references(cases, value)


rouge1 = partial(_scores, kind="rouge1")
"""ROUGE-1: single words."""
rouge2 = partial(_scores, kind="rouge2")
"""ROUGE-2: pairs of words."""
rouge_l = partial(_scores, kind="rougeL")
"""ROUGE-L: the longest common subsequence of words."""
