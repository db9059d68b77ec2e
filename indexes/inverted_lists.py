"""Base of the engines that keep vectors or codes in lists around centres, by faiss: ``ivf``, ``ivfpq``, ``rabitq``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from . import codes, faiss_library as native, files, inner_product, scan
from .codes import CodesIndex
from .drift import Described
from .files import Folder
from .rows import Keep
from .spec import Parameters, param
from .types import Ids, Metric, Scores, Vectors

LEAST = 256
"""Fewer vectors need no lists: scanning all takes microseconds."""

_APART = 0.8
"""Allowed vectors in the lists near a query, as a share of a random filter's, below which every list is searched."""
_PER_LIST = 39
"""faiss asks for this many training vectors per centre."""


@dataclass(frozen=True, kw_only=True)
class ListsBuild(Parameters):
    """Build parameters of engines with lists."""

    nlist: int | None = param(None, "lists; auto takes 4 * sqrt(n), at least 39 vectors in each", low=1, high=1 << 20)


@dataclass(frozen=True, kw_only=True)
class ListsSearch(Parameters):
    """Search parameters of engines with lists."""

    nprobe: int | None = param(
        None,
        "lists searched: more is better and slower; auto takes a twelfth of them, at least 16",
        low=1,
        high=1 << 20,
        effort=(1, 512),
    )


