"""Self-consistency: choose the answer that agrees best with the others."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from ..errors import InvalidInput

_WORD = re.compile(r"\w+")


class Vote(NamedTuple):
    """The chosen answer, its mean agreement with the others (0 to 1), and its place among them, from 0."""

    text: str
    agreement: float
    place: int


def vote(texts: Sequence[str]) -> Vote:
    """Choose the answer that agrees best with all others (Wang et al., ICLR 2023).

    Two answers agree by the F1 of their words, as SQuAD compares answers. Equal answers count fully, so this is a
    majority vote for short answers, and long ones that say the same in other words still support each other (minimum
    Bayes risk; Kumar and Byrne, 2004). The first of equals is taken.

    Raises
    ------
    InvalidInput
        There are no answers.

    Examples
    --------
    >>> vote(["no", "yes", "No."])
    Vote(text='no', agreement=0.5, place=0)
    """
    if not texts:
        raise InvalidInput("vote() needs at least one answer")
    words = [Counter(_WORD.findall(text.casefold())) for text in texts]
    pairs = [[_f1(mine, other) for j, other in enumerate(words) if j != i] for i, mine in enumerate(words)]
    means = [sum(row) / len(row) if row else 1.0 for row in pairs]
    place = means.index(max(means))
    return Vote(texts[place], means[place], place)


def _f1(one: Counter[str], other: Counter[str]) -> float:
    if not one or not other:
        return float(one == other)
    return 2 * (one & other).total() / (one.total() + other.total())
