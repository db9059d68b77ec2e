"""Search by terms over immutable segments of postings: exact BM25, scored by the reader.

Stores on servers keep postings as blobs. A posting is 8 bytes: the chunk's id, and the chunk's length in terms with the
term's frequency in it. A reader needs nothing but the postings of a question's terms to score it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import chain
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

import indexes
from indexes import Hits, IdSet, Terms
from indexes.bags import checked_queries
from indexes.bm25 import BM25Index, BM25Search

from ..errors import InvalidInput

Ids = NDArray[np.int64]
POSTING = np.dtype([("chunk", "<u4"), ("packed", "<u4")])
_FREQUENCY_BITS = 12
MOST_FREQUENT, LONGEST = (1 << _FREQUENCY_BITS) - 1, (1 << 20) - 1
"""Larger frequencies and lengths count as these: BM25 tells them from none above by less than a thousandth."""
_LAST_CHUNK = (1 << 32) - 1
_REMEMBERED = 8
_SPARSE = 1 << 24
"""Ids from which the sums of a question are kept for the chunks it touches alone."""
_TIER, _SMALLEST = 8, 50_000
"""As many segments of one size become one that is as many times as large."""


def grouped(chunks: Sequence[int], bags: Sequence[Sequence[str]]) -> Iterator[tuple[str, NDArray[np.void]]]:
    """Yield the terms of chunks, whose ids ascend, in their order, each with its postings.

    Raises
    ------
    InvalidInput
        A chunk's id does not fit into a posting.
    """
    if not len(chunks):
        return
    if chunks[-1] > _LAST_CHUNK:
        raise InvalidInput("4,294,967,295 chunks have been added: copy the knowledge base, which numbers them anew")
    lengths = np.fromiter(map(len, bags), np.int64, len(bags))
    vocabulary = _Numbers()
    terms = np.fromiter(map(vocabulary.__getitem__, chain.from_iterable(bags)), np.int64, int(lengths.sum()))
    bits = len(chunks).bit_length()
    pairs, counts = np.unique(terms << bits | np.repeat(np.arange(len(chunks)), lengths), return_counts=True)
    rows = pairs & (1 << bits) - 1
    records = np.empty(len(pairs), POSTING)
    records["chunk"] = np.asarray(chunks, np.int64)[rows]
    records["packed"] = packed(lengths[rows], counts)
    ends = [0, *np.cumsum(np.bincount(pairs >> bits, minlength=len(vocabulary))).tolist()]
    for term in sorted(vocabulary):
        number = vocabulary[term]
        yield term, records[ends[number] : ends[number + 1]]


class _Numbers(dict[str, int]):
    """Numbers terms in the order in which they are met."""

    def __missing__(self, term: str) -> int:
        number = self[term] = len(self)
        return number


def packed(lengths: NDArray[np.int64], frequencies: NDArray[np.int64]) -> NDArray[np.uint32]:
    """Return lengths and frequencies as a posting holds them."""
    both = np.minimum(lengths, LONGEST) << _FREQUENCY_BITS | np.minimum(frequencies, MOST_FREQUENT)
    return np.asarray(both, np.uint32)


def unpacked(records: NDArray[np.void]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lengths and frequencies of postings."""
    both = records["packed"]
    return (both >> _FREQUENCY_BITS).astype(np.float64), (both & MOST_FREQUENT).astype(np.float64)


def due(segments: Sequence[tuple[int, int]]) -> list[int]:
    """Return which of the segments, given with their numbers of postings, should become one; none mostly."""
    tiers: dict[int, list[int]] = {}
    for segment, postings in segments:
        tier = 0
        while postings > _SMALLEST * _TIER**tier:
            tier += 1
        tiers.setdefault(tier, []).append(segment)
    return next((found for _, found in sorted(tiers.items()) if len(found) >= _TIER), [])


def checked(spec: str, place: str) -> str:
    """Return the spec of an index of terms that a server, named ``place``, can have.

    Raises
    ------
    InvalidInput
        It is none.
    """
    if indexes.kind(spec) != "terms":
        raise InvalidInput(f"index {spec!r} is none of terms")
    made = indexes.terms(spec)
    if (
        not isinstance(made, BM25Index)
        or made.build_params.engine != "postings"
        or made.build_params.variant == "okapi"
    ):
        raise InvalidInput(f"index {spec!r}: {place} has bm25 with the variants lucene, robertson, bm25+ and bm25l")
    return spec


