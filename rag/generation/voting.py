"""Which of several answers to one question most of them agree with."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from ..errors import InvalidInput

_WORD = re.compile(r"\w+")


class Vote(NamedTuple):
    """The chosen answer.

    Attributes
    ----------
    text
        As the model wrote it.
    agreement
        Mean agreement with the other answers, 0 to 1; 1 where there is one answer only.
    place
        Its place among the answers, from 0.
    """

    text: str
    agreement: float
    place: int


def vote(texts: Sequence[str]) -> Vote:
    """Choose the answer that agrees best with all others: self-consistency (Wang et al., ICLR 2023).

    Two answers agree by the F1 of their words, as SQuAD compares answers; so equal answers count fully, which makes it
    a majority vote where answers are short, and long ones that say the same in other words still support each other
    (minimum Bayes risk; Kumar and Byrne, 2004). Of equals the first is taken.

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
    means = [
        sum(_f1(mine, other) for j, other in enumerate(words) if j != i) / max(1, len(texts) - 1)
        for i, mine in enumerate(words)
    ]
    if len(texts) == 1:
        means = [1.0]
    place = means.index(max(means))
    return Vote(texts[place], means[place], place)


def _f1(one: Counter[str], other: Counter[str]) -> float:
    if not one or not other:
        return float(one == other)
    return 2 * (one & other).total() / (one.total() + other.total())
