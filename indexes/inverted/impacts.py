"""Impacts: the contribution of each posting of a term to a document's score, computed on first use."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Term = TypeVar("Term", bound=Hashable)

_FREQUENT = 32
"""A term in more than one of this many documents is frequent: lookups by row are worth an array of all rows, which is
kept. Where there are more than ``_KEPT_ROWS`` rows the arrays would fill the memory, so they are of bits."""
_KEPT_ROWS = 1 << 17
_LOOKUPS = 64
"""Looking up a row costs about as much as spreading this many postings over an array."""


class _Ranks:
    """Finds rows in a long list by a bit for each row that could be in it, and the number of those before each word.

    G. Jacobson, "Space-efficient static trees and graphs", FOCS 1989.
    """

    __slots__ = ("before", "words")

    def __init__(self, rows: NDArray[np.int32], n_rows: int) -> None:
        there = np.zeros(-(-n_rows // 64) * 64, np.bool_)
        there[rows] = True
        self.words = np.packbits(there, bitorder="little").view(np.uint64)
        counts = np.bitwise_count(self.words)
        self.before = np.cumsum(counts, dtype=np.int32) - counts

    @property
    def nbytes(self) -> int:
        return self.words.nbytes + self.before.nbytes

    def find(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.uint64]]:
        """Return where each row is in the list if it is there at all, and 1 if it is, 0 else."""
        at = rows >> 6
        words, bits = self.words.take(at), (rows & 63).astype(np.uint64)
        one = np.uint64(1)
        return self.before.take(at) + np.bitwise_count(words & ((one << bits) - one)), words >> bits & one


class ImpactList:
    """The postings of one term as score contributions.

    Attributes
    ----------
    rows
        int32, shape (p,), ascending.
    impacts
        float32, shape (p,).
    size
        The number of postings.
    upper, lower
        The largest and the smallest impact; 0 if there is none.
    """

    __slots__ = ("_again", "_by_row", "_n_rows", "_ranks", "impacts", "lower", "rows", "size", "upper")

    def __init__(self, rows: NDArray[np.int32], impacts: NDArray[np.float32], n_rows: int) -> None:
        self.rows = rows
        self.size = len(rows)
        self.impacts = impacts
        self.upper = float(impacts.max()) if len(impacts) else 0.0
        self.lower = float(impacts.min()) if len(impacts) else 0.0
        self._n_rows = n_rows
        self._by_row: NDArray[np.float32] | None = None  # of frequent terms, made when rows are first looked up
        self._ranks: _Ranks | None = None
        self._again: tuple[NDArray[np.int64], NDArray[np.float32]] | None = None  # the last rows that cannot change

    @property
    def nbytes(self) -> int:
        """Bytes held beyond the postings themselves."""
        own = self.rows.nbytes if self.rows.base is None else 0
        again = None if self._again is None else self._again[1]
        return own + sum(each.nbytes for each in (self.impacts, self._by_row, self._ranks, again) if each is not None)

    def at(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the impacts in some rows, 0 where the term is not; do not write into them."""
        if rows.flags.writeable:
            return self._found(rows)
        again = self._again
        if again is None or again[0] is not rows:
            again = self._again = (rows, self._found(rows))
        return again[1]

    def _found(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        if self._by_row is not None:
            return self._by_row.take(rows)
        if self._is_frequent:
            if self._n_rows <= _KEPT_ROWS:
                self._by_row = self._spread()
                return self._by_row.take(rows)
            at, there = self._ranked(rows)
            ranked: NDArray[np.float32] = self.impacts.take(at, mode="clip") * there.astype(np.float32)
            return ranked
        if len(rows) * _LOOKUPS > len(self.rows) + self._n_rows // 4:
            return self._spread().take(rows)
        places = self._places(rows)
        impacts: NDArray[np.float32] = self.impacts.take(places) * (self.rows.take(places) == rows)
        return impacts

    @property
    def _is_frequent(self) -> bool:
        return len(self.rows) * _FREQUENT > self._n_rows

    def _ranked(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.uint64]]:
        if self._ranks is None:
            self._ranks = _Ranks(self.rows, self._n_rows)
        return self._ranks.find(rows)

    def _spread(self) -> NDArray[np.float32]:
        """Return the impacts of all rows, 0 where the term is not."""
        by_row = np.zeros(self._n_rows, np.float32)
        by_row[self.rows] = self.impacts
        return by_row

    def has(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return in which of some rows the term is."""
        there: NDArray[np.bool_] = self.rows.take(self._places(rows)) == rows
        return there

    def _places(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return where each row is in ``rows``, if it is there at all."""
        places = self.rows.searchsorted(rows.astype(np.int32))
        return np.minimum(places, len(self.rows) - 1, out=places)


class ImpactCache(Generic[Term]):
    """Impact lists by term, made on first use, for one state of the index and one set of parameters.

    Those that were not asked for longest go when all take more than ``room`` bytes. Safe for many threads: two that
    need the same list at once may both make it, and either is kept.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._kept: OrderedDict[Term, ImpactList] = OrderedDict()
        self._turn = threading.Lock()
        self._sizes: dict[Term, int] = {}
        self._held = 0

    @contextmanager
    def of(
        self, terms: Sequence[Term], make: Callable[[Sequence[Term]], Sequence[ImpactList]]
    ) -> Iterator[list[ImpactList]]:
        """Lend the lists of terms; ``make`` those that are missing. They grow while in use, and are counted then."""
        with self._turn:
            known = {term: self._kept[term] for term in terms if term in self._kept}
        missing = [term for term in terms if term not in known]
        if missing:
            known.update(zip(missing, make(missing), strict=True))
        yield [known[term] for term in terms]
        with self._turn:
            for term, each in known.items():
                self._kept[term] = each
                self._kept.move_to_end(term)
                size = each.nbytes
                self._held += size - self._sizes.get(term, 0)
                self._sizes[term] = size
            while self._held > self._room and len(self._kept) > 1:
                self._held -= self._sizes.pop(self._kept.popitem(last=False)[0])

    @property
    def nbytes(self) -> int:
        """Bytes of the lists that are kept."""
        return sum(each.nbytes for each in list(self._kept.values()))
