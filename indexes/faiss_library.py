"""faiss, imported on first use, and the few of its calls that several engines share.

faiss checks arguments by ``assert`` only, which ``python -O`` removes; so all arrays are checked before they get here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import IndexDamaged
from .registry import library
from .rows import Keep
from .types import Ids, Metric, Scores, Vectors


@cache
def faiss() -> Any:  # noqa: ANN401 - faiss has no types
    """Import faiss.

    Raises
    ------
    EngineMissing
        faiss is not installed.
    """
    module = library("faiss", "flat")
    # OpenMP's threads do not survive a fork: a child that searched with two would wait for them forever.
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lambda: module.omp_set_num_threads(1))
    return module


def code(metric: Metric) -> int:
    """Return faiss's number of a metric; cosine is the inner product of vectors of length 1."""
    module = faiss()
    return int(module.METRIC_L2 if metric == "l2" else module.METRIC_INNER_PRODUCT)


def selector(keep: Keep) -> Any:  # noqa: ANN401 - a faiss object
    """Return faiss's filter that lets the rows of ``keep`` through."""
    module = faiss()
    made = module.IDSelectorBitmap(keep.n_rows, module.swig_ptr(keep.bits))
    # faiss reads the bits at every search and holds no reference to them. Without this one, a filter made of a
    # temporary ``Keep`` reads memory that belongs to something else by then, and removes what it should not.
    made.referenced_objects = [keep]
    return made


def knn(q: Vectors, x: Vectors, k: int, metric: Metric, keep: Keep | None = None) -> tuple[Scores, Ids]:
    """Search all of ``x`` exactly, up to float32's rounding, with faiss's kernels.

    Parameters
    ----------
    q, x
        float32, shapes (n_queries, dim) and (n, dim), C-contiguous, finite.
    k
        At least 1, at most the number of rows that may be returned.
    keep
        The rows of ``x`` that may be returned; None for all.

    Returns
    -------
    scores, rows
        float32 and int64, shape (n_queries, k), best first; higher is better.
    """
    module = faiss()
    scores = np.empty((len(q), k), np.float32)
    rows = np.empty((len(q), k), np.int64)
    pointers = [module.swig_ptr(a) for a in (q, x)]
    sizes = (q.shape[1], len(q), len(x), k)
    chosen = None if keep is None else selector(keep)
    if metric == "l2":
        module.knn_L2sqr(*pointers, *sizes, module.swig_ptr(scores), module.swig_ptr(rows), None, chosen)
    else:
        module.knn_inner_product(*pointers, *sizes, module.swig_ptr(scores), module.swig_ptr(rows), chosen)
    return as_scores(scores, metric), rows


def inner_products(q: Vectors, x: Vectors) -> Scores:
    """Return inner products: float32, shape (n_queries, n).

    Those of one query by faiss, for BLAS's threads wait for each other longer than they work on so little: 5 ms on a
    busy machine.

    Parameters
    ----------
    q, x
        float32, shapes (n_queries, dim) and (n, dim), C-contiguous.
    """
    if len(q) != 1:
        return np.asarray(q @ x.T, np.float32)
    module = faiss()
    found = np.empty((1, len(x)), np.float32)
    module.fvec_inner_products_ny(*map(module.swig_ptr, (found, q, x)), x.shape[1], len(x))
    return found


def as_scores(distances: Scores, metric: Metric) -> Scores:
    """Turn faiss's distances into scores, in place: minus the squared distance for l2."""
    return np.negative(distances, out=distances) if metric == "l2" else distances


def write(index: object, path: Path) -> None:
    """Write a faiss index; a full disk raises ``OSError`` because the bytes go through a Python file."""
    module = faiss()
    with path.open("wb") as file:
        module.write_index(index, module.PyCallbackIOWriter(file.write))


def read(path: Path, like: Any, n_rows: int) -> Any:  # noqa: ANN401 - faiss indexes
    """Read a faiss index from a file whose digest was checked.

    Raises
    ------
    IndexDamaged
        faiss cannot read it, or its class, dimension or metric is not that of ``like``, or it has another size.
    """
    module = faiss()
    try:
        index = module.read_index(os.fspath(path))
    except RuntimeError as error:
        raise IndexDamaged(f"{path.name} cannot be read by faiss: {error}") from error
    found, expected = (
        (type(each).__name__, n, each.d, each.metric_type) for each, n in ((index, index.ntotal), (like, n_rows))
    )
    if found != expected:
        raise IndexDamaged(f"{path.name} holds (class, rows, dim, metric) {found}, expected {expected}")
    return index


