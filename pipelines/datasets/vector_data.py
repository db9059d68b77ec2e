"""Base vectors and queries, checked, and without overlap."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexes import METRICS, Ids, Metric, Vectors
from rag.errors import InvalidInput

MAX_QUERIES = 1000
_BFLOAT16 = np.dtype("V2")


@dataclass(frozen=True, slots=True)
class Raw:
    """Contents of a file, before checks and splitting.

    Attributes
    ----------
    base
        Any numbers, shape (n, dim).
    queries
        Any numbers, shape (n_queries, dim); None if the file has none.
    metric
        The file's distance, or the usual one of its kind; None if no index measures by what the file says.
    said
        The distance that the file names.
    notes
        Notes for readers of the figures.
    """

    base: NDArray[Any]
    queries: NDArray[Any] | None
    metric: Metric | None
    said: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class VectorData:
    """A collection to build from and queries to search with.

    Attributes
    ----------
    name
        Short name for tables and file names.
    base
        float32, shape (n, dim), finite.
    ids
        int64, shape (n,), unique: the ids under which the base is indexed.
    queries
        float32, shape (n_queries, dim), finite.
    metric
        ``cosine``, ``ip`` or ``l2``.
    notes
        Notes for readers of the figures: the origin of the queries, what was left out.
    ood
        Out-of-distribution queries, of another distribution than the base: float32, shape (n_ood, dim), finite; None
        for none.
    ood_name
        Where they come from.
    """

    name: str
    base: Vectors
    ids: Ids
    queries: Vectors
    metric: Metric
    notes: tuple[str, ...] = ()
    ood: Vectors | None = None
    ood_name: str = ""

    @property
    def dim(self) -> int:
        """Length of the vectors."""
        return int(self.base.shape[1])

    def __len__(self) -> int:
        return len(self.base)

    @property
    def of_ood(self) -> VectorData | None:
        """The same base with the out-of-distribution queries as its queries; None if there are none."""
        return None if self.ood is None else replace(self, queries=self.ood, ood=None, ood_name="")

    @cached_property
    def digest(self) -> str:
        """SHA-256 of vectors, ids, queries and metric: equal digests mean equal tasks."""
        digest = hashlib.sha256(f"{self.metric} {self.base.shape} {self.queries.shape}".encode())
        for array in (self.base, self.ids, self.queries, *([] if self.ood is None else [self.ood])):
            digest.update(np.ascontiguousarray(array).data.cast("B"))
        return digest.hexdigest()


def prepare(raw: Raw, name: str, *, metric: Metric | None, n_queries: int, keep_overlap: bool, seed: int) -> VectorData:
    """Check the contents of a file, and separate queries from the base.

    Parameters
    ----------
    metric
        Overrides the file's metric.
    n_queries
        Maximum number of queries; drawn at random if there are more, or if the file has none.
    keep_overlap
        Keep vectors in the base that are also queries; otherwise they are removed.

    Raises
    ------
    InvalidInput
        Wrong shapes, dimensions that differ, no vectors, or numbers that are not finite; names the first bad row.
    """
    if metric is not None and metric not in METRICS:
        raise InvalidInput(f"--metric {metric!r}: give one of {', '.join(METRICS)}")
    if n_queries < 1:
        raise InvalidInput(f"--queries {n_queries}: at least one query is needed")
    chosen = metric or raw.metric
    if chosen is None:
        raise InvalidInput(
            f"{name} is measured by {raw.said!r}, which no index here measures by: --metric says by which of "
            f"{', '.join(METRICS)} to measure instead"
        )
    rng = np.random.default_rng(seed)
    base = checked(raw.base, f"the base of {name}")
    notes = [] if metric else [*raw.notes]
    if raw.queries is None:
        if len(base) < 2:
            raise InvalidInput(
                f"{name} holds {len(base)} vectors: at least 2 are needed, one to hold and one to ask with"
            )
        drawn = np.zeros(len(base), np.bool_)
        drawn[rng.choice(len(base), min(n_queries, max(1, len(base) // 10)), replace=False)] = True
        queries, base = base[drawn], base[~drawn]
        notes.append(f"{len(queries)} vectors drawn at random as queries (seed {seed}) and taken out of the base")
    else:
        queries = checked(raw.queries, f"the queries of {name}")
        if queries.shape[1] != base.shape[1]:
            raise InvalidInput(
                f"{name}: the base has vectors of {base.shape[1]} numbers, the queries of {queries.shape[1]}; "
                "give files of one model"
            )
        if len(queries) > n_queries:
            notes.append(f"{n_queries} of {len(queries)} queries drawn at random (seed {seed})")
            queries = queries[np.sort(rng.choice(len(queries), n_queries, replace=False))]
    base, dropped = apart(base, queries, keep=keep_overlap)
    if dropped:
        what = "left in the base as asked" if keep_overlap else "taken out of the base"
        notes.append(f"{dropped} vectors equal to a query {what}")
    if not len(base):
        raise InvalidInput(f"{name}: every vector of the base is a query too; give other queries, or --keep-overlap")
    return VectorData(name, base, np.arange(len(base), dtype=np.int64), queries, chosen, tuple(notes))


def checked(array: NDArray[Any], what: str) -> Vectors:
    """Return a matrix of finite float32.

    Raises
    ------
    InvalidInput
        Not a matrix of numbers, or not finite; names the first bad row.
    """
    if array.ndim != 2 or not array.shape[0] or not array.shape[1]:
        raise InvalidInput(f"{what} must be a table of vectors, shape (n, dim); it has shape {array.shape}")
    if array.dtype == np.bool_:
        raise InvalidInput(
            f"{what} holds true and false: bits are saved as x.astype('uint8'), by a mask rows are chosen as x[mask]"
        )
    if array.dtype == _BFLOAT16:  # numpy writes the numbers of ml_dtypes without their name
        array = (np.ascontiguousarray(array).view(np.uint16).astype(np.uint32) << 16).view(np.float32)
    if array.dtype.kind not in "fiu":
        raise InvalidInput(f"{what} must hold numbers; it holds {array.dtype}")
    with np.errstate(over="ignore"):  # too large numbers become infinite, and are reported below
        vectors = np.ascontiguousarray(array, np.float32)
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        row = int(np.flatnonzero(~finite)[0])
        raise InvalidInput(f"{what}: row {row} holds NaN or infinity (or is too large for float32); take such rows out")
    return vectors


def apart(base: Vectors, queries: Vectors, *, keep: bool) -> tuple[Vectors, int]:
    """Return ``base`` without the vectors that are also in ``queries``, and their number."""
    alike = np.ones(len(base), np.bool_)
    for column in {0, base.shape[1] // 2, base.shape[1] - 1}:  # cheap: nearly all rows differ in one of three numbers
        alike &= np.isin(base[:, column], queries[:, column])
    rows = np.flatnonzero(alike)
    asked = {row.tobytes() for row in queries + np.float32(0)}  # + 0 makes -0 and 0 one
    same = rows[[row.tobytes() in asked for row in base[rows] + np.float32(0)]] if len(rows) else rows
    if keep or not len(same):
        return base, len(same)
    left = np.ones(len(base), np.bool_)
    left[same] = False
    return base[left], len(same)
