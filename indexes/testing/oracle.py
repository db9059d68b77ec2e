"""Oracle of the shipped contract: data that tells engines apart, and exact search in float64."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ..types import Hits, Ids, Metric, Vectors

DIM = 32


@cache
def cloud(n: int, dim: int = DIM, seed: int = 0, latent: int = 8) -> Vectors:
    """Return vectors of low intrinsic dimension, as embeddings are: float32, shape (n, dim), read-only.

    Uniform noise in many dimensions has no near neighbours, so that recall on it says nothing.
    """
    rng = np.random.default_rng(seed)
    directions = np.random.default_rng(99).standard_normal((latent, dim))
    x = rng.standard_normal((n, latent)) @ directions + 0.1 * rng.standard_normal((n, dim))
    cloud_ = np.asarray(x, np.float32)
    cloud_.flags.writeable = False
    return cloud_


@cache
def shuffled_ids(n: int, seed: int = 0) -> Ids:
    """Return shuffled ids up to 2**62: int64, shape (n,), read-only."""
    rng = np.random.default_rng(seed)
    ids = np.unique(np.concatenate((rng.integers(0, 2**62, 2 * n), np.arange(n // 4))))
    ids = rng.permutation(ids)[:n]
    ids.flags.writeable = False
    return ids


class Oracle:
    """A dictionary of vectors, and exact search over it in float64."""

    def __init__(self, metric: Metric) -> None:
        self.metric = metric
        self.held: dict[int, NDArray[np.float64]] = {}

    def add(self, x: Vectors, ids: Ids) -> Oracle:
        """Add vectors."""
        self.held.update(zip(ids.tolist(), np.asarray(x, np.float64), strict=True))
        return self

    def remove(self, ids: Iterable[int]) -> None:
        """Remove vectors."""
        for id_ in ids:
            del self.held[int(id_)]

    def ids(self, allow: Iterable[int] | None = None) -> Ids:
        """Return the ids held (and allowed), ascending."""
        chosen = self.held.keys() if allow is None else self.held.keys() & {int(i) for i in allow}
        return np.array(sorted(chosen), np.int64)

    def scores(self, q: Vectors, ids: Ids) -> NDArray[np.float64]:
        """Return the scores of these ids: float64, shape (n_queries, len(ids))."""
        x = np.array([self.held[int(i)] for i in ids]).reshape(len(ids), np.shape(q)[1])
        wide = np.asarray(q, np.float64)
        if self.metric == "l2":
            return np.asarray(-np.square(wide[:, None, :] - x[None]).sum(axis=2))
        if self.metric == "cosine":
            x, wide = _unit(x), _unit(wide)
        return np.asarray(wide @ x.T)

    def search(self, q: Vectors, k: int, allow: Iterable[int] | None = None) -> Hits:
        """Return exact hits, equal float32 scores by ascending id, padded to ``k``."""
        ids = self.ids(allow)
        scores = self.scores(q, ids).astype(np.float32)
        order = np.lexsort((np.broadcast_to(ids, scores.shape), -scores), axis=1)[:, :k]
        hits = Hits(np.full((len(q), k), -1, np.int64), np.full((len(q), k), -np.inf, np.float32))
        hits.ids[:, : order.shape[1]] = ids[order]
        hits.scores[:, : order.shape[1]] = np.take_along_axis(scores, order, axis=1)
        return hits

    def recall(self, q: Vectors, hits: Hits, k: int, allow: Iterable[int] | None = None) -> float:
        """Return the share of the best ``k`` that were found; whatever is as good as the k-th best counts."""
        ids = self.ids(allow)
        k = min(k, len(ids))
        scores = self.scores(q, ids)
        worst = np.sort(scores, axis=1)[:, -k, None] - self.tolerance(q)
        good = 0
        for row, found in zip(scores >= worst, hits.ids[:, :k], strict=True):
            good += int(np.isin(np.unique(found), ids[row]).sum())  # a repeated hit counts once
        return good / (k * len(q))

    def tolerance(self, q: Vectors) -> float:
        """Return the rounding error that float32 may have in a score."""
        if self.metric == "cosine" or not self.held:
            return 1e-5
        longest = max(float(np.linalg.norm(v)) for v in self.held.values())
        queries = float(np.linalg.norm(q, axis=1).max())
        return 1e-5 * ((longest + queries) ** 2 if self.metric == "l2" else longest * queries + 1e-30)


def _unit(x: NDArray[np.float64]) -> NDArray[np.float64]:
    norms = np.linalg.norm(x, axis=1, keepdims=True)
    return np.asarray(x / np.where(norms > 0, norms, 1))
