"""Several knowledge bases, searched as one."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

import indexes
from indexes import Family, Hits, IdSet, Metric, Terms

from ..errors import InvalidInput
from ..store.contents import terms_encoder
from ..store.sentence_search import SHARES, TwoGranularities
from .config import SETTING

if TYPE_CHECKING:
    from ..documents.document import Document
    from ..embedding.protocol import Embedder
    from ..filters import Filter
    from ..knowledge_base import KnowledgeBase
    from ..store.granularity import Granularity
    from ..store.records import ChunkRecord, SourceInfo
    from ..terms import Analyser

Ids = NDArray[np.int64]
Vectors = NDArray[np.float32]
T = TypeVar("T")

_LAST = np.iinfo(np.int64).max
_OF_LUCENE = {"bm25", "pg_textsearch"}
"""Indexes of terms whose idf is that of Lucene."""


class KnowledgeBases:
    """Several open knowledge bases of one embedder and analyser, which a `rag.Retriever` reads as one.

    Candidates of all are scored together: cosines are comparable as they are, and terms are weighted by how rare they
    are in all of them, so none wins because a word is rare in it. Passages have names such as ``handbook:tea.md``.

    Parameters
    ----------
    members
        Knowledge bases by the names of the collections; of a list, by the names of their folders. They stay the
        caller's to close.

    Raises
    ------
    InvalidInput
        There is none, two have one name, or their vectors or terms cannot be compared.

    Examples
    --------
    >>> with KnowledgeBase.open("handbook") as a, KnowledgeBase.open("wiki") as b:    # doctest: +SKIP
    ...     print(Bot([a, b]).ask("How hot is green tea?"))
    """

    def __init__(self, members: Mapping[str, KnowledgeBase] | Sequence[KnowledgeBase]) -> None:
        named = members.items() if isinstance(members, Mapping) else [(kb.name, kb) for kb in members]
        self.names = [name for name, _ in named]
        self.members = [kb for _, kb in named]
        if not self.members:
            raise InvalidInput("give at least one knowledge base")
        if len(set(self.names)) < len(self.names):
            twice = Counter(self.names).most_common(1)[0][0]
            raise InvalidInput(f"two knowledge bases are called {twice!r}; name them: {{'name': kb, ...}}")
        self._refuse_unlike()
        self._counted: tuple[int, list[Mapping[str, int]]] | None = None

    def _refuse_unlike(self) -> None:
        first = {**self.members[0].status().identity, "encoder": terms_encoder(self.members[0].indexes)}
        for name, kb in zip(self.names[1:], self.members[1:], strict=True):
            own = {**kb.status().identity, "encoder": terms_encoder(kb.indexes)}
            for fact in ("embedder", "revision", "dim", "metric", "analyser", "granularity", "encoder"):
                if own[fact] != first[fact]:
                    raise InvalidInput(
                        f"{name} was made with {fact} {own[fact]!r}, {self.names[0]} with {first[fact]!r}: they can be "
                        "searched together only if these agree; ingest one of them anew"
                    )

    # ---- facts ------------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The names, joined."""
        return "+".join(self.names)

    @property
    def location(self) -> str:
        """The names, joined."""
        return self.name

    @property
    def path(self) -> Path:
        """The names, joined."""
        return Path(self.name)

    @property
    def embedder(self) -> Embedder:
        """The embedder, one for all."""
        return self.members[0].embedder

    @property
    def analyser(self) -> Analyser:
        """The analyser, one for all."""
        return self.members[0].analyser

    @property
    def granularity(self) -> Granularity:
        """The granularity, one for all."""
        return self.members[0].granularity

    @property
    def indexes(self) -> tuple[str, ...]:
        """Specs of the first one's indexes, of families that all have."""
        return tuple(s for s in self.members[0].indexes if all(_has(kb, indexes.kind(s)) for kb in self.members))

    @property
    def seq(self) -> int:
        """Grows with every change of one of them."""
        return sum(kb.seq for kb in self.members)

    def setting(self, name: str) -> str | None:
        """Return the text that all of them keep; None where they differ.

        Raises
        ------
        InvalidInput
            They store different pipelines.
        """
        texts = {kb.setting(name) for kb in self.members}
        if len(texts) > 1 and name == SETTING:
            raise InvalidInput(f"{', '.join(self.names)} store different pipelines; say which holds: config=...")
        return texts.pop() if len(texts) == 1 else None

    @contextmanager
    def view(self) -> Iterator[None]:
        """Keep one state of each for all that is read in a ``with`` block."""
        with ExitStack() as views:
            for kb in self.members:
                views.enter_context(kb.view())
            yield

    # ---- searching --------------------------------------------------------------------------------------------

    def index(self, family: Family) -> Any:  # noqa: ANN401 - as `KnowledgeBase.index`
        """Return the indexes of a family as one."""
        own = [kb.index(family) for kb in self.members]
        return JoinedTerms(own, self._frequencies()) if family == "terms" else JoinedVectors(own)

    def dense(self) -> Any:  # noqa: ANN401 - as `KnowledgeBase.dense`
        """Return the indexes that search by meaning as one."""
        if self.granularity == "chunk":
            return self.index("dense")
        own = [kb.dense() for kb in self.members]
        sentences: Any = _JoinedSentences([each.sentences for each in own])
        return TwoGranularities(JoinedVectors([each.index for each in own]), sentences, share=SHARES[self.granularity])

    def _frequencies(self) -> list[Mapping[str, int]]:
        seq = self.seq
        if self._counted is None or self._counted[0] != seq:
            self._counted = (seq, [kb.index("terms").frequencies() for kb in self.members])
        return self._counted[1]

    def allowed(self, where: str | Filter | None) -> IdSet | None:
        """Return the chunks that a filter allows in any of them; None for all."""
        sets = [kb.allowed(where) for kb in self.members]
        if all(each is None for each in sets):
            return None
        own = [kb.chunk_ids() if each is None else each.ids for kb, each in zip(self.members, sets, strict=True)]
        return IdSet(_outer(own))

    def chunk_ids(self) -> Ids:
        """Return the ids of all chunks, ascending; an id says which knowledge base it is of."""
        return _outer([kb.chunk_ids() for kb in self.members])

    def chunks(self, ids: Iterable[int]) -> list[ChunkRecord]:
        """Return chunks in the order of ``ids``, named with their collections."""

        def read(i: int, own: list[int]) -> list[ChunkRecord]:
            return [self._named(i, record) for record in self.members[i].chunks(own)]

        return self._each(ids, read)

    def _named(self, i: int, record: ChunkRecord) -> ChunkRecord:
        return replace(
            record,
            id=record.id * len(self.members) + i,
            document=f"{self.names[i]}:{record.document}",
            source=f"{self.names[i]}:{record.source}",
        )

    def vectors(self, ids: Iterable[int]) -> Vectors:
        """Return the embeddings of chunks: float32, shape (n, dim), in the order of ``ids``."""
        found = self._each(ids, lambda i, own: list(self.members[i].vectors(own)))
        return np.array(found, np.float32).reshape(len(found), self.embedder.dim)

    def sentence_vectors(self, ids: Iterable[int]) -> tuple[Vectors, Ids]:
        """Return the embeddings of the sentences of chunks, and the chunk of each, ascending."""
        n = len(self.members)
        wanted = np.fromiter(ids, np.int64)
        parts = [kb.sentence_vectors((wanted[wanted % n == i] // n).tolist()) for i, kb in enumerate(self.members)]
        owners = np.concatenate([own * n + i for i, (_, own) in enumerate(parts)])
        order = np.argsort(owners, kind="stable")
        return np.concatenate([vectors for vectors, _ in parts])[order], owners[order]

    def token_codes(self, ids: Iterable[int]) -> list[bytes | None]:
        """Return the states of the tokens of chunks, see `rag.embedding.residual_codes`; None where none are kept."""
        return self._each(ids, lambda i, own: self.members[i].token_codes(own))

    def _each(self, ids: Iterable[int], read: Callable[[int, list[int]], Sequence[T]]) -> list[T]:
        """Read of each knowledge base what is its own, and put it into the order of ``ids``."""
        n, wanted = len(self.members), [int(i) for i in ids]
        own = [[each // n for each in wanted if each % n == i] for i in range(n)]
        found = [iter(read(i, each) if each else ()) for i, each in enumerate(own)]
        return [next(found[each % n]) for each in wanted]

    # ---- reading ----------------------------------------------------------------------------------------------

    def sources(self) -> dict[str, SourceInfo]:
        """Return all sources by their names with their collections."""
        pairs = zip(self.names, self.members, strict=True)
        return {f"{name}:{source}": info for name, kb in pairs for source, info in kb.sources().items()}

    def document_ids(self, where: str | Filter | None = None) -> list[str]:
        """Return the ids of all documents with their collections, sorted; with a filter, of those that it allows."""
        pairs = zip(self.names, self.members, strict=True)
        return sorted(f"{name}:{document}" for name, kb in pairs for document in kb.document_ids(where))

    def document(self, id: str) -> Document:  # noqa: A002 - the word for it
        """Return a document by its name with its collection."""
        kb, own = self._member(id)
        document = kb.document(own)
        return replace(document, id=id, source=f"{id[: -len(own)]}{document.source}")

    def modified(self, documents: Iterable[str]) -> dict[str, float]:
        """Return when documents were modified, seconds since 1970; without those of unknown time."""
        found = {}
        for name in documents:
            kb, own = self._member(name)
            if moments := kb.modified([own]):
                found[name] = moments[own]
        return found

    def _member(self, name: str) -> tuple[KnowledgeBase, str]:
        for collection, kb in zip(self.names, self.members, strict=True):
            if name.startswith(f"{collection}:"):
                return kb, name.removeprefix(f"{collection}:")
        raise InvalidInput(f"no document {name!r}; names begin with a collection: {', '.join(self.names)}")


class JoinedVectors:
    """Indexes of vectors searched side by side; the id of a member's item is ``id * n + member``."""

    def __init__(self, parts: Sequence[Any]) -> None:
        self.parts = parts

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    @property
    def metric(self) -> Metric:
        """The metric of all."""
        metric: Metric = self.parts[0].metric
        return metric

    def ids(self) -> Ids:
        """Return all ids, ascending."""
        return _outer([part.ids() for part in self.parts])

    def search(
        self,
        queries: Any,  # noqa: ANN401 - vectors or terms
        k: int,
        *,
        allow: IdSet | Ids | None = None,
        params: Mapping[str, float] | None = None,
    ) -> Hits:
        """Find the ``k`` best items of all, as each of them would."""
        ids, scores = [], []
        for i, part in enumerate(self.parts):
            hits = part.search(self._asked(queries, i), k, allow=self._own(allow, i), params=params)
            ids.append(np.where(hits.ids >= 0, hits.ids * len(self.parts) + i, _LAST))
            scores.append(hits.scores)
        every, values = np.concatenate(ids, axis=1), np.concatenate(scores, axis=1)
        order = np.lexsort((every, -values), axis=1)[:, :k]
        best = np.take_along_axis(every, order, axis=1)
        return Hits(np.where(best == _LAST, -1, best), np.take_along_axis(values, order, axis=1))

    def _asked(self, queries: Any, i: int) -> Any:  # noqa: ANN401, ARG002 - indexes of terms weigh them anew
        return queries

    def _own(self, allow: IdSet | Ids | None, i: int) -> IdSet | None:
        if allow is None:
            return None
        ids = allow.ids if isinstance(allow, IdSet) else np.asarray(allow)
        return IdSet(ids[ids % len(self.parts) == i] // len(self.parts))


class JoinedTerms(JoinedVectors):
    """Indexes of terms searched side by side, terms weighted by how rare they are in all of them together.

    BM25 of each part multiplies a term by its own idf; the weight of the question's term takes that out and puts the
    common one in. The mean length of chunks stays each part's own.
    """

    def __init__(self, parts: Sequence[Any], frequencies: Sequence[Mapping[str, int]]) -> None:
        super().__init__(parts)
        self._frequencies = frequencies

    @property
    def name(self) -> str:
        """The engine of all, or the engines."""
        return "+".join(sorted({part.name for part in self.parts}))

    @property
    def Search(self) -> Any:  # noqa: N802, ANN401 - as an index has it
        """The class of search parameters."""
        return self.parts[0].Search

    @property
    def search_params(self) -> Any:  # noqa: ANN401
        """Search parameters: those of the first that has any of its own."""
        return next((p.search_params for p in self.parts if p.search_params != p.Search()), self.parts[0].search_params)

    def frequencies(self) -> Mapping[str, int]:
        """Return the number of chunks that hold each term."""
        return sum(map(Counter, self._frequencies), Counter[str]())

    def _asked(self, queries: Sequence[Terms], i: int) -> list[dict[str, float]]:
        return [self._weighed(query, i) for query in queries]

    def _weighed(self, query: Terms, i: int) -> dict[str, float]:
        bag: Mapping[str, float] = query if isinstance(query, Mapping) else Counter(query)
        n, own = len(self), len(self.parts[i])
        weighed = {}
        for term, weight in bag.items():
            held = self._frequencies[i].get(term, 0)
            every = sum(each.get(term, 0) for each in self._frequencies)
            known = held and set(self.name.split("+")) <= _OF_LUCENE
            weighed[term] = weight * (_idf(every, n) / _idf(held, own) if known else 1.0)
        return weighed


class _JoinedSentences:
    """The sentences of several knowledge bases; see `rag.store.sentence_search.BestSentences`."""

    def __init__(self, parts: Sequence[Any]) -> None:
        self._parts = parts

    def scores(self, query: Vectors, chunks: Ids) -> Vectors:
        """Return the best sentence's score of each of ``chunks`` (ascending); NaN for one without any."""
        best = np.full(len(chunks), np.nan, np.float32)
        for i, part in enumerate(self._parts):
            mine = chunks % len(self._parts) == i
            if mine.any():
                best[mine] = part.scores(query, chunks[mine] // len(self._parts))
        return best


def _idf(held: int, n: int) -> float:
    """Return BM25's inverse document frequency in Lucene's form."""
    return math.log1p((n - held + 0.5) / (held + 0.5))


def _has(kb: KnowledgeBase, family: str) -> bool:
    return any(indexes.kind(spec) == family for spec in kb.indexes)


def _outer(own: Sequence[Ids]) -> Ids:
    """Return the ids of all, ascending."""
    return np.sort(np.concatenate([ids * len(own) + i for i, ids in enumerate(own)]))
