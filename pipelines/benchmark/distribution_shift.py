"""How far out of the base's distribution queries lie.

The Mahalanobis distance to the base, as VIBE shows it for its data sets (Jääsaari et al., "VIBE: vector index benchmark
for embeddings", 2025); how well it tells the two kinds of queries apart, by the area under the ROC curve, as Lee, Lee,
Lee and Shin do ("A simple unified framework for detecting out-of-distribution samples", 2018); and the distance to the
nearest row.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexes import Metric, Vectors

from .distances import Distances

_SAMPLE = 50_000
"""Rows of the base from which mean and covariance are taken."""

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Shift:
    """Distances of queries from the base, in and out of its distribution; smaller is nearer.

    Attributes
    ----------
    mahalanobis, mahalanobis_ood
        Median Mahalanobis distance to the base: of its own queries, and of the others.
    nearest, nearest_ood
        Median distance to the nearest row, by the metric of the data.
    separation
        How well the Mahalanobis distance tells the two apart: the share of pairs in which the out-of-distribution query
        lies farther. 0.5: not at all, they are of one distribution; 1: every one of them lies farther out.
    """

    mahalanobis: float
    mahalanobis_ood: float
    nearest: float
    nearest_ood: float
    separation: float


def shift_of(
    base: Vectors,
    queries: Vectors,
    ood: Vectors,
    *,
    metric: Metric,
    nearest: tuple[Distances, Distances],
    seed: int = 0,
) -> Shift:
    """Compare two sets of queries.

    Parameters
    ----------
    base, queries, ood
        float32, shape (n, dim).
    metric
        Under ``cosine`` all vectors are brought to length 1 first.
    nearest
        Distance of each query of either set to its nearest row.
    seed
        Of the sample of a large base.
    """
    if len(base) > _SAMPLE:
        base = base[np.random.default_rng(seed).choice(len(base), _SAMPLE, replace=False)]
    rows, inside, outside = (_prepared(x, metric) for x in (base, queries, ood))
    mean, inverse = _moments(rows)
    own, others = (_mahalanobis(x, mean, inverse) for x in (inside, outside))
    return Shift(
        mahalanobis=float(np.median(own)),
        mahalanobis_ood=float(np.median(others)),
        nearest=float(np.median(nearest[0])),
        nearest_ood=float(np.median(nearest[1])),
        separation=_separation(own, others),
    )


def _prepared(x: Vectors, metric: Metric) -> Numbers:
    found = x.astype(np.float64)
    if metric == "cosine":
        lengths = np.linalg.norm(found, axis=1, keepdims=True)
        found /= np.where(lengths > 0, lengths, 1)
    return found


def _moments(x: Numbers) -> tuple[Numbers, Numbers]:
    """Return the mean, and the inverse of the covariance.

    The covariance is drawn towards a sphere as far as few rows demand: the oracle-approximating shrinkage of Chen,
    Wiesel, Eldar and Hero, 2010. Without it, as many rows as dimensions have no inverse.
    """
    mean = x.mean(axis=0)
    n, dim = x.shape
    covariance = np.atleast_2d(np.cov(x, rowvar=False, bias=True)) if n > 1 else np.eye(dim)
    trace, squares = float(np.trace(covariance)), float(np.square(covariance).sum())
    spread = (n + 1 - 2 / dim) * (squares - trace * trace / dim)
    share = 1.0 if spread <= 0 else min(1.0, ((1 - 2 / dim) * squares + trace * trace) / spread)
    covariance = (1 - share) * covariance + np.eye(dim) * (share * trace / dim or 1.0)
    return mean, np.linalg.inv(covariance)


def _mahalanobis(x: Numbers, mean: Numbers, inverse: Numbers) -> Numbers:
    off = x - mean
    squares: Numbers = np.einsum("ij,jk,ik->i", off, inverse, off, optimize=True)
    return np.sqrt(np.maximum(squares, 0))


def _separation(own: Numbers, others: Numbers) -> float:
    """Return the share of pairs in which the second is greater, equal ones counting half."""
    ordered = np.sort(own)
    below = np.searchsorted(ordered, others, "left") + np.searchsorted(ordered, others, "right")
    return float(below.mean() / (2 * len(own)))
