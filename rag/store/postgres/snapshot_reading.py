"""Reading a knowledge base in PostgreSQL, as `rag.store.protocol.Reading` says: each method is of one snapshot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from ...documents.document import Document
from ...filters import Filter
from ..records import ChunkPlace, ChunkRecord, SourceInfo
from ..server_store import ServerStore
from ..writing import Exported
from . import exporting, reading
from .connection import Snapshot
from .writing import Writer


class SnapshotReading(ServerStore[Snapshot, Writer]):
    """Reads by the snapshots that a store lends."""

    _ids: tuple[int, NDArray[np.int64]] | None = None

    def setting(self, name: str) -> str | None:
        """See `KnowledgeBase.setting`."""
        with self._reading() as snapshot:
            return reading.setting(snapshot.db, name)

    def settings(self) -> dict[str, str]:
        """Return all texts that are kept."""
        with self._reading() as snapshot:
            return reading.settings(snapshot.db)

    def exported(self) -> Iterator[Exported]:
        """Yield all documents, source by source, with their embeddings."""
        with self._reading() as snapshot:
            yield from exporting.exported(snapshot.db)

    def sources(self) -> dict[str, SourceInfo]:
        """See `KnowledgeBase.sources`."""
        with self._reading() as snapshot:
            return reading.sources(snapshot.db)

    def document_ids(self, where: Filter | None) -> list[str]:
        """See `KnowledgeBase.document_ids`."""
        with self._reading() as snapshot:
            return reading.document_ids(snapshot.db, where)

    def document(self, name: str) -> Document:
        """See `KnowledgeBase.document`."""
        with self._reading() as snapshot:
            return reading.document(snapshot.db, name)

    def modified(self, documents: Iterable[str]) -> dict[str, float]:
        """See `KnowledgeBase.modified`."""
        with self._reading() as snapshot:
            return reading.modified(snapshot.db, documents)

    def digests(self, documents: Iterable[str]) -> dict[str, str]:
        """See `KnowledgeBase.digests`."""
        with self._reading() as snapshot:
            return reading.digests(snapshot.db, documents)

    def chunk_ids(self) -> NDArray[np.int64]:
        """See `KnowledgeBase.chunk_ids`; kept until something changes."""
        with self._reading() as snapshot:
            kept, seq = self._ids, snapshot.state.seq
            if kept is None or kept[0] != seq:
                kept = (seq, reading.chunk_ids(snapshot.db))
                kept[1].flags.writeable = False
                self._ids = kept
            return kept[1]

    def chunks(self, ids: Iterable[int]) -> list[ChunkRecord]:
        """See `KnowledgeBase.chunks`."""
        with self._reading() as snapshot:
            return reading.chunks(snapshot.db, ids)

    def places(self, documents: Iterable[str]) -> list[ChunkPlace]:
        """Return where the chunks of documents are, hidden ones too."""
        with self._reading() as snapshot:
            return reading.places(snapshot.db, documents)

    def vectors(self, ids: Iterable[int]) -> NDArray[np.float32]:
        """See `KnowledgeBase.vectors`."""
        with self._reading() as snapshot:
            return reading.vectors(snapshot.db, ids, self._identity.dim)

    def sentence_vectors(self, ids: Iterable[int]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """See `KnowledgeBase.sentence_vectors`."""
        with self._reading() as snapshot:
            return reading.sentence_vectors(snapshot.db, ids, self._identity)

    def token_codes(self, ids: Iterable[int]) -> list[bytes | None]:
        """See `KnowledgeBase.token_codes`."""
        if not self._identity.has_tokens:
            return [None for _ in ids]
        with self._reading() as snapshot:
            return reading.token_codes(snapshot.db, ids)
