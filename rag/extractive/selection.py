"""Select the sentences of an answer, and order them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..grounding.quotable_sentences import Quotable
from ..grounding.words import WordReader

_GAP, _ROW_GAP = 5.0, 1.5
"""How far below the first a further sentence may score, in log odds; beside the row of a table others are noise."""
_SAME = 0.6
"""Minimum share of a sentence's terms in a chosen one for it to be a repetition."""


def select(
    candidates: Sequence[Quotable],
    scores: NDArray[np.float64],
    reader: WordReader,
    most: int,
) -> list[Quotable]:
    """Choose at most ``most`` sentences.

    Parameters
    ----------
    candidates, scores
        Best first.

    Returns
    -------
    list of Quotable
        The best one, then those that score near it, read as prose and add something, in the order of the passages and
        in reading order within each.
    """
    gap = _ROW_GAP if candidates[0].row else _GAP
    chosen = [candidates[0]]
    held = [frozenset(reader.read(candidates[0].shown).terms)]
    for candidate, score in zip(candidates[1:], scores[1:], strict=True):
        if len(chosen) == most or score < scores[0] - gap:
            break
        terms = frozenset(reader.read(candidate.shown).terms)
        if candidate.noise > candidates[0].noise or not terms or any(_repeats(terms, other) for other in held):
            continue
        chosen.append(candidate)
        held.append(terms)
    return [chosen[0], *sorted(chosen[1:], key=lambda candidate: (candidate.passage, candidate.place, candidate.start))]


def _repeats(terms: frozenset[str], other: frozenset[str]) -> bool:
    shorter = min(len(terms), len(other))
    return shorter == 0 or len(terms & other) / shorter >= _SAME
