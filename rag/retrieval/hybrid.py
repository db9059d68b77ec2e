"""Hybrid search: dense and term search side by side, fused, filtered, without repetitions."""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

import indexes
from indexes import Hits, IdSet, Metric, Terms

from ..documents.document import Passage, Query
from ..errors import InvalidInput
from ..terms import topic_terms
from .candidates import Background, Candidates, Search, background_of, encoded, gather, sample
from .dedupe import Repetitions
from .fusion import DENSE_WEIGHT, Fusion
from .leaning import Leaning
from .results import SearchResult, SearchTrace, listed

if TYPE_CHECKING:
    from ..filters import Filter
    from ..knowledge_base import KnowledgeBase
    from ..store.records import ChunkRecord

DEEPEST = 4096
"""Longest list that is asked for while repetitions and used-up sources leave fewer than ``k`` passages."""
BESIDE_DENSE: Mapping[str, float] = MappingProxyType({"k1": 0.9, "b": 0.4})
"""BM25's constants in a fused search: Anserini's defaults, made for passages. Where the dense search has less than its
default share, they are as much nearer to the index's own, which hold where the terms are alone.

P. Yang, H. Fang and J. Lin, "Anserini: reproducible ranking baselines using Lucene", ACM JDIQ 10(4), 2018.
"""

_BATCH = 256
_EVERY = b"all"  # no ids are of three bytes
_SAMPLES = 8
"""Backgrounds that are kept: of as many sets of passages that readers may see."""


class VectorSearch(Protocol):
    """An engine that searches by vectors; every index of vectors is one."""

    @property
    def metric(self) -> Metric:
        """``cosine``, ``ip`` or ``l2``."""
        ...

    def ids(self) -> NDArray[np.int64]:
        """Return the ids of all chunks, ascending."""
        ...

    def search(
        self,
        queries: NDArray[np.float32],
        k: int,
        *,
        allow: IdSet | None = None,
        params: Mapping[str, float] | None = None,
    ) -> Hits:
        """Return the ``k`` best chunks for each vector, among those of ``allow``; higher scores are better."""
        ...


class TermSearch(Protocol):
    """An engine that searches by weighted terms; every index of terms is one."""

    def ids(self) -> NDArray[np.int64]:
        """Return the ids of all chunks, ascending."""
        ...

    def search(
        self, queries: Sequence[Terms], k: int, *, allow: IdSet | None = None, params: Mapping[str, float] | None = None
    ) -> Hits:
        """Return the ``k`` best chunks for each bag of terms, among those of ``allow``; higher scores are better."""
        ...


