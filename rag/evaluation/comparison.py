"""Compare two systems question by question, and test whether the difference can be chance.

Tests are paired and two-sided. M. D. Smucker, J. Allan and B. Carterette, "A comparison of statistical significance
tests for information retrieval evaluation", CIKM 2007, find permutation, bootstrap and t in agreement; permutation is
the default here, as it supposes least.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInput
from .intervals import alike, difference_interval

Test = Literal["permutation", "bootstrap", "t"]
TESTS: tuple[Test, ...] = ("permutation", "bootstrap", "t")

RESAMPLES = 10_000
_EXACT = 14  # with so many differences or fewer, all 2^n sign patterns are gone through
_CELLS = 4_000_000
_TIE = 1e-9


@dataclass(frozen=True, slots=True)
class Comparison:
    """A system against a baseline on one metric.

    Attributes
    ----------
    metric, system, baseline
        Names.
    n
        Questions that both were scored on.
    difference, low, high
        Mean of system minus baseline, and its 95 % interval, see `rag.evaluation.intervals.difference_interval`; None
        where all differences are alike and how far others may lie is not known.
    p
        Two-sided, uncorrected; None with fewer than two questions.
    p_corrected
        After Holm's correction over the comparisons made together, identical ones counted once; equals ``p`` if there
        is one. The interval is of this comparison alone, as ``p`` is.
    effect
        Cohen's d of paired differences: their mean over their standard deviation; None if they do not vary.
    wins, ties, losses
        Questions on which the system is better, the same, worse.
    detectable
        Difference that a test at 5 % finds with 80 % power, with so many questions that vary so much; None if they do
        not vary.
    left_out
        Questions that only one of both was scored on.
    """

    metric: str
    system: str
    baseline: str
    n: int
    difference: float
    low: float | None
    high: float | None
    p: float | None
    p_corrected: float | None
    effect: float | None
    wins: int
    ties: int
    losses: int
    detectable: float | None
    left_out: int = 0
    test: Test = "permutation"
    detectable_corrected: float | None = None
    rows: str = field(default="", repr=False)

    @property
    def significant(self) -> bool:
        """True where the corrected p is below 5 %."""
        return self.p_corrected is not None and self.p_corrected < 0.05

    def __str__(self) -> str:
        p = "" if self.p_corrected is None else f", p {self.p_corrected:.3g}"
        return (
            f"{self.metric}: {self.difference:+.4f} ({self.wins} wins, {self.ties} ties, {self.losses} losses{p}; "
            f"n {self.n})"
        )


def compare(
    system: Mapping[str, float],
    baseline: Mapping[str, float],
    *,
    metric: str = "metric",
    names: tuple[str, str] = ("system", "baseline"),
    test: Test = "permutation",
    lower: bool = False,
    seed: int = 0,
) -> Comparison:
    """Compare values by question.

    Parameters
    ----------
    system, baseline
        Question id -> value, as `Evaluation.values` gives them: failed rows are 0.
    metric, names
        Names for reports.
    test
        ``permutation`` (random signs, exact with few questions), ``bootstrap`` (studentised, of the centred
        differences) or ``t``. Differences that are all alike have no spread to go by: random signs decide.
    lower
        Lower values are better: turns wins and losses round; ``difference`` stays system minus baseline.
    seed
        Seed of the random tests and the interval.

    Raises
    ------
    InvalidInput
        No question in common, or an unknown test.
    """
    if test not in TESTS:
        raise InvalidInput(f"there is no test {test!r}; choose one of {', '.join(TESTS)}")
    shared = [q for q in baseline if q in system]
    if not shared:
        raise InvalidInput(f"{names[0]} and {names[1]} have no question in common that {metric} scores")
    d = np.array([system[q] - baseline[q] for q in shared], np.float64)
    better = -d if lower else d
    bounded = all(0 <= side[q] <= 1 for side in (system, baseline) for q in shared)
    low, high = difference_interval(d, bounded=bounded, seed=seed)
    p = p_value(d, test, seed=seed)
    spread = 0.0 if len(d) < 2 or alike(d) else float(d.std(ddof=1))
    return Comparison(
        metric=metric,
        system=names[0],
        baseline=names[1],
        n=len(d),
        difference=float(d.mean()),
        low=low,
        high=high,
        p=p,
        p_corrected=p,
        effect=float(d.mean()) / spread if spread > 0 else None,
        wins=int((better > _TIE).sum()),
        ties=int((np.abs(d) <= _TIE).sum()),
        losses=int((better < -_TIE).sum()),
        detectable=(least := detectable_difference(len(d), spread) if spread > 0 else None),
        left_out=len(set(system) ^ set(baseline)),
        test=test,
        detectable_corrected=least,
        rows=hashlib.sha256("\n".join(map(str, shared)).encode(errors="surrogatepass") + d.tobytes()).hexdigest()[:16],
    )


def corrected(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Return the comparisons with Holm's correction over all distinct ones.

    Comparisons of identical rows test one hypothesis and count once; a row that is identical with its baseline tests
    none, and does not count.
    """
    distinct = {_hypothesis(c): c.p for c in comparisons if c.p is not None and _differs(c)}
    adjusted = dict(zip(distinct, holm(list(distinct.values())), strict=True))
    return [
        replace(
            c,
            p_corrected=None if c.p is None else adjusted.get(_hypothesis(c), c.p),
            detectable_corrected=None if c.detectable is None else c.detectable * _dearer(len(distinct)),
        )
        for c in comparisons
    ]


