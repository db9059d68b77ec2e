"""The postings of terms as a reader holds them, see `rag.store.postings_search`."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..postings_search import POSTING
from .connection import Snapshot
from .escaping import escaped, unescaped
from .id_arrays import fetched

Ids = NDArray[np.int64]
_KEPT_BYTES = 256 << 20


class PostingsCache:
    """Postings by segment and term, the last used ones; segments never change."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[int, str], NDArray[np.void]] = OrderedDict()
        self._bytes = 0
        self._turn = threading.Lock()
        self._state: tuple[int, int] | None = None
        self._segments: list[int] = []
        self._removed: Ids = np.zeros(0, np.int64)

    @property
    def nbytes(self) -> int:
        """Bytes of what is kept."""
        return self._bytes

    def postings(self, snapshot: Snapshot, terms: Sequence[str]) -> dict[str, NDArray[np.void]]:
        """Return the postings of terms, removed chunks left out, in no order."""
        with self._turn:
            segments, removed = self._arrangement(snapshot)
            wanted = [(segment, term) for term in terms for segment in segments]
            missing = [pair for pair in wanted if pair not in self._kept]
            if missing:
                self._fetch(snapshot, missing)
            found = {}
            for term in terms:
                parts = [self._kept[segment, term] for segment in segments]
                for segment in segments:
                    self._kept.move_to_end((segment, term))
                records = np.concatenate(parts) if parts else np.zeros(0, POSTING)
                found[term] = records[~np.isin(records["chunk"], removed)] if len(removed) else records
            while self._bytes > _KEPT_BYTES and self._kept:
                self._bytes -= self._kept.popitem(last=False)[1].nbytes
            return found

    def _arrangement(self, snapshot: Snapshot) -> tuple[list[int], Ids]:
        state = (snapshot.state.seq, snapshot.state.version)
        if state != self._state:
            self._segments = [row[0] for row in snapshot.db.rows("select id from segments order by id")]
            self._removed = fetched(snapshot.db, "select array_agg(chunk order by chunk) from removed")
            self._state = state
            there = set(self._segments)
            for pair in [pair for pair in self._kept if pair[0] not in there]:
                self._bytes -= self._kept.pop(pair).nbytes
        return self._segments, self._removed

    def _fetch(self, snapshot: Snapshot, missing: Sequence[tuple[int, str]]) -> None:
        terms, segments = {term for _, term in missing}, {segment for segment, _ in missing}
        empty = np.zeros(0, POSTING)
        for pair in missing:
            self._kept[pair] = empty
        rows = snapshot.db.rows(
            "select segment, term, blob from postings where term = any(%s) and segment = any(%s)",
            ([escaped(term) for term in terms], list(segments)),
        )
        for segment, term, blob in rows:
            pair = segment, unescaped(term)
            self._bytes -= self._kept[pair].nbytes if pair in self._kept else 0
            self._kept[pair] = np.frombuffer(blob, POSTING)
            self._bytes += len(blob)

    def every(self, snapshot: Snapshot) -> dict[str, int]:
        """Return the number of postings of each term, those of removed chunks too."""
        rows = snapshot.db.rows("select term, sum(df)::int8 from postings group by term")
        return {unescaped(term): df for term, df in rows}