class Frequencies(Mapping[str, int]):
    """The number of chunks that hold each term: of single terms found when asked for, of all when listed."""

    def __init__(self, one: Callable[[str], int], every: Callable[[], dict[str, int]]) -> None:
        self._one, self._every = one, every
        self._known: dict[str, int] = {}
        self._all: dict[str, int] | None = None

    def __getitem__(self, term: str) -> int:
        found = self._known.get(term)
        if found is None:
            found = self._known[term] = self._one(term)
        if not found:
            raise KeyError(term)
        return found

    def _listed(self) -> dict[str, int]:
        if self._all is None:
            self._all = self._every()
        return self._all

    def __iter__(self) -> Iterator[str]:
        return iter(self._listed())

    def __len__(self) -> int:
        return len(self._listed())


class Totals(Protocol):
    """What a score needs of a state: its chunks, and the terms of all of them, repeated ones too."""

    @property
    def seq(self) -> int:
        """Number of the last change."""
        ...

    @property
    def version(self) -> int:
        """Number of the arrangement of terms."""
        ...

    @property
    def chunks(self) -> int:
        """Number of chunks."""
        ...

    @property
    def terms(self) -> int:
        """Number of terms."""
        ...


class Kept(Protocol):
    """Gives the postings of terms in a snapshot."""

    @property
    def nbytes(self) -> int:
        """Bytes held in memory."""
        ...

    def postings(self, snapshot: Any, terms: Sequence[str]) -> Mapping[str, NDArray[np.void]]:  # noqa: ANN401
        """Return the postings of terms, removed chunks left out."""
        ...

    def every(self, snapshot: Any) -> dict[str, int]:  # noqa: ANN401
        """Return the number of postings of each term."""
        ...


class Lender(Protocol):
    """Lends snapshots."""

    def reading(self) -> AbstractContextManager[Any]:
        """Lend one, whose ``state`` has the totals."""
        ...


class PostingsSearch:
    """Searches the terms of chunks; it answers as an `indexes.TermIndex` does, with the same scores."""

    family = "terms"
    name = "bm25"
    Search = BM25Search

    def __init__(self, snapshots: Lender, spec: str, cache: Kept, ids: Callable[[], Ids]) -> None:
        self._snapshots = snapshots
        self._like: Any = indexes.terms(spec)
        self._cache = cache
        self._last: dict[object, tuple[Ids, NDArray[np.float64]]] = {}
        self.ids = ids

    @property
    def search_params(self) -> BM25Search:
        """The constants of the formula."""
        found: BM25Search = self._like.search_params
        return found

    def __len__(self) -> int:
        with self._snapshots.reading() as snapshot:
            return int(snapshot.state.chunks)

    def memory(self) -> dict[str, int]:
        """Return the bytes that this process holds for it."""
        return {"cached postings": self._cache.nbytes}

    def frequencies(self) -> Mapping[str, int]:
        """Return the number of chunks that hold each term."""

        def one(term: str) -> int:
            with self._snapshots.reading() as snapshot:
                return len(self._cache.postings(snapshot, [term])[term])

        def every() -> dict[str, int]:
            with self._snapshots.reading() as snapshot:
                return self._cache.every(snapshot)

        return Frequencies(one, every)

    def search(
        self,
        queries: Sequence[Terms],
        k: int,
        *,
        allow: IdSet | Ids | None = None,
        params: Any = None,  # noqa: ANN401 - as the index takes them
    ) -> Hits:
        """Return the ``k`` best chunks for each bag of terms, among those of ``allow``."""
        queries = list(queries)
        found = Hits(np.full((len(queries), k), -1, np.int64), np.full((len(queries), k), -np.inf, np.float32))
        allowed = None
        if allow is not None:
            allowed = np.sort(np.asarray(allow.ids if isinstance(allow, IdSet) else allow, np.int64))
        for i, (ids, scores) in enumerate(self._scores(queries, params)):
            own = np.arange(len(ids)) if allowed is None else _inside(ids, allowed)
            best = own[_best(ids[own], scores[own].astype(np.float32), k)]
            found.ids[i, : len(best)], found.scores[i, : len(best)] = ids[best], scores[best]
        return found

    def score(self, queries: Sequence[Terms], ids: Ids, *, params: Any = None) -> NDArray[np.float32]:  # noqa: ANN401
        """Return the scores of chunks for each bag of terms: float32, shape (n_queries, n), NaN where none match."""
        queries = list(queries)
        found = np.full((len(queries), len(ids)), np.nan, np.float32)
        for own, (held, scores) in zip(found, self._scores(queries, params), strict=True):
            places, there = _places(held, ids)
            own[there] = scores[places[there]]
        return found

    def _scores(self, queries: Sequence[Terms], params: Any) -> Iterator[tuple[Ids, NDArray[np.float64]]]:  # noqa: ANN401
        """Score, or take what was scored: one search asks for its list, its sample and what is missing in turn."""
        wanted = checked_queries(queries)
        formula = self._like._formula(self.search_params if params is None else self._like._chosen(params))
        with self._snapshots.reading() as snapshot:
            state = snapshot.state
            keys = [(tuple(bag.items()), formula, state.seq, state.version) for bag in wanted]
            last = self._last
            known = {key: last[key] for key in keys if key in last}
            new = [bag for key, bag in zip(keys, wanted, strict=True) if key not in known]
            terms = list(dict.fromkeys(term for bag in new for term in bag))
            postings = self._cache.postings(snapshot, terms) if terms else {}
        for key, bag in zip(keys, wanted, strict=True):
            if key not in known:
                if len(self._last) >= _REMEMBERED:
                    self._last = {}
                known[key] = self._last[key] = self._scored(bag, postings, state, formula)
            yield known.pop(key)

    @staticmethod
    def _scored(
        bag: Mapping[str, float],
        postings: Mapping[str, NDArray[np.void]],
        state: Totals,
        formula: Any,  # noqa: ANN401 - a `Formula`
    ) -> tuple[Ids, NDArray[np.float64]]:
        mean = state.terms / state.chunks if state.chunks else 1.0
        parts = []
        for term, weight in bag.items():
            records = postings[term]
            if len(records):
                lengths, frequencies = unpacked(records)
                idf = float(formula.idf(np.array([len(records)]), state.chunks)[0])
                impacts = (idf * formula.saturation(frequencies, lengths / mean)).astype(np.float32)
                parts.append((records["chunk"], weight * impacts.astype(np.float64)))
        if not parts:
            return np.zeros(0, np.int64), np.zeros(0)
        return _summed(parts)


