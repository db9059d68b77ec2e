"""Search by vectors in Milvus: exact, over the rows that count in a state."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

import indexes
from indexes import Hits, IdSet, Metric

from ...errors import InvalidInput
from ..similarities import similarities
from .client import MOST
from .schema import CHUNKS, SENTENCES
from .snapshots import Snapshot, Snapshots
from .writing import Writer

Ids = NDArray[np.int64]
_ALLOWED = 10_000
"""Ids that one expression lists."""
_CHUNKS_A_CALL = 100


def parsed(spec: str) -> str:
    """Return the spec of an index of vectors.

    Raises
    ------
    InvalidInput
        It is another one than ``flat``.
    """
    if indexes.kind(spec) != "dense" or spec != "flat":
        raise InvalidInput(
            f"index {spec!r}: in Milvus vectors are searched by flat alone so far; Milvus Lite takes the name of any "
            "index, and what a cluster's own do was not tried"
        )
    return spec


class MilvusVectors:
    """Searches the vectors of chunks; it answers as an `indexes.DenseIndex` does.

    At most 16,384 chunks are found, which is as many as Milvus returns.
    """

    family = "dense"
    name = "flat"

    def __init__(self, snapshots: Snapshots | Writer, metric: Metric, ids: Callable[[], Ids]) -> None:
        self._snapshots = snapshots
        self.metric: Metric = metric
        self.ids = ids

    def __len__(self) -> int:
        return len(self.ids())

    def search(
        self,
        queries: NDArray[np.float32],
        k: int,
        *,
        allow: IdSet | Ids | None = None,
        params: Mapping[str, float] | None = None,  # noqa: ARG002 - there are none to give
    ) -> Hits:
        """Return the ``k`` best chunks for each vector, among those of ``allow``."""
        found = Hits(np.full((len(queries), k), -1, np.int64), np.full((len(queries), k), -np.inf, np.float32))
        allowed = None if allow is None else np.asarray(allow.ids if isinstance(allow, IdSet) else allow, np.int64)
        with self._snapshots.reading() as snapshot:
            if allowed is not None:
                allowed = np.intersect1d(allowed, snapshot.ids)
            if not k or not snapshot.state.chunks or (allowed is not None and not len(allowed)):
                return found
            for i, query in enumerate(np.asarray(queries, np.float32)):
                ids, scores = self._found(snapshot, query, k, allowed)
                order = np.lexsort((ids, -scores))[:k]
                found.ids[i, : len(order)], found.scores[i, : len(order)] = ids[order], scores[order]
        return found

    def _found(
        self, snapshot: Snapshot, query: NDArray[np.float32], k: int, allowed: Ids | None
    ) -> tuple[Ids, NDArray[np.float32]]:
        client, seen = snapshot.client, snapshot.state.seen
        if allowed is None:
            rows = client.search(CHUNKS, query.tolist(), seen, k, [])
            return _hits(rows, self.metric)
        parts = []
        for start in range(0, len(allowed), _ALLOWED):
            block = allowed[start : start + _ALLOWED]
            rows = client.search(CHUNKS, query.tolist(), f"id in {block.tolist()} and {seen}", k, [])
            part = _hits(rows, self.metric)
            if len(part[0]) < min(k, len(block), MOST):  # an index that filters what it has found finds too little
                part = self._compared(snapshot, query, block)
            parts.append(part)
        return np.concatenate([ids for ids, _ in parts]), np.concatenate([scores for _, scores in parts])

    def _compared(self, snapshot: Snapshot, query: NDArray[np.float32], ids: Ids) -> tuple[Ids, NDArray[np.float32]]:
        """Compare chunks one by one, here."""
        rows = snapshot.client.rows(CHUNKS, ids.tolist(), ["vector"])
        there = np.array(sorted(rows), np.int64)
        vectors = np.array([rows[i]["vector"] for i in there.tolist()], np.float32).reshape(len(there), len(query))
        return there, similarities(query[None], vectors, self.metric)[0]


class MilvusSentences:
    """Scores chunks by their best sentence; see `rag.store.sentence_search.BestSentences`."""

    def __init__(self, snapshots: Snapshots | Writer, metric: Metric) -> None:
        self._snapshots = snapshots
        self._metric: Metric = metric

    def scores(self, query: NDArray[np.float32], chunks: Ids) -> NDArray[np.float32]:
        """Return the best sentence's score of each of ``chunks`` (ascending); NaN for a chunk without any."""
        best = np.full(len(chunks), np.nan, np.float32)
        vector = np.asarray(query[0], np.float32).tolist()
        with self._snapshots.reading() as snapshot:
            for block in _blocks(chunks.tolist()):
                test = f"chunk in {block} and {snapshot.state.seen}"
                rows = snapshot.client.search(SENTENCES, vector, test, MOST, ["chunk"])
                _, scores = _hits(rows, self._metric)
                at = np.searchsorted(chunks, np.array([row["chunk"] for row in rows], np.int64))
                np.fmax.at(best, at, scores)
        return best


def _blocks(chunks: Sequence[int]) -> Iterator[list[int]]:
    for start in range(0, len(chunks), _CHUNKS_A_CALL):
        yield list(chunks[start : start + _CHUNKS_A_CALL])


def _hits(rows: Sequence[dict[str, Any]], metric: Metric) -> tuple[Ids, NDArray[np.float32]]:
    """Return ids and scores, higher is better; Milvus gives squared distances."""
    scores = np.array([row["distance"] for row in rows], np.float32)
    return np.array([row["id"] for row in rows], np.int64), -scores if metric == "l2" else scores