def distinct_tests(comparisons: Sequence[Comparison]) -> int:
    """Return the number of distinct hypotheses, over which Holm's correction is made."""
    return len({_hypothesis(c) for c in comparisons if c.p is not None and _differs(c)})


def _differs(c: Comparison) -> bool:
    return bool(c.wins or c.losses)


def _hypothesis(c: Comparison) -> object:
    return c.rows or id(c)


def _dearer(tests: int) -> float:
    """Return how many times greater a detectable difference is at 5 % over a number of tests."""
    return detectable_difference(1, 1.0, level=0.05 / max(1, tests)) / detectable_difference(1, 1.0)


def holm(p: Sequence[float]) -> list[float]:
    """Return p-values adjusted so that the chance of any false positive among them stays at the level.

    S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6, 1979.
    """
    order = sorted(range(len(p)), key=lambda i: p[i])
    adjusted = [0.0] * len(p)
    highest = 0.0
    for rank, i in enumerate(order):
        highest = max(highest, min(1.0, (len(p) - rank) * p[i]))
        adjusted[i] = highest
    return adjusted


def p_value(differences: NDArray[np.float64], test: Test = "permutation", *, seed: int = 0) -> float | None:
    """Return the two-sided p of the hypothesis that paired differences, float64 of shape (n,), are nothing but chance.

    None with fewer than two of them; 1 where all are zero.
    """
    n = len(differences)
    if n < 2:
        return None
    if alike(differences):  # without a spread there is no t: random signs decide, and of zeros nothing
        return 1.0 if abs(float(differences[0])) <= _TIE else 2.0 ** (1 - n)
    if test == "t":
        return _t_test(differences)
    if test == "bootstrap":
        return _bootstrap_t_test(differences, seed)
    observed = abs(float(differences.mean()))
    slack = 1e-12 * max(1.0, float(np.abs(differences).max()))  # equal means may differ in their last bits
    if test == "permutation" and n <= _EXACT:
        signs = 1.0 - 2.0 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
        return float((np.abs(signs @ differences / n) >= observed - slack).mean())
    rng = np.random.default_rng(seed)
    as_far = sum(
        int((np.abs(_flipped(differences, size, rng)) >= observed - slack).sum()) for size in _portions(RESAMPLES, n)
    )
    return (1 + as_far) / (1 + RESAMPLES)


def _flipped(d: NDArray[np.float64], size: int, rng: np.random.Generator) -> NDArray[np.float64]:
    signs = 2.0 * rng.integers(0, 2, (size, len(d)), np.int8) - 1.0
    return np.asarray(signs @ d / len(d))


def _bootstrap_t_test(d: NDArray[np.float64], seed: int) -> float:
    """Return p by the bootstrap of t: B. Efron and R. J. Tibshirani, "An introduction to the bootstrap", 1993, 16.4.

    The mean alone varies too little in resamples of few differences: it found chance significant in 10 to 18 % of
    samples of five.
    """
    rng = np.random.default_rng(seed)
    n = len(d)
    centred = d - d.mean()
    mean, spread = abs(float(d.mean())), float(d.std(ddof=1))
    slack = 1e-12 * spread * max(1.0, float(np.abs(d).max()))
    as_far = 0
    for size in _portions(RESAMPLES, n):
        drawn = centred[rng.integers(0, n, (size, n))]
        # |t of the resample| >= |t|, multiplied out: a resample of one difference repeated has no spread.
        as_far += int((np.abs(drawn.mean(axis=1)) * spread >= mean * drawn.std(axis=1, ddof=1) - slack).sum())
    return (1 + as_far) / (1 + RESAMPLES)


def _t_test(d: NDArray[np.float64]) -> float:
    from scipy.special import stdtr

    t = float(d.mean()) / (float(d.std(ddof=1)) / math.sqrt(len(d)))
    return float(2 * stdtr(len(d) - 1, -abs(t)))


def _portions(total: int, n: int) -> list[int]:
    step = max(1, _CELLS // n)
    return [min(step, total - start) for start in range(0, total, step)]


def detectable_difference(n: int, spread: float, *, level: float = 0.05, power: float = 0.8) -> float:
    """Return the least true difference that a paired test finds with the given power.

    Parameters
    ----------
    n
        Questions.
    spread
        Standard deviation of the differences.
    level
        Significance level of the two-sided test.
    power
        Chance to find a difference of this size.

    Notes
    -----
    (z(1 - level/2) + z(power)) * spread / sqrt(n), the normal approximation.
    """
    from statistics import NormalDist

    z = NormalDist().inv_cdf(1 - level / 2) + NormalDist().inv_cdf(power)
    return z * spread / math.sqrt(n)