class ListsIndex(CodesIndex):
    """Vectors or codes, perhaps rotated, in lists; a search compares those in the nearest lists."""

    file = "lists.faiss"
    filters = "native"
    build_params: ListsBuild
    _rotation: Vectors | None = None
    _reach: inner_product.Reach | None = None

    @cached_property
    def _counts(self) -> WeakKeyDictionary[Keep, Ids]:
        return WeakKeyDictionary()

    def _learn_rotation(self, x: Vectors) -> Vectors | None:  # noqa: ARG002 - for engines to override
        """Return the rotation to apply to all vectors first, float32 of shape (dim, dim); None for none."""
        return None

    def _nlist(self, n: int) -> int:
        """Return the number of lists for ``n`` vectors."""
        return self.build_params.nlist or _auto(n)

    def _centres(self) -> Any:  # noqa: ANN401 - a faiss index
        """Return the empty flat index of the centres: near vectors share a list, whatever the metric is."""
        return native.faiss().IndexFlat(self.dim, native.code("cosine" if self.metric == "cosine" else "l2"))

    def _train_at(self) -> int:
        return max(self.build_params.nlist or 0, LEAST)

    def _engine_build(self, x: Vectors) -> None:
        self._rotation = self._learn_rotation(x)
        rotated, index = self._rotated(x), self._new(len(x))
        index.cp.seed, index.cp.spherical = self.seed, self.metric == "cosine"
        index.cp.min_points_per_centroid = 1  # faiss would write a warning to the terminal
        index.train(rotated)
        index.make_direct_map()
        self._index, self._reach = index, None
        self._add(rotated)

    def _engine_append(self, x: Vectors) -> None:
        self._add(self._rotated(x))

    def _add(self, rotated: Vectors) -> None:
        self._index.add(rotated)
        if self.metric == "ip":
            self._reach = inner_product.Reach.of(self._index.quantizer, rotated, self._reach)

    def _engine_describe(self, x: Vectors) -> Described:
        """Return the squared distances to the nearest centres, and the lists."""
        centres, rotated = self._index.quantizer, self._rotated(x)
        nearest = native.search(centres, rotated, 1, "cosine" if self.metric == "cosine" else "l2")[1][:, 0]
        apart = rotated - native.decoded(centres, nearest)
        return Described(np.asarray(np.einsum("ij,ij->i", apart, apart), np.float32), nearest)

    def _n_groups(self) -> int:
        return int(self._index.nlist)

    def _full(self) -> bool:
        many = self.build_params.nlist is None and self._held > 0
        return many and self._nlist(self._held) > 4 * int(self._index.nlist)

    def _rotated(self, x: Vectors) -> Vectors:
        return x if self._rotation is None else np.ascontiguousarray(x @ self._rotation)

    def _engine_search(self, q: Vectors, k: int, params: Any, keep: Keep | None) -> tuple[Scores, Ids]:  # noqa: ANN401 - the engine's own Search
        rotated, chosen = self._rotated(q), self._chosen_lists(params.nprobe, keep)
        if keep is None or self._reach is not None:
            return self._search_lists(rotated, k, chosen)
        lists = self._lists_that_hold(keep, rotated, chosen.nprobe)
        return native.search_lists(self._index, rotated, k, lists, chosen, metric=self.metric)

    def _lists_that_hold(self, keep: Keep, rotated: Vectors, n: int) -> tuple[Ids, Scores]:
        """Return the lists to search under a filter for each query, -1 for none, and what the quantizer says of them.

        The nearest ``n`` that hold allowed vectors. Where the ``n`` nearest of all hold much less than a random filter
        of that size would leave in them, the allowed vectors lie apart from the query, and the nearest among them may
        be in any list: all that hold some are searched.
        """
        nlist = int(self._index.nlist)
        near: Metric = "cosine" if self.metric == "cosine" else "l2"
        scores, lists = native.search(self._index.quantizer, rotated, nlist, near)
        held, sizes = self._held_by_lists(keep)[lists], native.list_sizes(self._index)[lists]
        there = held > 0
        share = len(keep) / max(keep.n_rows, 1)
        apart = held[:, :n].sum(axis=1) < _APART * share * sizes[:, :n].sum(axis=1)
        wanted = there & (apart[:, None] | (np.cumsum(there, axis=1) <= n))
        width = max(1, int(wanted.sum(axis=1).max()))
        order = np.argsort(~wanted, axis=1, kind="stable")[:, :width]
        chosen = np.where(np.take_along_axis(wanted, order, axis=1), np.take_along_axis(lists, order, axis=1), -1)
        distances = np.take_along_axis(scores, order, axis=1)
        return chosen, np.ascontiguousarray(distances if near == "cosine" else -distances)

    def _held_by_lists(self, keep: Keep) -> Ids:
        """Return how many allowed vectors each list holds: int64, shape (nlist,)."""
        counts = self._counts.get(keep)
        if counts is None:
            places = native.faiss().vector_to_array(self._index.direct_map.array)
            counts = np.bincount(places[keep.rows] >> 32, minlength=int(self._index.nlist))
            self._counts[keep] = counts
        return counts

    def _search_lists(self, rotated: Vectors, k: int, chosen: Any) -> tuple[Scores, Ids]:  # noqa: ANN401 - faiss's parameters
        if self._reach is None:
            return native.search(self._index, rotated, k, self.metric, chosen)
        lists, dots = self._reach.lists(rotated, chosen.nprobe, native.list_sizes(self._index))
        return native.search_lists(self._index, rotated, k, (lists, dots), chosen, metric="ip")

    def _chosen_lists(self, nprobe: int | None, keep: Keep | None) -> Any:  # noqa: ANN401 - a faiss object
        """Return faiss's search parameters; under a filter more lists are searched, to meet as many allowed vectors."""
        if keep is None:
            return _unfiltered(self._looked_at(nprobe, 1.0))
        n = self._looked_at(nprobe, len(keep) / max(keep.n_rows, 1))
        return native.faiss().SearchParametersIVF(nprobe=n, sel=native.selector(keep))

    def _looked_at(self, nprobe: int | None, share: float) -> int:
        """Return the number of lists to search.

        A filter raises it by the power 0.3 of its share: measured from 50 % to 1 % (50,000 vectors, 640 lists), that
        keeps recall, and skipping forbidden vectors is cheap.
        """
        nlist = self._index.nlist
        return int(min(nlist, math.ceil((nprobe or max(16, nlist // 12)) * share**-0.3)))

    def _prefers_scan(self, n_queries: int, n_allowed: int, params: Any) -> bool:  # noqa: ANN401 - the engine's own Search
        """Return whether scoring all allowed rows costs less than searching the lists.

        In units of one comparison of a scan, as measured at 128 dimensions: fetching a row from its list costs 5, once
        for all queries; a list's centre 2; skipping a forbidden row 0.8, comparing an allowed one 3.3.
        """
        if not self._held:
            return super()._prefers_scan(n_queries, n_allowed, params)
        if self._has_vectors() and scan.few_allowed(n_allowed, self._rows.n_rows):
            return True
        index = self._index
        share = n_allowed / max(index.ntotal, 1)
        met = index.ntotal * self._looked_at(params.nprobe, share) / index.nlist if n_allowed else 0.0
        return bool(n_allowed * (5 / max(n_queries, 1) + 1) < 2 * index.nlist + met * (0.8 + 3.3 * share))

    def _engine_vectors(self, rows: Ids) -> Vectors:
        decoded = native.decoded(self._index, rows)
        return decoded if self._rotation is None else np.ascontiguousarray(decoded @ self._rotation.T)

    def _engine_compact(self, live: Ids) -> None:
        faiss, index = native.faiss(), self._index
        n = index.ntotal
        index.set_direct_map_type(faiss.DirectMap.NoMap)  # faiss cannot remove while it has an array of places
        codes.compact(index, live)
        number = np.full(n, -1, np.int64)
        number[live] = np.arange(len(live))
        for i in range(index.nlist):
            if size := index.invlists.list_size(i):
                ids = faiss.rev_swig_ptr(index.invlists.get_ids(i), size)
                ids[:] = number[ids]
        index.make_direct_map()

    def _engine_bytes(self) -> dict[str, int]:
        n, nlist = self._index.ntotal, self._index.nlist
        rotation = 0 if self._rotation is None else self._rotation.nbytes
        return {**super()._engine_bytes(), "rows": 16 * n, "centres": 4 * nlist * self.dim, "rotation": rotation}

    def _engine_write(self, folder: Folder) -> None:
        super()._engine_write(folder)
        if self._reach is not None:
            files.write_array(folder / "reach.npy", self._reach.radii)
        if self._rotation is not None:
            files.write_array(folder / "rotation.npy", self._rotation)

    def _engine_read(self, folder: Folder, n_rows: int) -> None:
        super()._engine_read(folder, n_rows)
        if self.metric == "ip":
            radii = files.read_array(folder / "reach.npy", np.float32, (self._index.nlist,))
            self._reach = inner_product.Reach(native.decoded(self._index.quantizer, np.arange(len(radii))), radii)
        if (folder / "rotation.npy").exists():
            self._rotation = files.read_array(folder / "rotation.npy", np.float32, (self.dim, self.dim))


def _auto(n: int) -> int:
    """Return a sensible number of lists for ``n`` vectors: 4 * sqrt(n), while lists keep 39 vectors on average."""
    return max(1, min(int(4 * math.sqrt(n)), n // _PER_LIST))


@lru_cache(maxsize=256)
def _unfiltered(nprobe: int) -> Any:  # noqa: ANN401 - a faiss object, slower to make than to use
    return native.faiss().SearchParametersIVF(nprobe=nprobe)
