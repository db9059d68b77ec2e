"""One figure over many questions that cannot flatter: failures count, gaps are named, and it is never NaN."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInput

Failing = Literal["zero", "undefined"]
"""What a failed row counts: zero where higher is better; where lower is better no number is bad enough."""

RESAMPLES = 2000
CONFIDENCE = 0.95
_CELLS = 4_000_000  # resampled values held at a time: 32 MB


@dataclass(frozen=True, slots=True)
class Score:
    """What a metric says of one question.

    Attributes
    ----------
    value
        None where there is none; ``reason`` then says why.
    reason
        Why there is no value, or what deserves to be known about it.
    failed
        The system or the judge failed: counts as zero. A row without a value that did not fail cannot be judged by this
        metric (no gold, no reference answer) and is left out, by name.
    parts
        Sufficient statistics of metrics that pool rows instead of averaging them, such as BLEU.
    """

    value: float | None
    reason: str = ""
    failed: bool = False
    parts: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A metric over many questions.

    Attributes
    ----------
    value
        Mean over ``n`` questions, failed ones as zero; None where it has no meaning, ``reason`` says why. Never NaN.
    low, high
        95 % interval by a seeded percentile bootstrap over questions; None where there is no value, or one question.
    n
        Questions counted, failed ones included.
    n_failed
        Questions of which the system or the judge gave nothing that can be scored.
    reason
        What a reader must know: how many failed and why, how many were left out and why.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    n_failed: int = 0
    reason: str = ""

    @property
    def n_scored(self) -> int:
        """Questions with a score of their own."""
        return self.n - self.n_failed

    def as_dict(self) -> dict[str, Any]:
        """Return what JSON reports hold."""
        return {
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "n": self.n,
            "n_failed": self.n_failed,
            "reason": self.reason,
        }

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
    pool: Callable[[NDArray[np.float64]], NDArray[np.float64]] | None = None,
    seed: int = 0,
) -> Aggregate:
    """Make one figure of the scores of many questions.

    Parameters
    ----------
    scores
        One a question.
    failing
        ``zero``: a failed question counts 0. ``undefined``: for metrics where lower is better and no worst value
        exists; a single failure then leaves no figure, because any would hide it.
    pool
        For metrics over pooled statistics: takes sums of ``parts``, float64, shape (n, n_parts); returns n values.
    seed
        Of the bootstrap.

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
            raise InvalidInput(f"a metric gave {score.value}: it must give a finite number, or none with a reason")
    reason = _reasons(failed, left_out, len(scores), len(counted))
    n, n_failed = len(counted), len(failed)
    if not counted:
        return Aggregate(None, reason=reason or "no questions")
    if failed and failing == "undefined":
        own = [score.value for score in counted if not score.failed and score.value is not None]
        mean = f"; the {len(own)} others have a mean of {np.mean(own):.4g}" if own else ""
        return Aggregate(None, n=n, n_failed=n_failed, reason=f"{reason}{mean}")
    if pool is not None:
        rows = np.array([score.parts for score in counted], np.float64)
    else:
        rows = np.array([[0.0 if score.failed or score.value is None else score.value] for score in counted])
    value, low, high = _interval(rows, pool or _mean_of(n), seed)
    return Aggregate(value, low, high, n, n_failed, reason)


def _mean_of(n: int) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    return lambda sums: sums[:, 0] / n


def _interval(
    rows: NDArray[np.float64], pool: Callable[[NDArray[np.float64]], NDArray[np.float64]], seed: int
) -> tuple[float, float | None, float | None]:
    value = float(pool(rows.sum(axis=0, keepdims=True))[0])
    n = len(rows)
    if n < 2:
        return value, None, None
    rng = np.random.default_rng(seed)
    step = max(1, _CELLS // (n * rows.shape[1]))
    found = [
        pool(rows[rng.integers(0, n, (min(step, RESAMPLES - start), n))].sum(axis=1))
        for start in range(0, RESAMPLES, step)
    ]
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(np.concatenate(found), [tail, 100 - tail])
    return value, min(float(low), value), max(float(high), value)


def _reasons(failed: Sequence[Score], left_out: Sequence[Score], total: int, counted: int) -> str:
    parts = []
    if failed:
        parts.append(f"{len(failed)} of {counted} failed ({_common(failed)})")
    if left_out:
        parts.append(f"{len(left_out)} of {total} questions cannot be scored ({_common(left_out)})")
    return "; ".join(parts)


def _common(scores: Sequence[Score], most: int = 3) -> str:
    counts = Counter(score.reason or "no reason given" for score in scores)
    shown = [f"{reason}: {count}" if len(counts) > 1 else reason for reason, count in counts.most_common(most)]
    return "; ".join(shown) + (f"; {len(counts) - most} other reasons" if len(counts) > most else "")
