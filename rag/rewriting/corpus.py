"""The corpus: what rewriters may know of a knowledge base; cheap where nothing has to be searched."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..documents.document import context_text
from ..store.contents import terms_encoder

if TYPE_CHECKING:
    from ..documents.document import Passage, Query
    from ..embedding.protocol import Embedder
    from ..knowledge_base import KnowledgeBase
    from ..terms import Analyser


class Corpus:
    """The corpus of an open knowledge base; term frequencies are kept until it changes.

    Parameters
    ----------
    kb
        The open knowledge base.
    search
        The search stage: returns the best passages of a query, without rewriting.
    statistics
        Whether there is anything to know; else it is the corpus of a knowledge base without indexes.
    dense
        Whether the search compares vectors.
    """

    def __init__(
        self,
        kb: KnowledgeBase,
        search: Callable[[Query, int], list[Passage]],
        *,
        statistics: bool = True,
        dense: bool = False,
    ) -> None:
        self._kb = kb
        self._statistics = statistics
        self._search = search
        self.dense = dense
        self._kept: tuple[int, Mapping[str, int]] | None = None
        self._turn = threading.Lock()

    @property
    def analyser(self) -> Analyser:
        """The analyser that turns words into index terms."""
        return self._kb.analyser

    @property
    def embedder(self) -> Embedder:
        """The knowledge base's embedder."""
        return self._kb.embedder

    @property
    def n(self) -> int:
        """Chunks in all."""
        return len(self._kb.index("terms")) if self._has("terms") else len(self._kb.chunk_ids())

    def frequencies(self) -> Mapping[str, int]:
        """Return the number of chunks that hold each term."""
        if not self._has("terms"):
            return {}
        with self._turn:
            seq = self._kb.seq
            if self._kept is None or self._kept[0] != seq:
                self._kept = (seq, self._kb.index("terms").frequencies())
            return self._kept[1]

    def holding(self, terms: Mapping[str, float], k: int) -> list[tuple[str, float]]:
        """Return texts and BM25 scores of the chunks that hold the terms best."""
        if not self._has("terms"):
            return []
        ids, scores = self._kb.index("terms").search([terms], k).row(0)
        records = self._kb.chunks(ids.tolist())
        return [
            (context_text(r.title, r.heading, r.text), float(s)) for r, s in zip(records, scores.tolist(), strict=True)
        ]

    def nearest(self, vector: NDArray[np.float32], k: int) -> NDArray[np.float32]:
        """Return the vectors of the chunks nearest to a vector."""
        if not self._has("dense"):
            return np.zeros((0, len(vector)), np.float32)
        ids, _ = self._kb.index("dense").search(vector[None, :], k).row(0)
        return self._kb.vectors(ids.tolist())

    def search(self, query: Query, k: int) -> list[Passage]:
        """Search as the retriever does, without rewriting."""
        return self._search(query, k)

    def _has(self, family: str) -> bool:
        import indexes

        if family == "terms" and terms_encoder(self._kb.indexes):  # whose terms are not words
            return False
        return self._statistics and any(indexes.kind(spec) == family for spec in self._kb.indexes)
