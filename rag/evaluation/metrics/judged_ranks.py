"""Ranks of the judged items of each question in a run: all that most ranking metrics need.

Items are ranked as trec_eval ranks them: by score as float32, descending, equal ones by descending id. Only the judged
items' places are worked out, by counting, so a run of a million pairs takes a fraction of a second.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from ...errors import InvalidInput
from ..trec import Qrels, Run, checked_grade

_BLOCK = 256
"""Questions worked on at a time: their scores fit the processor's cache."""


@dataclass(frozen=True, slots=True)
class JudgedRanks:
    """Places of judged items, for all questions of the judgments.

    The first three arrays have one entry per judged item that was retrieved, ordered by question, then rank; the last
    four one per judged item, ordered by question, then descending grade.

    Attributes
    ----------
    questions
        Ids, in the order of the judgments.
    question, rank, grade
        int64: place of the question; 0-based rank in the run; grade.
    retrieved
        int64, shape (n_questions,): items in the run.
    judged_question, judged_grade, judged_place
        int64: place of the question, grade, and place within the question's own judgments, best first.
    """

    questions: tuple[str, ...]
    question: NDArray[np.int64]
    rank: NDArray[np.int64]
    grade: NDArray[np.int64]
    retrieved: NDArray[np.int64]
    judged_question: NDArray[np.int64]
    judged_grade: NDArray[np.int64]
    judged_place: NDArray[np.int64]

    def per_question(self, question: NDArray[np.int64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sum ``weights`` by question."""
        return np.bincount(question, weights, len(self.questions)).astype(np.float64)

    def relevant(self, rel: int = 1) -> NDArray[np.float64]:
        """Count the judged items of each question with a grade of at least ``rel``."""
        return self.per_question(self.judged_question, (self.judged_grade >= rel).astype(np.float64))


def judged_ranks(qrels: Qrels, run: Run) -> JudgedRanks:
    """Find the places of the judged items.

    Raises
    ------
    InvalidInput
        A score is NaN, or a grade is beyond ``MOST_GRADE``.
    """
    names = tuple(qrels)
    sizes = np.fromiter(map(len, qrels.values()), np.int64, len(names))
    judged_question = np.repeat(np.arange(len(names)), sizes)
    grades = _grades(chain.from_iterable(own.values() for own in qrels.values()), int(sizes.sum()))
    best_first = np.lexsort((-grades, judged_question))
    place = np.arange(len(grades)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    retrieved = np.fromiter((len(run.get(name, ())) for name in names), np.int64, len(names))
    parts = [_block(names[at : at + _BLOCK], at, qrels, run) for at in range(0, len(names), _BLOCK)]
    table = np.concatenate(parts) if parts else np.zeros((0, 3), np.int64)
    table = table[np.lexsort((table[:, 1], table[:, 0]))]
    return JudgedRanks(
        names, table[:, 0], table[:, 1], table[:, 2], retrieved, judged_question, grades[best_first], place
    )


def _grades(given: Iterable[int], n: int) -> NDArray[np.int64]:
    try:
        grades = np.fromiter(given, np.int64, n)
        checked_grade(int(grades.max(initial=0)))
        checked_grade(int(grades.min(initial=0)))
    except (ValueError, OverflowError) as error:
        raise InvalidInput(f"judgments: {error}") from error
    return grades


def _block(names: Sequence[str], first: int, qrels: Qrels, run: Run) -> NDArray[np.int64]:
    """Return (question, rank, grade) of the judged items of some questions, int64, shape (n_hits, 3)."""
    hits = [
        (at, item, grade, score)
        for at, name in enumerate(names)
        if (items := run.get(name))
        for item, grade in qrels[name].items()
        if (score := items.get(item)) is not None
    ]
    if not hits:
        return np.zeros((0, 3), np.int64)
    scores = _matrix([run.get(name, {}) for name in names], names)
    row = np.fromiter((hit[0] for hit in hits), np.int64, len(hits))
    with np.errstate(over="ignore"):
        own = np.fromiter((hit[3] for hit in hits), np.float32, len(hits))
    among = scores[row]
    rank = np.count_nonzero(among > own[:, None], axis=1)
    for i in np.flatnonzero(np.count_nonzero(among == own[:, None], axis=1) > 1).tolist():
        at, item = hits[i][:2]
        rank[i] += sum(other > item for other, s in run[names[at]].items() if np.float32(s) == own[i])
    grade = np.fromiter((hit[2] for hit in hits), np.int64, len(hits))
    return np.stack([row + first, rank, grade], axis=1)


def _matrix(lists: Sequence[Mapping[str, float]], names: Sequence[str]) -> NDArray[np.float32]:
    """Return the scores of each list as a row, padded with -inf."""
    lengths = np.fromiter(map(len, lists), np.int64, len(lists))
    with np.errstate(over="ignore"):  # what float32 cannot hold is infinite, as it is to trec_eval
        values = np.fromiter(chain.from_iterable(each.values() for each in lists), np.float32, int(lengths.sum()))
    scores = np.full((len(lists), int(lengths.max())), -np.inf, np.float32)
    scores[np.arange(scores.shape[1]) < lengths[:, None]] = values
    wrong = np.flatnonzero(np.isnan(scores).any(axis=1))
    if len(wrong):
        raise InvalidInput(f"the run holds a score for question {names[wrong[0]]!r} that is NaN")
    return scores
