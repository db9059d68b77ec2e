"""Search by terms over immutable segments of postings: exact BM25, scored by the reader.

Stores on servers keep postings as blobs. A posting is 8 bytes: the chunk's id, and the chunk's length in terms with the
term's frequency in it. A reader needs nothing but the postings of a question's terms to score it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import chain
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

import indexes
from indexes import Hits, IdSet, Terms
from indexes.bags import checked_queries
from indexes.bm25 import BM25Index, BM25Search
from indexes.inverted.bm25_formulas import Formula, Saturations
from indexes.inverted.impacts import ImpactList
from indexes.inverted.maxscore import Query, scores_of
from indexes.inverted.postings_index import ImpactScorer
from indexes.rows import Keep
from indexes.term_index import put

from ..errors import InvalidInput

Ids = NDArray[np.int64]
Rows = tuple[Ids, NDArray[np.bool_]]
POSTING = np.dtype([("chunk", "<u4"), ("packed", "<u4")])
_FREQUENCY_BITS = 12
MOST_FREQUENT, LONGEST = (1 << _FREQUENCY_BITS) - 1, (1 << 20) - 1
"""Larger frequencies and lengths count as these: BM25 tells them from none above by less than a thousandth."""
_LAST_CHUNK = (1 << 32) - 1
_SCORERS = 4
"""Formulas whose impacts are kept."""
_KEPT_BYTES = 384 << 20
"""Of the impacts of each: those of a few hundred questions to a million chunks take 190 MiB."""
_DENSE, _TIMES = 1 << 24, 4
"""Sums are kept by the chunks' ids up to as many, and up to so many times their number; else by the chunks' order."""
_TIER, _SMALLEST = 8, 50_000
"""As many segments of one size become one that is as many times as large."""


@dataclass(frozen=True, slots=True, eq=False)
class TermPostings:
    """Terms in their order with their postings: those of ``terms[i]`` are ``records[starts[i]:ends[i]]``."""

    terms: list[str]
    starts: list[int]
    ends: list[int]
    records: NDArray[np.void]

    def __iter__(self) -> Iterator[tuple[str, NDArray[np.void]]]:
        for term, start, end in zip(self.terms, self.starts, self.ends, strict=True):
            yield term, self.records[start:end]


def term_postings(words: Mapping[str, int], starts: Ids, records: NDArray[np.void]) -> TermPostings:
    """Bring terms, given with their numbers, into their order; ``starts`` are of the postings of each number."""
    terms = sorted(words)
    numbers = np.fromiter(map(words.__getitem__, terms), np.int64, len(terms))
    return TermPostings(terms, starts[numbers].tolist(), starts[numbers + 1].tolist(), records)


def grouped(chunks: Sequence[int], bags: Sequence[Sequence[str]]) -> TermPostings:
    """Return the terms of chunks, whose ids ascend, with their postings.

    Raises
    ------
    InvalidInput
        A chunk's id does not fit into a posting.
    """
    checked_chunks(chunks)
    lengths = np.fromiter(map(len, bags), np.int64, len(bags))
    vocabulary = _Numbers()
    terms = np.fromiter(map(vocabulary.__getitem__, chain.from_iterable(bags)), np.int64, int(lengths.sum()))
    bits = len(chunks).bit_length()
    pairs, counts = np.unique(terms << bits | np.repeat(np.arange(len(chunks)), lengths), return_counts=True)
    rows = pairs & (1 << bits) - 1
    records = np.empty(len(pairs), POSTING)
    records["chunk"] = np.asarray(chunks, np.int64)[rows]
    records["packed"] = packed(lengths[rows], counts)
    starts = np.append(0, np.cumsum(np.bincount(pairs >> bits, minlength=len(vocabulary))))
    return term_postings(vocabulary, starts, records)


def checked_chunks(chunks: Sequence[int] | Ids) -> None:
    """Refuse chunks, whose ids ascend, if one does not fit into a posting."""
    if len(chunks) and chunks[-1] > _LAST_CHUNK:
        raise InvalidInput("4,294,967,295 chunks have been added: copy the knowledge base, which numbers them anew")


class _Numbers(dict[str, int]):
    """Numbers terms in the order in which they are met."""

    def __missing__(self, term: str) -> int:
        number = self[term] = len(self)
        return number


def packed(lengths: NDArray[np.int64], frequencies: NDArray[np.int64]) -> NDArray[np.uint32]:
    """Return lengths and frequencies as a posting holds them."""
    both = np.minimum(lengths, LONGEST) << _FREQUENCY_BITS | np.minimum(frequencies, MOST_FREQUENT)
    return np.asarray(both, np.uint32)


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
        """Lend one."""
        ...

    def totals(self) -> Totals:
        """Return those of what `reading` would lend, without waiting for another thread that reads by it."""
        ...


class PostingsSearch:
    """Searches the terms of chunks; it answers as an `indexes.TermIndex` does, with the same scores.

    Safe for many threads, and to be kept: it holds the impact lists of the terms that were asked for, until a change.
    """

    family = "terms"
    name = "bm25"
    Search = BM25Search

    def __init__(self, snapshots: Lender, spec: str, cache: Kept, ids: Callable[[], Ids]) -> None:
        self._snapshots = snapshots
        self._like: Any = indexes.terms(spec)
        self._cache = cache
        self._scorers: dict[tuple[Formula, int, int], _Scorer] = {}
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
        impacts = sum(each.nbytes for each in list(self._scorers.values()))
        return {"cached postings": self._cache.nbytes, "cached impacts": impacts}

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
        wanted = checked_queries(queries)
        found = Hits(np.full((len(wanted), k), -1, np.int64), np.full((len(wanted), k), -np.inf, np.float32))
        with self._one_state():
            state = self._snapshots.totals()
            scorer = self._scorer(state, params)
            keep = None if allow is None else scorer.keep(allow)
            n = min(k, state.chunks if keep is None else len(keep))
            lists = scorer.lists(self._snapshots, wanted) if n else []
        for i, each in enumerate(lists):  # while other threads may read
            rows, scores = scorer.best(each, n, keep)
            put(found.ids[i], found.scores[i], scorer.ids_of(rows), scores, n)
        return found

    def score(self, queries: Sequence[Terms], ids: Ids, *, params: Any = None) -> NDArray[np.float32]:  # noqa: ANN401
        """Return the scores of chunks for each bag of terms: float32, shape (n_queries, n), NaN where none match."""
        wanted = checked_queries(queries)
        found = np.full((len(wanted), len(ids)), np.nan, np.float32)
        with self._one_state():
            scorer = self._scorer(self._snapshots.totals(), params)
            lists = scorer.lists(self._snapshots, wanted)
        rows, there = scorer.places(ids)
        for own, each in zip(found, lists, strict=True):
            own[there] = scores_of(each, rows)
        return found

    def _one_state(self) -> AbstractContextManager[Any]:
        """Let all that is read in a block be of one snapshot; a writer has but one, which it lends to one thread."""
        view: Callable[[], AbstractContextManager[Any]] = getattr(self._snapshots, "view", self._snapshots.reading)
        return view()

    def _scorer(self, state: Totals, params: Any) -> _Scorer:  # noqa: ANN401
        formula = self._like._formula(self.search_params if params is None else self._like._chosen(params))
        key = (formula, state.seq, state.version)
        found = self._scorers.get(key)
        if found is None:
            kept = {old: each for old, each in self._scorers.items() if old[1:] == key[1:]}
            found = _Scorer(self._cache, state, formula, self.ids())
            self._scorers = {**kept, key: found} if len(kept) < _SCORERS else {key: found}
        return found


class _Scorer(ImpactScorer):
    """Scores chunks of one state by one formula. Rows are the chunks' ids where these are dense, else their order."""

    def __init__(self, cache: Kept, state: Totals, formula: Formula, ids: Ids) -> None:
        last = int(ids[-1]) if len(ids) else -1
        self._order = None if last < _DENSE + _TIMES * len(ids) else ids
        super().__init__(last + 1 if self._order is None else len(ids), _KEPT_BYTES)
        self._cache = cache
        self._chunks = state.chunks
        self._generation = hash((state.seq, state.version))
        self._formula = formula
        self._saturations = Saturations(formula, state.terms / state.chunks if state.chunks else 1.0, state.chunks)
        self._known_places: tuple[Ids, Rows] | None = None

    def lists(self, snapshots: Lender, bags: Sequence[Mapping[str, float]]) -> list[Query]:
        """Return the impact list and the weight of each term of each bag that some chunk holds."""
        terms = list(dict.fromkeys(term for bag in bags for term in bag))
        with self._lists.of(terms, lambda missing: self._made(snapshots, missing)) as lists:
            known = dict(zip(terms, lists, strict=True))
        return [[(known[term], weight) for term, weight in bag.items() if known[term].size] for bag in bags]

    def ids_of(self, rows: Ids) -> Ids:
        """Return the ids of rows."""
        return rows if self._order is None else self._order[rows]

    def keep(self, allow: IdSet | Ids) -> Keep:
        """Return the rows of allowed chunks."""
        allowed = allow if isinstance(allow, IdSet) else IdSet(allow)
        return allowed.keep(self, self._generation, lambda ids: Keep(self._rows(ids)[0], self._n_rows))

    def places(self, ids: Ids) -> Rows:
        """Return the rows of those ids that there are, and which these are; kept for an array that cannot change."""
        known = self._known_places
        if known is not None and known[0] is ids:
            return known[1]
        found = self._rows(ids)
        if not ids.flags.writeable:
            found[0].flags.writeable = False
            self._known_places = (ids, found)
        return found

    def _rows(self, ids: Ids) -> Rows:
        if self._order is None:
            there = ids < self._n_rows
            return np.asarray(ids[there], np.int64), there
        places = np.minimum(np.searchsorted(self._order, ids), len(self._order) - 1)
        there = self._order[places] == ids
        return places[there], there

    def _made(self, snapshots: Lender, terms: Sequence[str]) -> list[ImpactList]:
        with snapshots.reading() as snapshot:  # of the same state, which the caller sees to
            postings = self._cache.postings(snapshot, terms)
        return [self._listed(postings[term]) for term in terms]

    def _listed(self, records: NDArray[np.void]) -> ImpactList:
        rows, there = self._rows(records["chunk"])
        packed = records["packed"] if there.all() else records["packed"][there]
        if not len(rows):
            return ImpactList(np.zeros(0, np.int32), np.zeros(0, np.float32), 0)
        idf = float(self._formula.idf(np.array([len(records)]), self._chunks)[0])
        impacts = idf * self._saturations.of(packed & MOST_FREQUENT, packed >> _FREQUENCY_BITS)
        if (rows[1:] < rows[:-1]).any():  # a joined segment may lie before an older one
            order = np.argsort(rows)
            rows, impacts = rows[order], impacts[order]
        return ImpactList(rows.astype(np.int32), impacts.astype(np.float32), self._n_rows)