def decoded(index: Any, rows: Ids) -> Vectors:  # noqa: ANN401 - a faiss index
    """Return the vectors of rows, decoded: float32, shape (len(rows), dim)."""
    out = np.empty((len(rows), index.d), np.float32)
    pointer = faiss().swig_ptr
    index.reconstruct_batch_c(len(rows), pointer(np.ascontiguousarray(rows)), pointer(out))
    return out


def list_sizes(index: Any) -> Ids:  # noqa: ANN401 - a faiss index
    """Return the number of rows in every list of a faiss index of lists."""
    lists_ = index.invlists
    return np.array([lists_.list_size(i) for i in range(index.nlist)], np.int64)


_COUNTING_BYTES = 64 << 20
_COUNTED = 1 << 14
"""Up to so many are found by counting distances; for more, faiss would set aside memory for each distance."""


@contextmanager
def one_thread_for(n_queries: int) -> Iterator[None]:
    """Let one query have one thread: others could do nothing but be waited for, 30 ms on a busy machine."""
    module = faiss()
    threads = module.omp_get_max_threads()
    if n_queries > 1 or threads == 1:
        yield
        return
    module.omp_set_num_threads(1)  # of the calling thread only
    try:
        yield
    finally:
        module.omp_set_num_threads(threads)


def nearest_codes(
    mine: NDArray[np.uint8], codes: NDArray[np.uint8], k: int, keep: Keep | None = None
) -> tuple[Scores, Ids]:
    """Compare codes with all of ``codes`` by their differing bits, and count instead of sorting.

    Parameters
    ----------
    mine, codes
        uint8, shapes (n_queries, width) and (n, width), C-contiguous.
    k
        At least 1, at most ``n``.
    keep
        The rows of ``codes`` that may be returned; None for all.

    Returns
    -------
    differing, rows
        float32 and int64, shape (n_queries, k), fewest bits first; row -1 where there are fewer.
    """
    module = faiss()
    if k > _COUNTED and keep is None:
        with one_thread_for(len(mine)):
            differing, rows = module.knn_hamming(mine, codes, k, variant="hc")
        return differing.astype(np.float32), rows
    width = codes.shape[1]
    differing, rows = np.empty((len(mine), k), np.int32), np.empty((len(mine), k), np.int64)
    chosen = None if keep is None else selector(keep)
    step = max(1, _COUNTING_BYTES // (8 * k * (8 * width + 1)))  # each query has k places for each number of bits
    for start in range(0, len(mine), step):
        own = slice(start, start + step)
        found = (module.swig_ptr(a) for a in (differing[own], rows[own]))
        n = len(mine[own])
        with one_thread_for(n):
            module.hammings_knn_mc(
                module.swig_ptr(mine[own]), module.swig_ptr(codes), n, len(codes), k, width, *found, chosen
            )
    return differing.astype(np.float32), rows


def search_lists(
    index: Any,  # noqa: ANN401 - faiss objects
    q: Vectors,
    k: int,
    lists_: tuple[Ids, Scores],
    params: Any,  # noqa: ANN401
    *,
    metric: Metric,
) -> tuple[Scores, Ids]:
    """Search these lists of a faiss index; ``lists_`` are numbers, -1 for none, and what its quantizer says of them."""
    pointer = faiss().swig_ptr
    scores = np.empty((len(q), k), np.float32)
    rows = np.empty((len(q), k), np.int64)
    numbers, dots = lists_
    mine = faiss().SearchParametersIVF(nprobe=numbers.shape[1], sel=params.sel)  # the given ones may be shared
    found = (pointer(a) for a in (numbers, dots, scores, rows))
    index.search_preassigned_c(len(q), pointer(q), k, *found, False, mine)
    return as_scores(scores, metric), rows


def search(index: Any, q: Vectors, k: int, metric: Metric, params: Any = None) -> tuple[Scores, Ids]:  # noqa: ANN401 - faiss objects
    """Search a faiss index without its Python wrapper's checks, which were made before and cost microseconds.

    Returns
    -------
    scores, rows
        float32 and int64, shape (n_queries, k), best first; higher is better; row -1 with any score where faiss finds
        fewer.
    """
    pointer = faiss().swig_ptr
    scores = np.empty((len(q), k), np.float32)
    rows = np.empty((len(q), k), np.int64)
    index.search_c(len(q), pointer(q), k, pointer(scores), pointer(rows), params)
    return as_scores(scores, metric), rows
