"""Aggregate scores over questions: failures count, gaps are named, and the figure is never NaN."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInput
from .intervals import bootstrap_interval

Failing = Literal["zero", "undefined"]
"""The value of a failed row: zero if higher is better; undefined if lower is better, as no number is bad enough."""

Pool = Callable[[NDArray[np.float64]], float | None]

RESAMPLES = 2000  # of pooled rows
_TAILS = (2.5, 97.5)
_NO_INTERVAL = "no interval: all values are alike, and how far others may lie is not known"


@dataclass(frozen=True, slots=True)
class Score:
    """A metric's value for one question.

    Attributes
    ----------
    value
        None if there is none; ``reason`` then says why.
    reason
        Why there is no value, or a remark about it.
    failed
        The system or the judge failed: counts as zero. A row without a value that did not fail cannot be judged by this
        metric (no gold, no reference answer) and is left out, by name.
    parts
        Statistics of metrics that pool rows instead of averaging values, such as BLEU.
    agreement
        Share of pairs of votes of a judge that agree; None if there was one vote or no judge.
    """

    value: float | None
    reason: str = ""
    failed: bool = False
    parts: tuple[float, ...] = ()
    agreement: float | None = None


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A metric over many questions.

    Attributes
    ----------
    value
        Mean over ``n`` questions, failed ones as zero; None if it has no meaning, ``reason`` says why. Never NaN.
    low, high
        95 % interval over questions, see `rag.evaluation.intervals`; of metrics that pool rows by a seeded percentile
        bootstrap. None if there is no value, one question, or too little to tell; never of width zero.
    n
        Questions counted, failed ones included.
    n_failed
        Questions for which the system or the judge returned nothing that can be scored.
    reason
        How many questions failed and why, how many were left out and why.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    n_failed: int = 0
    reason: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the figure for JSON reports."""
        return asdict(self)

    def __str__(self) -> str:
        if self.value is None:
            return f"none ({self.reason})"
        interval = "" if self.low is None or self.high is None else f" [{self.low:.3f}, {self.high:.3f}]"
        failed = f", {self.n_failed} failed" if self.n_failed else ""
        return f"{self.value:.3f}{interval} (n {self.n}{failed})"


def aggregate(
    scores: Sequence[Score],
    *,
    failing: Failing = "zero",
    pool: Pool | None = None,
    top: float = 1.0,
    seed: int = 0,
) -> Aggregate:
    """Aggregate the scores of many questions into one figure.

    Parameters
    ----------
    scores
        One a question.
    failing
        ``zero``: a failed question counts 0. ``undefined``: for metrics where lower is better and no worst value
        exists; a single failure then leaves no figure, because any would hide it.
    pool
        For metrics that pool rows: takes ``parts``, float64, shape (n, n_parts), and returns the metric's value, or
        None if it has none on such rows.
    top
        The greatest value that the metric can have, where 0 is the least; the interval is drawn within. Values beyond
        say that there is none.
    seed
        Seed of the bootstrap.

    Raises
    ------
    InvalidInput
        A value is NaN or infinite: a metric has a defect.
    """
    counted = [score for score in scores if score.failed or score.value is not None]
    failed = [score for score in counted if score.failed]
    left_out = [score for score in scores if not score.failed and score.value is None]
    for score in counted:
        if score.value is not None and not math.isfinite(score.value):
            raise InvalidInput(f"a metric returned {score.value}; give a finite number, or none with a reason")
    reason = _reasons(scores, failed, left_out, len(counted))
    n, n_failed = len(counted), len(failed)
    if not counted:
        return Aggregate(None, reason=reason or "no questions")
    if failed and failing == "undefined":
        own = [score.value for score in counted if not score.failed and score.value is not None]
        mean = f"; the {len(own)} others have a mean of {np.mean(own):.4g}" if own else ""
        return Aggregate(None, n=n, n_failed=n_failed, reason=f"{reason}{mean}")
    if pool is not None:
        return _pooled(np.array([score.parts for score in counted], np.float64), pool, seed, (n, n_failed, reason))
    values = np.array([0.0 if score.failed or score.value is None else score.value for score in counted])
    low, high = bootstrap_interval(values, bounds=(0.0, top), seed=seed)
    return Aggregate(float(values.mean()), low, high, n, n_failed, _with_gap(reason, low, n))


def _pooled(rows: NDArray[np.float64], pool: Pool, seed: int, counts: tuple[int, int, str]) -> Aggregate:
    value = pool(rows)
    n, n_failed, reason = counts
    if value is None:
        return Aggregate(None, n=n, n_failed=n_failed, reason=reason or "it has no value on such questions")
    rng = np.random.default_rng(seed)
    drawn = (pool(rows[rng.integers(0, n, n)]) for _ in range(RESAMPLES if n > 1 else 0))
    found = [each for each in drawn if each is not None]
    low, high = np.percentile(found, _TAILS).tolist() if found and np.ptp(found) > 0 else (None, None)
    return Aggregate(value, low, high, n, n_failed, _with_gap(reason, low, n))


def _with_gap(reason: str, low: float | None, n: int) -> str:
    """Return the reason, and why there is no interval where more than one question was counted."""
    return "; ".join(filter(None, (reason, _NO_INTERVAL))) if low is None and n > 1 else reason


def _reasons(scores: Sequence[Score], failed: Sequence[Score], left_out: Sequence[Score], counted: int) -> str:
    parts = []
    if failed:
        parts.append(f"{len(failed)} of {counted} failed ({_common(failed)})")
    if left_out:
        parts.append(f"{len(left_out)} of {len(scores)} questions cannot be scored ({_common(left_out)})")
    votes = [score.agreement for score in scores if score.agreement is not None]
    if votes:
        parts.append(f"votes of the judge agree in {sum(votes) / len(votes):.0%} of pairs")
    return "; ".join(parts)


def _common(scores: Sequence[Score], most: int = 3) -> str:
    counts = Counter(score.reason or "no reason given" for score in scores)
    shown = [f"{reason}: {count}" if len(counts) > 1 else reason for reason, count in counts.most_common(most)]
    return "; ".join(shown) + (f"; {len(counts) - most} other reasons" if len(counts) > most else "")
