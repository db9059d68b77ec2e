"""From a question to passages: dense and term search side by side, fused, filtered, without repetitions."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

import indexes
from indexes import IdSet

from ..documents import Passage, Query, as_query
from ..errors import InvalidInput
from ..llm.language_model import Usage
from ..terms import topic_terms
from .candidates import Background, Candidates, Search, background_of, gather, sample
from .dedupe import Repetitions
from .fusion import DENSE_WEIGHT, Fusion
from .fusion import fusion as fusion_named

if TYPE_CHECKING:
    from ..filters import Filter
    from ..knowledge_base import KnowledgeBase
    from ..store.records import ChunkRecord
    from .explanation import Explanation

DEPTH = 100
DEEPEST = 4096
"""Where the search for passages that are no repetitions, and of sources that are not used up, ends."""

BESIDE_DENSE: Mapping[str, float] = MappingProxyType({"k1": 0.9, "b": 0.4})
"""BM25's constants in a fused search: Anserini's defaults, made for passages.

P. Yang, H. Fang and J. Lin, "Anserini: reproducible ranking baselines using Lucene", ACM JDIQ 10(4), 2018.
"""

_BATCH = 256


@dataclass(frozen=True, slots=True)
class Retrieval:
    """Passages, best first, and the seconds that each stage took.

    ``timings`` has ``embed``, ``search``, ``fuse`` and ``fetch``; of a batch, each question's even share. ``notes`` say
    in words what failed and was left out. ``spent`` has name and usage of each call of a language model that rewrote or
    reranked.
    """

    question: str
    passages: list[Passage]
    timings: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    spent: tuple[tuple[str, Usage], ...] = ()


@dataclass(frozen=True)
class Trace:
    """How one search came to its passages.

    Attributes
    ----------
    query, found
        What was searched for, and what was found.
    candidates
        What the searches listed, and what each says of all of them.
    scores
        float64, shape (n,): fused, in the candidates' order.
    parts
        What each search adds to them; None where one search is alone, or the fusion does not tell.
    dropped
        Chunks that stood before the last passage found and were left out, with the reason.
    """

    query: Query
    found: Retrieval
    candidates: Candidates
    scores: NDArray[np.float64]
    parts: list[NDArray[np.float64]] | None
    dropped: list[tuple[ChunkRecord, str]]


class Retriever:
    """Finds the passages that fit a question.

    Parameters
    ----------
    kb
        The open knowledge base; searched as of its current view.
    k
        Passages to return.
    fusion
        ``zscore`` (see `rag.retrieval.fusion.ZScore`), ``rrf`` (`rag.retrieval.fusion.ReciprocalRank`) or an object of
        your own.
    dense_weight
        0 to 1: share of the dense search in ``zscore``.
    depth
        Length of the list that each search gives; at least ``k`` is taken.
    where
        Filter over documents (see `rag.filters`), pushed into both searches. A filter given with a question holds as
        well as this one.
    max_per_source
        Passages of one source, at most; None for no limit.
    dedupe
        Leave out passages that repeat a better one (see `rag.retrieval.dedupe.Repetitions`).
    dense, terms
        Which searches to use; of those that the knowledge base has no index for, none is used. With one search alone, a
        passage's score is that search's own.

    Raises
    ------
    InvalidInput
        For a number out of range, or when no search is left.

    Notes
    -----
    Safe to share between threads. Equal scores are ordered by ascending chunk id, so results are the same every time.
    """

    def __init__(
        self,
        kb: KnowledgeBase,
        *,
        k: int = 5,
        fusion: str | Fusion = "zscore",
        dense_weight: float = DENSE_WEIGHT,
        depth: int = DEPTH,
        where: str | Filter | None = None,
        max_per_source: int | None = None,
        dedupe: bool = True,
        dense: bool = True,
        terms: bool = True,
    ) -> None:
        if not hasattr(kb, "search_dense"):
            raise InvalidInput(
                f"a retriever searches an open knowledge base, not a {type(kb).__name__}: "
                "Retriever(KnowledgeBase.open(folder))"
            )
        self.kb = kb
        self.k = _at_least_one("k", k)
        self.depth = _at_least_one("depth", depth)
        self.max_per_source = None if max_per_source is None else _at_least_one("max_per_source", max_per_source)
        self.where = where
        self.dedupe = dedupe
        self.fusion = fusion_named(fusion, dense_weight=dense_weight) if isinstance(fusion, str) else fusion
        families = {indexes.kind(spec) for spec in kb.indexes}
        self.dense = dense and "dense" in families
        self.terms = terms and "terms" in families
        if not (self.dense or self.terms):
            wanted = (
                " and ".join(name for name, on in (("dense", dense), ("terms", terms)) if on)
                or "neither dense nor terms"
            )
            raise InvalidInput(
                f"no search is left: asked for {wanted}, and the knowledge base has {', '.join(kb.indexes)}"
            )
        self._sampled: tuple[int, Background] | None = None

    # ---- what callers use -------------------------------------------------------------------------------------

    def retrieve(
        self, question: str | Query, k: int | None = None, *, where: str | Filter | None = None
    ) -> list[Passage]:
        """Return the passages that fit a question, best first.

        Parameters
        ----------
        question
            In plain words; of any length, the embedder reads its beginning.
        k
            Passages to return; the retriever's own where None.
        where
            Filter over documents.

        Returns
        -------
        list of Passage
            At most ``k``; fewer when there are no more. Scores are comparable within one result only.

        Raises
        ------
        InvalidInput
            If the question is empty.
        InvalidFilter
            If ``where`` does not parse.
        """
        return self.search(question, k, where=where).passages

    def search(self, question: str | Query, k: int | None = None, *, where: str | Filter | None = None) -> Retrieval:
        """Return what `retrieve` does, with timings."""
        return self.search_many([question], k, where=where)[0]

    def retrieve_many(
        self, questions: Sequence[str | Query], k: int | None = None, *, where: str | Filter | None = None
    ) -> list[list[Passage]]:
        """Return the passages for each question: what `retrieve` returns for it, with batched work."""
        return [found.passages for found in self.search_many(questions, k, where=where)]

    def search_many(
        self, questions: Sequence[str | Query], k: int | None = None, *, where: str | Filter | None = None
    ) -> list[Retrieval]:
        """Return what `search` does for each question, embedding and searching in batches."""
        wanted = self.k if k is None else _at_least_one("k", k)
        queries = [as_query(question) for question in questions]
        allow = self._allowed(where)
        found: list[Retrieval] = []
        for start in range(0, len(queries), _BATCH):
            found += self._batch(queries[start : start + _BATCH], wanted, allow)
        return found

    def explain(self, question: str | Query, k: int | None = None, *, where: str | Filter | None = None) -> Explanation:
        """Return how a question came to its passages, see `rag.retrieval.explanation`."""
        from .explanation import explain

        return explain(self, question, k, where=where)

    def trace(self, question: str | Query, k: int | None = None, *, where: str | Filter | None = None) -> Trace:
        """Return what `search` finds and how it came to it; does the work twice, for people, not for speed."""
        wanted = self.k if k is None else _at_least_one("k", k)
        query = as_query(question)
        found = self.search(query, wanted, where=where)
        searches = self._searches([query], self._vectors([query]) if self.dense else None)
        background = self._background(searches) if self.fusion.complete and len(searches) > 1 else None
        candidates = gather(searches, 1, max(self.depth, wanted), self._allowed(where), background)[0]
        scores = self._fused(candidates)
        order = np.lexsort((candidates.ids, -scores))
        dropped: list[tuple[ChunkRecord, str]] = []
        for number, _ in enumerate(self._new(self._records(candidates, order, wanted), dropped), 1):
            if number == wanted:
                break
        parts = getattr(self.fusion, "parts", None) if len(candidates.views) > 1 else None
        return Trace(query, found, candidates, scores, None if parts is None else parts(candidates.views), dropped)

    # ---- machinery --------------------------------------------------------------------------------------------

    def _batch(self, questions: Sequence[Query], k: int, allow: IdSet | None) -> Iterator[Retrieval]:
        start = time.perf_counter()
        vectors = self._vectors(questions) if self.dense else None
        embedded = time.perf_counter()
        searches = self._searches(questions, vectors)
        background = self._background(searches) if self.fusion.complete and len(searches) > 1 else None
        depth = max(self.depth, k)
        candidates = gather(searches, len(questions), depth, allow, background)
        searched = time.perf_counter()
        shares = {"embed": (embedded - start) / len(questions), "search": (searched - embedded) / len(questions)}
        for i, question in enumerate(questions):
            passages, timings = self._chosen(candidates[i], k, shares)
            deeper = depth
            while len(passages) < k and not candidates[i].exhausted and deeper < DEEPEST:
                deeper = min(4 * deeper, DEEPEST)
                again = time.perf_counter()
                alone = [search.alone(i) for search in searches]
                candidates[i] = gather(alone, 1, deeper, allow, background)[0]
                timings["search"] += time.perf_counter() - again
                passages, timings = self._chosen(candidates[i], k, timings)
            yield Retrieval(question.text, passages, timings)

    def _vectors(self, questions: Sequence[Query]) -> NDArray[np.float32]:
        """Embed the questions that bring no vector."""
        texts = [question.text for question in questions if question.vector is None]
        embedded = iter(self.kb.embedder.embed_queries(texts) if texts else ())
        return np.stack([next(embedded) if question.vector is None else question.vector for question in questions])

    def _searches(self, questions: Sequence[Query], vectors: NDArray[np.float32] | None) -> list[Search]:
        searches = []
        if vectors is not None:
            searches.append(Search("dense", self.kb.dense(), vectors))
        if self.terms:
            searches.append(self._term_search(questions))
        return searches

    def _term_search(self, questions: Sequence[Query]) -> Search:
        """Return the plain search by all terms where it is alone; what serves best beside a dense search else.

        The dense search reads the question as a whole and rewards a passage that keeps to its matter, so the term
        search has but to say which of the things asked about a passage mentions: no question words, less credit for
        repetition. An index that was given parameters of its own keeps them.
        """
        index, analyser = self.kb.index("terms"), self.kb.analyser
        if not self.dense:
            plain = [q.terms if q.terms is not None else analyser.terms(q.text) for q in questions]
            return Search("terms", index, plain)
        default = index.name == "bm25" and index.search_params == index.Search()
        terms = [q.terms if q.terms is not None else topic_terms(q.text, analyser) for q in questions]
        return Search("terms", index, terms, params=BESIDE_DENSE if default else None)

    def _background(self, searches: Sequence[Search]) -> Background:
        seq = self.kb.seq
        if self._sampled is None or self._sampled[0] != seq:
            ids = sample(searches[0].index.ids())
            self._sampled = (seq, background_of(self.kb, ids))
        return self._sampled[1]

    def _allowed(self, where: str | Filter | None) -> IdSet | None:
        sets = [found for each in (self.where, where) if (found := self.kb.allowed(each)) is not None]
        if len(sets) < 2:
            return sets[0] if sets else None
        return IdSet(np.intersect1d(sets[0].ids, sets[1].ids, assume_unique=True))

    def _chosen(
        self, candidates: Candidates, k: int, before: Mapping[str, float]
    ) -> tuple[list[Passage], dict[str, float]]:
        start = time.perf_counter()
        scores = self._fused(candidates)
        order = np.lexsort((candidates.ids, -scores))
        fused = time.perf_counter()
        kept: list[tuple[int, ChunkRecord]] = []
        for at, record in self._new(self._records(candidates, order, k)):
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
        return passages, timings

    def _fused(self, candidates: Candidates) -> NDArray[np.float64]:
        if len(candidates.views) == 1:
            return candidates.views[0].scores.astype(np.float64)
        return self.fusion.fuse(candidates.views)

    def _records(self, candidates: Candidates, order: NDArray[np.int64], k: int) -> Iterator[tuple[int, ChunkRecord]]:
        """Yield candidates with their records, best first, fetched in growing portions."""
        start, size = 0, k
        while start < len(order):
            portion = order[start : start + size].tolist()
            yield from zip(portion, self.kb.chunks(candidates.ids[portion].tolist()), strict=True)
            start, size = start + size, 2 * size

    def _new(
        self, records: Iterable[tuple[int, ChunkRecord]], dropped: list[tuple[ChunkRecord, str]] | None = None
    ) -> Iterator[tuple[int, ChunkRecord]]:
        """Leave out repetitions and what is too much of one source; ``dropped`` gets them with the reason."""
        repetitions = Repetitions()
        taken: Counter[str] = Counter()
        for at, record in records:
            if self.max_per_source is not None and taken[record.source] >= self.max_per_source:
                reason = f"{self.max_per_source} of its source are there already"
            elif self.dedupe and repetitions.repeated(record):
                reason = "repeats a better passage"
            else:
                reason = ""
            if reason:
                if dropped is not None:
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
    )


def _at_least_one(name: str, value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InvalidInput(f"{name} must be a whole number, 1 or more, not {value!r}")
    return value
