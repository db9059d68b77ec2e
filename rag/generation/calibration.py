"""Calibrate abstention: the probability that an answer is right, fitted on questions whose answers are known.

Signals of an answer (its support, the scores of its passages) give log odds by a ridge logistic regression; isotonic
regression (Zadrozny and Elkan, KDD 2002) makes them a probability. Every question is judged by a regression that was
fitted without it (five folds), and the threshold and the curve of risk and coverage (El-Yaniv and Wiener, JMLR 2010)
come from those judgements. Selective answering by a calibrator: Kamath et al., ACL 2020.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..answers import Answer
from ..errors import InvalidInput, StoreCorrupt

SIGNALS = ("support", "dense", "terms", "margin", "unsupported")
FEWEST = 30
"""Questions that a calibration needs, at least 5 of them with a right answer and 5 with a wrong one."""
_FOLDS = 5
_RIDGE = 1.0


class CurvePoint(NamedTuple):
    """Coverage and risk when only answers with at least this probability are given."""

    coverage: float
    risk: float
    threshold: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """A fitted calibration, and the threshold below which an answer is withheld.

    Attributes
    ----------
    mean, scale, weights, intercept
        The regression over standardised `SIGNALS`.
    odds, probability
        The isotonic steps: log odds, ascending, and the probability from each on.
    questions, right
        The number it was fitted on, and the share of right answers among them.
    pipeline
        The pipeline value that the answers came from, as TOML; empty where an earlier version did not say.
    """

    mean: tuple[float, ...]
    scale: tuple[float, ...]
    weights: tuple[float, ...]
    intercept: float
    odds: tuple[float, ...]
    probability: tuple[float, ...]
    threshold: float
    questions: int
    right: float
    pipeline: str = ""

    def judge(self, answer: Answer) -> float:
        """Return the probability, 0 to 1, that an answer is right; 0 for one that was withheld."""
        if answer.abstained:
            return 0.0
        shown = (np.array(signals(answer)) - self.mean) / self.scale
        odds = self.intercept + float(shown @ np.array(self.weights))
        return float(np.interp(odds, self.odds, self.probability))

    def as_json(self) -> str:
        """Return the text that `from_json` reads."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Calibration:
        """Read it back; raise `StoreCorrupt` if the text is not a calibration."""
        try:
            facts: dict[str, Any] = json.loads(text)
            rows: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in facts.items()}
            read = cls(**rows)
            by_signal = np.array([read.mean, read.scale, read.weights], np.float64)
            steps = np.array([read.odds, read.probability], np.float64)
            figures = np.concatenate((by_signal.ravel(), steps.ravel(), [read.intercept, read.threshold]))
            if by_signal.shape[1] != len(SIGNALS) or not steps.size or not np.isfinite(figures).all():
                raise ValueError(f"it is not one of the {len(SIGNALS)} signals {', '.join(SIGNALS)}")  # noqa: TRY301
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise StoreCorrupt(f"the stored calibration cannot be read ({error}); run `rag calibrate` again") from error
        return read


def setting_of(generator: str) -> str:
    """Return the name of the setting that keeps a generator's calibration with a knowledge base."""
    return f"calibration:{generator}"


class Fitted(NamedTuple):
    """A calibration, with the held-out probabilities, their curve, and the area under the ROC curve."""

    calibration: Calibration
    judged: NDArray[np.float64]
    curve: list[CurvePoint]
    auroc: float


def signals(answer: Answer) -> tuple[float, ...]:
    """Return the signals of an answer, in the order of `SIGNALS`."""
    support = min(max(answer.support, 1e-4), 1 - 1e-4)
    scores = [passage.scores for passage in answer.passages]
    fused = [passage.score for passage in answer.passages]
    claims = [each for each in answer.sentences if each.verdict != "no claim"]
    wrong = sum(each.verdict == "unsupported" for each in claims) + answer.checks.unsupported * (not claims)
    return (
        float(np.log(support / (1 - support))),
        max((each.get("dense", 0.0) for each in scores), default=0.0),
        float(np.log1p(max(0.0, max((each.get("terms", 0.0) for each in scores), default=0.0)))),
        fused[0] - fused[1] if len(fused) > 1 else 0.0,
        wrong / len(claims) if claims else 0.0,
    )