def _places(held: Ids, wanted: Ids) -> tuple[Ids, NDArray[np.bool_]]:
    """Return the place of each of ``wanted`` in ``held``, and whether it is there; both ascend."""
    places = np.minimum(np.searchsorted(held, wanted), max(0, len(held) - 1))
    return places, held[places] == wanted if len(held) else np.zeros(len(wanted), bool)


def _inside(ids: Ids, allowed: Ids) -> Ids:
    """Return the places of those of ``ids`` that are allowed; both ascend, and the longer one is searched."""
    if len(allowed) > len(ids):
        return np.flatnonzero(_places(allowed, ids)[1])
    places, there = _places(ids, allowed)
    return places[there]


def _summed(parts: Sequence[tuple[NDArray[np.uint32], NDArray[np.float64]]]) -> tuple[Ids, NDArray[np.float64]]:
    """Return the chunks, ascending, and the sums of what each part adds to them."""
    last = max(int(chunks.max()) for chunks, _ in parts)  # a joined segment may lie before an older one
    if last < _SPARSE:
        sums, touched = np.zeros(last + 1), np.zeros(last + 1, bool)
        for chunks, added in parts:
            sums[chunks] += added
            touched[chunks] = True
        ids = np.flatnonzero(touched)
        return ids, sums[ids]
    every, places = np.unique(np.concatenate([chunks for chunks, _ in parts]), return_inverse=True)
    every_sum = np.bincount(places, weights=np.concatenate([added for _, added in parts]))
    return every.astype(np.int64), np.asarray(every_sum, np.float64)


def _best(ids: Ids, scores: NDArray[np.float32], k: int) -> Ids:
    """Return the places of the ``k`` best, by descending score, then by ascending id."""
    if len(ids) > k:
        least = np.partition(scores, len(scores) - k)[len(scores) - k] if k else np.inf
        places = np.flatnonzero(scores >= least)
    else:
        places = np.arange(len(ids))
    order = np.lexsort((ids[places], -scores[places]))[:k]
    return places[order]
