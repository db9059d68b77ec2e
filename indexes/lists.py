"""What the faiss engines share that keep vectors in lists around centres."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from . import faiss_library as native
from .rows import Keep
from .types import Ids, Metric, Vectors

LEAST = 256
"""Fewer vectors are not worth lists: scanning them all takes microseconds."""

NPROBE = "lists looked at: more is better and slower; auto takes a twelfth of them, at least 16"
"""What ``nprobe`` means, the same for all these engines."""

_PER_LIST = 39
"""faiss asks for so many training vectors per centre."""


def auto(n: int) -> int:
    """Return a sensible number of lists for ``n`` vectors: 4 * sqrt(n), while lists keep 39 vectors on average."""
    return max(1, min(int(4 * math.sqrt(n)), n // _PER_LIST))


def outgrown(index: Any, n: int) -> bool:  # noqa: ANN401 - a faiss index
    """Say whether an index with an automatic number of lists has by far too few for ``n`` vectors."""
    return bool(auto(n) > 4 * index.nlist)


def quantizer(dim: int, metric: Metric) -> Any:  # noqa: ANN401 - a faiss index
    """Return the flat index of the centres."""
    return native.faiss().IndexFlat(dim, native.code(metric))


def trained(index: Any, x: Vectors, seed: int) -> Any:  # noqa: ANN401 - a faiss index
    """Train an inverted file on ``x`` and make it able to give vectors back by row."""
    index.cp.seed = seed
    index.cp.min_points_per_centroid = 1  # faiss would write a warning to the terminal
    index.train(x)
    index.make_direct_map()
    return index


def parameters(nprobe: int | None, index: Any, keep: Keep | None) -> Any:  # noqa: ANN401 - faiss objects
    """Return faiss's search parameters; a filter widens the search, so that as many allowed vectors are met."""
    if keep is None:
        return _unfiltered(_looked_at(index, nprobe, 1.0))
    n = _looked_at(index, nprobe, len(keep) / max(keep.n_rows, 1))
    return native.faiss().SearchParametersIVF(nprobe=n, sel=native.selector(keep))


@lru_cache(maxsize=256)
def _unfiltered(nprobe: int) -> Any:  # noqa: ANN401 - a faiss object, which takes longer to make than to use
    return native.faiss().SearchParametersIVF(nprobe=nprobe)


def _looked_at(index: Any, nprobe: int | None, share: float) -> int:  # noqa: ANN401 - a faiss index
    """Return how many lists to look at.

    Under a filter more, by the power 0.3 of its share: measured from 50 % to 1 % (50,000 vectors, 640 lists) that keeps
    recall, and skipping what is forbidden is cheap.
    """
    wanted = nprobe or max(16, index.nlist // 12)
    return int(min(index.nlist, math.ceil(wanted * share**-0.3)))


def scan_is_cheaper(index: Any, n_queries: int, n_allowed: int, nprobe: int | None) -> bool:  # noqa: ANN401 - a faiss index
    """Say whether scoring all allowed rows costs less than looking through the lists.

    In units of one comparison of a scan, as measured at 128 dimensions: fetching a row from its list costs 5, once for
    all queries; a list's centre 2; passing over a forbidden row 0.8, comparing an allowed one 3.3.
    """
    share = n_allowed / max(index.ntotal, 1)
    met = index.ntotal * _looked_at(index, nprobe, share) / index.nlist if n_allowed else 0.0
    return bool(n_allowed * (5 / max(n_queries, 1) + 1) < 2 * index.nlist + met * (0.8 + 3.3 * share))


def compact(index: Any, live: Ids) -> None:  # noqa: ANN401 - a faiss index
    """Throw out all rows but ``live`` and number these anew."""
    faiss = native.faiss()
    n = index.ntotal
    index.set_direct_map_type(faiss.DirectMap.NoMap)  # faiss refuses to remove beside an array of places
    dead = np.ones(n, np.bool_)
    dead[live] = False
    index.remove_ids(native.selector(Keep(np.flatnonzero(dead), n)))
    number = np.full(n, -1, np.int64)
    number[live] = np.arange(len(live))
    inverted = index.invlists
    for i in range(index.nlist):
        size = inverted.list_size(i)
        if size:
            ids = faiss.rev_swig_ptr(inverted.get_ids(i), size)
            ids[:] = number[ids]
    index.make_direct_map()


def sizes(index: Any) -> dict[str, int]:  # noqa: ANN401 - a faiss index
    """Return bytes by part: codes, row numbers and places, centres."""
    n = index.ntotal
    return {"codes": n * index.code_size, "rows": 16 * n, "centres": 4 * index.nlist * index.d}