def fit(
    shown: Sequence[Sequence[float]],
    right: Sequence[bool],
    given: Sequence[bool],
    *,
    wrong_cost: float = 1.0,
    risk: float | None = None,
    seed: int = 0,
) -> Fitted:
    """Fit a calibration.

    Parameters
    ----------
    shown
        `signals` of each answer, shape (n, len(SIGNALS)).
    right
        Whether each answer is right; never for a question that has none.
    given
        Whether there is an answer at all; False for one that the generator withheld.
    wrong_cost
        Cost of a wrong answer, where a right one gains 1 and none gains 0; the threshold maximises the gain.
    risk
        Instead of ``wrong_cost``: the highest share of wrong answers; the threshold maximises the coverage.
    seed
        Random seed of the folds.

    Raises
    ------
    InvalidInput
        There are too few questions, or too few right or wrong answers among them.
    """
    y, there = np.asarray(right, dtype=bool), np.asarray(given, dtype=bool)
    x, y_there = np.asarray(shown, dtype=np.float64)[there], y[there]
    least = min(int(y_there.sum()), int((~y_there).sum()))
    if len(x) < FEWEST or least < _FOLDS:
        raise InvalidInput(
            f"{len(x)} answers, {int(y_there.sum())} of them right: a calibration needs {FEWEST} answers, {_FOLDS} "
            "right and as many wrong; add questions, also some that the documents do not answer"
        )
    mean, scale = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-9)
    x = (x - mean) / scale
    odds = _cross_fitted(x, y_there, seed, _odds)
    steps, values = isotonic(odds, y_there)
    judged_there = _cross_fitted(odds, y_there, seed, _probabilities)
    judged = np.zeros(len(y))
    judged[there] = judged_there
    curve = risk_coverage(judged[there], y_there, total=len(y))
    threshold = _threshold(judged_there, y_there, wrong_cost, risk)
    intercept, weights = _logistic(x, y_there)
    calibration = Calibration(
        tuple(mean.tolist()), tuple(scale.tolist()), tuple(weights.tolist()), intercept,
        tuple(steps.tolist()), tuple(values.tolist()), threshold, len(y), float(y.mean()),
    )  # fmt: skip
    return Fitted(calibration, judged, curve, _auroc(judged_there, y_there))


def risk_coverage(judged: NDArray[np.float64], right: NDArray[np.bool_], *, total: int) -> list[CurvePoint]:
    """Return the curve from the most probable answer to all answers, a point for each distinct probability."""
    order = np.argsort(-judged, kind="stable")
    wrong, seen = np.cumsum(~right[order]), np.arange(1, len(order) + 1)
    value = judged[order]
    last = np.append(value[1:] != value[:-1], True)
    return [
        CurvePoint(float(n / total), float(w / n), float(v))
        for n, w, v in zip(seen[last], wrong[last], value[last], strict=True)
    ]


def isotonic(odds: NDArray[np.float64], right: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return ascending log odds and their probabilities, by pooling adjacent violators; linear in between."""
    order = np.argsort(odds, kind="stable")
    blocks: list[tuple[float, float, float]] = []  # mean of y, weight, mean of the odds
    for at in order:
        block = (float(right[at]), 1.0, float(odds[at]))
        while blocks and blocks[-1][0] >= block[0]:
            y, n, x = blocks.pop()
            both = n + block[1]
            block = ((y * n + block[0] * block[1]) / both, both, (x * n + block[2] * block[1]) / both)
        blocks.append(block)
    # A block of few is never certain: Laplace's rule of succession.
    values = np.maximum.accumulate([(y * n + 1) / (n + 2) for y, n, _ in blocks])
    return np.array([x for _, _, x in blocks]), np.asarray(values)


def _cross_fitted(
    x: NDArray[np.float64],
    y: NDArray[np.bool_],
    seed: int,
    judged: Callable[[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]], NDArray[np.float64]],
) -> NDArray[np.float64]:
    """Judge each fold's rows by what was fitted on the other folds: shape (n,)."""
    result = np.zeros(len(x))
    for held in np.array_split(np.random.default_rng(seed).permutation(len(x)), _FOLDS):
        result[held] = judged(np.delete(x, held, axis=0), np.delete(y, held), x[held])
    return result


def _odds(x: NDArray[np.float64], y: NDArray[np.bool_], new: NDArray[np.float64]) -> NDArray[np.float64]:
    intercept, weights = _logistic(x, y)
    odds: NDArray[np.float64] = intercept + new @ weights
    return odds


def _probabilities(odds: NDArray[np.float64], y: NDArray[np.bool_], new: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.interp(new, *isotonic(odds, y))


def _logistic(x: NDArray[np.float64], y: NDArray[np.bool_]) -> tuple[float, NDArray[np.float64]]:
    """Ridge logistic regression by Newton's method; the intercept is free."""
    wide = np.column_stack((np.ones(len(x)), x))
    ridge = np.diag([1e-6] + [_RIDGE] * x.shape[1])
    weights = np.zeros(wide.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(wide @ weights, -30, 30)))
        step = np.linalg.solve((wide.T * (p * (1 - p))) @ wide + ridge, wide.T @ (y - p) - ridge @ weights)
        weights += step
        if float(np.abs(step).max()) < 1e-8:
            break
    return float(weights[0]), weights[1:]


def _threshold(judged: NDArray[np.float64], right: NDArray[np.bool_], wrong_cost: float, risk: float | None) -> float:
    curve = risk_coverage(judged, right, total=len(right))
    if risk is not None:
        good = [point for point in curve if point.risk <= risk]
        return max(good).threshold if good else 1.0
    best = max(curve, key=lambda point: point.coverage * (1 - point.risk - wrong_cost * point.risk))
    return best.threshold if best.coverage * (1 - best.risk - wrong_cost * best.risk) > 0 else 1.0


def _auroc(judged: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    a, b = judged[right][:, None], judged[~right][None, :]
    return float(((a > b) + 0.5 * (a == b)).mean())
