"""True neighbours by exact search, decided in float64, cached by the content of the data, and checked in every run."""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import zipfile
import zlib
from dataclasses import dataclass
from functools import partial

import numpy as np

import indexes
from indexes import Ids, Metric, Vectors
from rag.embedding.digests import cache_dir

from ..datasets import VectorData
from .distances import Distances, of_rows, to_all
from .errors import BenchmarkError

_SPARE = 32
"""Extra candidates in float32, among which float64 decides."""

_CHECKED = 200
_CHEAP = 2_000_000_000
"""Up to this many multiplications, all queries are checked."""

_ROUNDING = 1e-7


@dataclass(frozen=True, slots=True)
class Truth:
    """The k nearest rows of the base for every query.

    Attributes
    ----------
    rows
        int64, shape (n_queries, k), nearest first.
    distances
        float64, the same shape; smaller is nearer, see `distances`.
    """

    rows: Ids
    distances: Distances

    def first(self, k: int) -> Truth:
        """Return only the ``k`` nearest."""
        return Truth(self.rows[:, :k], self.distances[:, :k])

    def of(self, queries: Ids) -> Truth:
        """Return the truth of some queries."""
        return Truth(self.rows[queries], self.distances[queries])


def exact(base: Vectors, queries: Vectors, k: int, metric: Metric) -> Truth:
    """Search exactly: candidates by the flat index, their distances and order in float64, equal distances by row."""
    index = indexes.dense("flat", base.shape[1], metric=metric)
    index.build(base, np.arange(len(base)))
    rows = index.search(queries, min(k + _SPARE, len(base))).ids
    distances = of_rows(base, queries, rows, metric)
    order = np.lexsort((rows, distances), axis=1)[:, :k]
    return Truth(np.take_along_axis(rows, order, axis=1), np.take_along_axis(distances, order, axis=1))


def truth_of(data: VectorData, k: int) -> Truth:
    """Return the true neighbours in ``data``, from the cache if they were computed before.

    Every call computes the distances of all cached rows again, and checks 200 queries by brute force, or all queries if
    that is cheap.

    Raises
    ------
    BenchmarkError
        Exact search and brute force differ: a fault of the underlying library.
    """
    place = cache_dir() / "truth" / f"{hashlib.sha256(f'{data.digest} {k}'.encode()).hexdigest()[:32]}.npz"
    kept = None
    unreadable = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)
    with contextlib.suppress(*unreadable), place.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        kept = Truth(archive["rows"], archive["distances"])
    if kept is not None and _has_form(kept, (len(data.queries), k)) and _agrees(data, kept):
        return kept
    made = exact(data.base, data.queries, k, data.metric)
    if not _agrees(data, made):
        raise BenchmarkError("exact search and brute force in float64 find different neighbours; is faiss damaged?")
    with contextlib.suppress(OSError):  # a cache that cannot be written costs time, nothing else
        place.parent.mkdir(parents=True, exist_ok=True)
        aside = place.with_name(f".{place.stem}.{os.getpid()}.npz")
        np.savez(aside, rows=made.rows, distances=made.distances)
        aside.replace(place)
    return made


def _has_form(truth: Truth, shape: tuple[int, int]) -> bool:
    arrays = ((truth.rows, np.int64), (truth.distances, np.float64))
    return all(array.shape == shape and array.dtype == dtype for array, dtype in arrays)


def _agrees(data: VectorData, truth: Truth) -> bool:
    """Compare the distances of the k nearest with brute force; the choice among equal ones is free."""
    k, n_queries = truth.rows.shape[1], len(data.queries)
    n_checked = n_queries if data.base.size * n_queries <= _CHEAP else _CHECKED
    chosen = np.unique(np.linspace(0, n_queries - 1, n_checked).astype(np.int64))
    if ((truth.rows < 0) | (truth.rows >= len(data))).any():
        return False
    squares = (np.einsum("ij,ij->i", x, x, dtype=np.float64) for x in (data.base, data.queries))
    longest = [math.sqrt(float(each.max())) for each in squares]
    scale = {"l2": sum(longest), "ip": longest[0] * longest[1], "cosine": 1.0}[data.metric]
    close = partial(np.allclose, rtol=1e-5, atol=_ROUNDING * scale)
    if not close(of_rows(data.base, data.queries, truth.rows, data.metric), truth.distances):
        return False
    claimed = truth.of(chosen)
    return all(
        close(claimed.distances[block], np.sort(np.partition(every, k - 1, axis=1)[:, :k], axis=1))
        for block, every in to_all(data.base, data.queries[chosen], data.metric)
    )