class HybridSearch:
    """The search stage of a `rag.Retriever`: two searches, fused.

    Parameters
    ----------
    kb
        The open knowledge base; searched as of its current view.
    fusion
        Joins both searches.
    depth
        Length of the list from each search; at least ``k`` is taken.
    where
        Filter over documents (see `rag.filters`), pushed into both searches. A filter given with a question holds as
        well as this one.
    max_per_source
        Passages of one source, at most; None for no limit.
    dedupe
        Leave out passages that repeat a better one (see `rag.retrieval.dedupe.Repetitions`).
    families
        Which searches to use: ``dense``, ``terms`` or both; of those that the knowledge base has no index for, none is
        used. With one search alone, a passage's score is that search's own.
    dense, terms
        Engines to search with in place of the knowledge base's own indexes.
    statistics
        Whether scores are compared with a sample of all passages. Else with one of those that the filters let through:
        where readers have different rights, the mean score of all would tell how near a question is to hidden ones.

    Raises
    ------
    InvalidInput
        No search is left.

    Notes
    -----
    Safe to share between threads. Equal scores are ordered by ascending chunk id, so results are the same every time.
    """

    def __init__(
        self,
        kb: KnowledgeBase,
        *,
        fusion: Fusion,
        depth: int,
        where: str | Filter | None = None,
        max_per_source: int | None = None,
        dedupe: bool = True,
        families: Sequence[str] = ("dense", "terms"),
        dense: VectorSearch | None = None,
        terms: TermSearch | None = None,
        statistics: bool = True,
    ) -> None:
        self.kb = kb
        self.fusion = fusion
        self.depth = depth
        self.where = where
        self.max_per_source = max_per_source
        self.dedupe = dedupe
        self._own_dense, self._own_terms = dense, terms
        there = {indexes.kind(spec) for spec in kb.indexes}
        self.dense = "dense" in families and (dense is not None or "dense" in there)
        self.terms = "terms" in families and (terms is not None or "terms" in there)
        if not (self.dense or self.terms):
            raise InvalidInput(
                f"no search is left: asked for {' and '.join(families)}, and the knowledge base has "
                f"{', '.join(kb.indexes)}"
            )
        self._statistics = statistics
        self._leaning = Leaning(kb, fusion)
        self._sampled: OrderedDict[tuple[int, bytes], Background] = OrderedDict()

    def search(
        self,
        queries: Sequence[Query],
        k: int,
        *,
        where: str | Filter | None = None,
        repeats: bool = False,
        trace: bool = False,
    ) -> list[SearchResult]:
        """Return the best ``k`` passages for each query, embedding and searching in batches.

        Parameters
        ----------
        where
            Filter over documents, besides the search's own.
        repeats
            Keep passages that repeat a better one.
        trace
            Record how each search found its passages.
        """
        allow = self._allowed(where)
        found: list[SearchResult] = []
        for start in range(0, len(queries), _BATCH):
            found += self._batch(queries[start : start + _BATCH], k, allow, self.dedupe and not repeats, trace)
        return found

    def _batch(
        self, queries: Sequence[Query], k: int, allow: IdSet | None, dedupe: bool, trace: bool
    ) -> Iterator[SearchResult]:
        start = time.perf_counter()
        vectors = self._vectors(queries) if self.dense else None
        embedded = time.perf_counter()
        searches = self._searches(queries, vectors)
        background = self._background(searches, allow) if self.fusion.complete and len(searches) > 1 else None
        depth = max(self.depth, k)
        candidates = gather(searches, len(queries), depth, allow, background)
        searched = time.perf_counter()
        shares = {"embed": (embedded - start) / len(queries), "search": (searched - embedded) / len(queries)}
        for i, query in enumerate(queries):
            fused_by = self._leaning.of(query.text, allow) if len(searches) > 1 else (self.fusion, "")
            found = self._chosen(query, candidates[i], k, shares, dedupe, trace, fused_by)
            deeper = depth
            while len(found.passages) < k and not candidates[i].exhausted and deeper < DEEPEST:
                deeper = min(4 * deeper, DEEPEST)
                again = time.perf_counter()
                alone = [search.alone(i) for search in searches]
                candidates[i] = gather(alone, 1, deeper, allow, background)[0]
                found.timings["search"] += time.perf_counter() - again
                found = self._chosen(query, candidates[i], k, found.timings, dedupe, trace, fused_by)
            yield found

    def _vectors(self, queries: Sequence[Query]) -> NDArray[np.float32]:
        """Embed the queries that bring no vector."""
        texts = [query.text for query in queries if query.vector is None]
        embedded = iter(self.kb.embedder.embed_queries(texts) if texts else ())
        return np.stack([next(embedded) if query.vector is None else query.vector for query in queries])

    def _searches(self, queries: Sequence[Query], vectors: NDArray[np.float32] | None) -> list[Search]:
        searches = []
        if vectors is not None:
            searches.append(Search("dense", self._own_dense or self.kb.dense(), vectors))
        if self.terms:
            searches.append(self._term_search(queries))
        return searches

    def _term_search(self, queries: Sequence[Query]) -> Search:
        """Return the plain search by all terms where it is alone; the one that serves best beside a dense search else.

        The dense search reads the question as a whole and rewards a passage that keeps to its matter, so the term
        search has but to say which of the things asked about a passage mentions: no question words, less credit for
        repetition. An index that was given parameters of its own keeps them.
        """
        analyser = self.kb.analyser
        index: Any = self._own_terms or self.kb.index("terms")
        if self._own_terms is None and (weighed := encoded(self.kb, [query.text for query in queries])) is not None:
            return Search("terms", index, weighed)
        if not self.dense:
            return Search("terms", index, [q.terms if q.terms is not None else analyser.terms(q.text) for q in queries])
        default = self._own_terms is None and index.name == "bm25" and index.search_params == index.Search()
        terms = [q.terms if q.terms is not None else topic_terms(q.text, analyser) for q in queries]
        return Search("terms", index, terms, params=self._constants(index.search_params) if default else None)

    def _constants(self, alone: Any) -> Mapping[str, float]:  # noqa: ANN401 - of the index
        share = min(1.0, getattr(self.fusion, "dense_weight", DENSE_WEIGHT) / DENSE_WEIGHT)
        if share == 1:
            return BESIDE_DENSE
        return {name: share * own + (1 - share) * getattr(alone, name) for name, own in BESIDE_DENSE.items()}

    def _background(self, searches: Sequence[Search], allow: IdSet | None) -> Background:
        seen = None  # of all passages the sample is drawn once: it took a tenth of each search
        if allow is not None and not self._statistics:
            seen = sample(np.intersect1d(searches[0].index.ids(), allow.ids, assume_unique=True))
        key = self.kb.seq, _EVERY if seen is None else seen.tobytes()
        found = self._sampled.get(key)
        if found is None:
            ids = sample(searches[0].index.ids()) if seen is None else seen
            found = self._sampled[key] = background_of(self.kb, ids)
            while len(self._sampled) > _SAMPLES:
                with suppress(KeyError):  # another thread was first
                    self._sampled.popitem(last=False)
        return found

    def _allowed(self, where: str | Filter | None) -> IdSet | None:
        sets = [found for each in (self.where, where) if (found := self.kb.allowed(each)) is not None]
        if len(sets) < 2:
            return sets[0] if sets else None
        return IdSet(np.intersect1d(sets[0].ids, sets[1].ids, assume_unique=True))

    def _chosen(  # noqa: PLR0917 - one caller
        self,
        query: Query,
        candidates: Candidates,
        k: int,
        before: Mapping[str, float],
        dedupe: bool,
        trace: bool,
        fused_by: tuple[Fusion, str],
    ) -> SearchResult:
        start = time.perf_counter()
        scores = self._fused(candidates, fused_by[0])
        order = np.lexsort((candidates.ids, -scores))
        fused = time.perf_counter()
        kept: list[tuple[int, ChunkRecord]] = []
        dropped: list[tuple[ChunkRecord, str]] = []
        for at, record in self._new(self._records(candidates, order, k), dedupe, dropped):
            kept.append((at, record))
            if len(kept) == k:
                break
        passages = [_passage(rank, at, record, scores, candidates) for rank, (at, record) in enumerate(kept, 1)]
        end = time.perf_counter()
        timings = {
            **before,
            "fuse": before.get("fuse", 0.0) + fused - start,
            "fetch": before.get("fetch", 0.0) + end - fused,
        }
        return SearchResult(
            passages, timings, self._traced(query, candidates, scores, dropped, fused_by) if trace else None
        )

    @staticmethod
    def _fused(candidates: Candidates, fusion: Fusion) -> NDArray[np.float64]:
        if len(candidates.views) == 1:
            return candidates.views[0].scores.astype(np.float64)
        return fusion.fuse(candidates.views)

    def _traced(
        self,
        query: Query,
        candidates: Candidates,
        scores: NDArray[np.float64],
        dropped: list[tuple[ChunkRecord, str]],
        fused_by: tuple[Fusion, str],
    ) -> SearchTrace:
        fusion, leaning = fused_by
        parts = getattr(fusion, "parts", None) if len(candidates.views) > 1 else None
        shown = {int(i) for view in candidates.views for i in listed(view.ranks)}
        records = self.kb.chunks(candidates.ids[sorted(shown)].tolist())
        documents = {record.id: record.document for record in records}
        told = None if parts is None else parts(candidates.views)
        return SearchTrace(query, candidates, scores, told, dropped, documents, leaning)

    def _records(self, candidates: Candidates, order: NDArray[np.int64], k: int) -> Iterator[tuple[int, ChunkRecord]]:
        """Yield candidates with their records, best first, fetched in growing portions."""
        start, size = 0, k
        while start < len(order):
            portion = order[start : start + size].tolist()
            yield from zip(portion, self.kb.chunks(candidates.ids[portion].tolist()), strict=True)
            start, size = start + size, 2 * size

    def _new(
        self, records: Iterable[tuple[int, ChunkRecord]], dedupe: bool, dropped: list[tuple[ChunkRecord, str]]
    ) -> Iterator[tuple[int, ChunkRecord]]:
        """Leave out repetitions and what is too much of one source; ``dropped`` gets them with the reason."""
        repetitions = Repetitions()
        taken: Counter[str] = Counter()
        for at, record in records:
            if self.max_per_source is not None and taken[record.source] >= self.max_per_source:
                reason = f"{self.max_per_source} of its source are there already"
            elif dedupe and repetitions.repeated(record):
                reason = "repeats a better passage"
            else:
                reason = ""
            if reason:
                dropped.append((record, reason))
                continue
            taken[record.source] += 1
            yield at, record


def _passage(rank: int, at: int, record: ChunkRecord, scores: NDArray[np.float64], candidates: Candidates) -> Passage:
    said = {view.name: float(view.scores[at]) for view in candidates.views if not np.isnan(view.scores[at])}
    return Passage(
        rank=rank,
        score=float(scores[at]),
        chunk=record.id,
        document=record.document,
        source=record.source,
        start=record.start,
        end=record.end,
        text=record.text,
        title=record.title,
        type=record.type,
        heading=record.heading,
        page=record.page,
        metadata=record.metadata,
        scores=said,
        sections=record.sections,
    )
