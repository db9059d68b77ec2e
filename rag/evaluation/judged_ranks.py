"""Where the judged items of each question stand in a run: all that most ranking metrics depend on.

Items are ranked as trec_eval ranks them: by score as float32, descending, equal ones by descending id. Only the judged
items' places are worked out, by counting, so a run of a million pairs takes a fraction of a second.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInput
from .trec import Qrels, Run


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
        """How many judged items of each question have a grade of at least ``rel``."""
        return self.per_question(self.judged_question, (self.judged_grade >= rel).astype(np.float64))


def judged_ranks(qrels: Qrels, run: Run) -> JudgedRanks:
    """Find the places of the judged items.

    Raises
    ------
    InvalidInput
        A score is NaN.
    """
    names = tuple(qrels)
    retrieved = np.zeros(len(names), np.int64)
    found: list[tuple[int, int, int]] = []
    for at, name in enumerate(names):
        items = run.get(name)
        if not items:
            continue
        retrieved[at] = len(items)
        hits = [item for item in qrels[name] if item in items]
        if not hits:
            continue
        ranks = _ranks(items, hits, name)
        grades = qrels[name]
        found += sorted((at, rank, grades[item]) for rank, item in zip(ranks, hits, strict=True))
    table = np.array(found, np.int64).reshape(-1, 3)
    judged = [(at, -grade) for at, name in enumerate(names) for grade in sorted(qrels[name].values(), reverse=True)]
    ideal = np.array(judged, np.int64).reshape(-1, 2)
    sizes = np.array([len(qrels[name]) for name in names], np.int64)
    starts = np.repeat(np.cumsum(sizes) - sizes, sizes)
    place = np.arange(len(ideal), dtype=np.int64) - starts
    return JudgedRanks(names, table[:, 0], table[:, 1], table[:, 2], retrieved, ideal[:, 0], -ideal[:, 1], place)


def _ranks(items: Mapping[str, float], hits: list[str], question: str) -> list[int]:
    scores = np.fromiter(items.values(), np.float32, len(items))
    ascending = np.sort(scores)
    if np.isnan(ascending[-1]):  # NaN sorts last
        raise InvalidInput(f"the run holds a score for question {question!r} that is NaN")
    own = np.array([items[hit] for hit in hits], np.float32)
    above = len(items) - np.searchsorted(ascending, own, "right")
    tied = len(items) - np.searchsorted(ascending, own, "left") - above
    ranks: list[int] = above.tolist()
    if (tied > 1).any():
        for i in np.flatnonzero(tied > 1).tolist():
            same = np.flatnonzero(scores == own[i])
            names = list(items)
            ranks[i] += sum(names[j] > hits[i] for j in same.tolist())
    return ranks
