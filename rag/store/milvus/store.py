"""A knowledge base in Milvus, as `rag.store.protocol.Store` says."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexes import IdSet

from ...documents.document import Document
from ...errors import InvalidInput, StoreExists, StoreMissing
from ...filters import VISIBLE, Filter
from ...terms import Analyser
from .. import hiding, reading as facts_reading, server_store, settings
from ..address import Address
from ..automatic_index import AUTO, FIRST
from ..identity import Identity
from ..protocol import Mode
from ..records import ChunkPlace, ChunkRecord, RepairReport, SourceInfo, Status, VerifyReport
from ..server_store import ServerStore
from ..writing import Exported
from . import exporting, maintenance, reading, repairing, schema, verifying
from .client import Client
from .lock import WriterLock
from .postings import BucketCache
from .snapshots import Snapshot, Snapshots
from .vectors import MilvusSentences, MilvusVectors, parsed
from .writing import MilvusWriting, Writer

_log = logging.getLogger(__name__)


@functools.cache
def _say_experimental() -> None:
    """Say once a process what this is."""
    _log.warning("knowledge bases in Milvus are experimental: only Milvus Lite was run, see docs/how-to/milvus.md")


def exists(place: Address) -> bool:
    """Say whether there is a knowledge base of that name."""
    if _has_no_file(place):
        return False
    client = Client(place)
    try:
        return schema.exists(client)
    finally:
        client.close()


def _has_no_file(place: Address) -> bool:
    return place.is_file and not Path(place.server).exists()


def _refuse_if_absent(client: Client, missing: str) -> None:
    if not schema.exists(client):
        raise StoreMissing(missing)


class MilvusStore(ServerStore[Snapshot, Writer]):
    """See `rag.store.protocol.Store`."""

    def __init__(
        self, client: Client, identity: Identity, analyser: Callable[[], Analyser], writer: Writer | None
    ) -> None:
        super().__init__(
            client.place, identity, analyser, snapshots=Snapshots(client), writer=writer, postings=BucketCache()
        )
        self._client = client

    # ---- opening --------------------------------------------------------------------------------------------------

    @classmethod
    def create(
        cls,
        place: Address,
        identity: Identity,
        specs: Sequence[str],
        analyser: Callable[[], Analyser],
        *,
        wait: float = 0.0,
    ) -> MilvusStore:
        """Make a knowledge base and open it for writing.

        Raises
        ------
        StoreExists
            There is one of that name.
        """
        client = Client(place)
        lock = WriterLock(client)
        try:
            lock.acquire(wait)
            if schema.exists(client):
                raise StoreExists(f"there is a knowledge base in {place.shown} already; open it, or take another name")
            schema.create(client, identity, tuple(concrete(specs)), automatic=AUTO in specs)
        finally:
            lock.release()
            client.close()
        return cls.open(place, "w", lambda _: analyser, wait=wait)

    @classmethod
    def open(
        cls, place: Address, mode: Mode, tools: Callable[[Identity], Callable[[], Analyser]], *, wait: float = 0.0
    ) -> MilvusStore:
        """Open a knowledge base; ``tools`` checks its identity and returns what gives its analyser."""
        if mode not in ("r", "w"):
            raise InvalidInput(f"mode={mode!r}: give 'r' to search or 'w' to write")
        missing = f"no knowledge base in {place.shown}; `rag copy FOLDER {place.shown}` makes one"
        if _has_no_file(place):
            raise StoreMissing(missing)
        client = Client(place)
        lock = WriterLock(client)
        try:
            _refuse_if_absent(client, missing)
            identity = schema.read_identity(client)
            analyser = tools(identity)
            client.load(schema.names(identity))
            _say_experimental()
            if mode == "r":
                return cls(client, identity, analyser, None)
            lock.acquire(wait)
            return cls(client, identity, analyser, Writer(client, lock, identity))
        except BaseException:
            lock.release()
            client.close()
            raise

    def close(self) -> None:
        """Close it; may be called twice."""
        if self._writer is not None:
            self._writer.close()
        self._client.close()

    # ---- facts ----------------------------------------------------------------------------------------------------

    @property
    def automatic(self) -> str | None:
        """The index of vectors that was chosen, which is always exact search; None if the indexes were named."""
        with self._reading() as snapshot:
            return FIRST if snapshot.state.automatic else None

    # ---- writing --------------------------------------------------------------------------------------------------

    def writing(self) -> MilvusWriting:
        """Return what an ``add`` writes by."""
        return MilvusWriting(self._write(), self._identity, self._analyser, lambda: self._has("terms"))

    def grow(self) -> None:
        """Join segments of postings, and have Milvus seal what was written."""
        self.writing().join_segments()
        self._client.flush(schema.names(self._identity))

    def reindex(self, specs: Sequence[str]) -> None:
        """See `KnowledgeBase.reindex`."""
        self.writing().rearrange(tuple(concrete(specs)), automatic=AUTO in specs)
        self.grow()

    def purge(self) -> None:
        """Delete all rows that have died; when their bytes go from the disk is Milvus's matter."""
        if self._has("terms"):
            self.writing().rewrite_segments()
        maintenance.purge(self._write(), self._identity)

    # ---- health ---------------------------------------------------------------------------------------------------

    def status(self) -> Status:
        """See `KnowledgeBase.status`."""
        with self._reading() as snapshot:
            return maintenance.status(snapshot, self._identity)

    def verify(self) -> VerifyReport:
        """See `KnowledgeBase.verify`."""
        with self._reading() as snapshot:
            return verifying.verify(snapshot, self._identity, self._analyser if self._has("terms") else None)

    def repair(self) -> RepairReport:
        """See `KnowledgeBase.repair`."""
        return repairing.repair(self.verify(), self._write(), self.writing(), self.specs)

    # ---- searching ------------------------------------------------------------------------------------------------

    def _vectors(self, spec: str) -> MilvusVectors:  # noqa: ARG002 - there is exact search alone
        return MilvusVectors(self._reader, self._identity.metric, self.chunk_ids)

    def _sentences(self) -> MilvusSentences:
        return MilvusSentences(self._reader, self._identity.metric)

    def _allowed(self, snapshot: Snapshot, where: Filter | None) -> IdSet | None:
        query, values = (VISIBLE, []) if where is None else where.sql()
        with snapshot.facts() as db:
            if where is None and not hiding.hidden(db):
                return None
            return IdSet(np.fromiter((row[0] for row in db.execute(query, values)), np.int64))

    # ---- reading --------------------------------------------------------------------------------------------------

    def setting(self, name: str) -> str | None:
        """See `KnowledgeBase.setting`."""
        with self._reading() as snapshot, snapshot.facts() as db:
            return settings.setting(db, name)

    def settings(self) -> dict[str, str]:
        """Return all texts that are kept."""
        with self._reading() as snapshot, snapshot.facts() as db:
            return settings.settings(db)

    def exported(self) -> Iterator[Exported]:
        """Yield all documents, source by source, with their embeddings."""
        with self._reading() as snapshot:
            yield from exporting.exported(snapshot, self._identity)

    def sources(self) -> dict[str, SourceInfo]:
        """See `KnowledgeBase.sources`."""
        with self._reading() as snapshot, snapshot.facts() as db:
            return facts_reading.sources(db)

    def document_ids(self, where: Filter | None) -> list[str]:
        """See `KnowledgeBase.document_ids`."""
        with self._reading() as snapshot, snapshot.facts() as db:
            return facts_reading.document_ids(db, None if where is None else where.sql())

    def document(self, name: str) -> Document:
        """See `KnowledgeBase.document`."""
        with self._reading() as snapshot:
            return reading.document(snapshot, name)

    def modified(self, documents: Iterable[str]) -> dict[str, float]:
        """See `KnowledgeBase.modified`."""
        with self._reading() as snapshot, snapshot.facts() as db:
            return facts_reading.modified(db, documents)

    def digests(self, documents: Iterable[str]) -> dict[str, str]:
        """See `KnowledgeBase.digests`."""
        with self._reading() as snapshot, snapshot.facts() as db:
            return facts_reading.digests(db, documents)

    def chunk_ids(self) -> NDArray[np.int64]:
        """See `KnowledgeBase.chunk_ids`."""
        with self._reading() as snapshot:
            return snapshot.ids

    def chunks(self, ids: Iterable[int]) -> list[ChunkRecord]:
        """See `KnowledgeBase.chunks`."""
        with self._reading() as snapshot:
            return reading.chunks(snapshot, ids)

    def places(self, documents: Iterable[str]) -> list[ChunkPlace]:
        """Return where the chunks of documents are, hidden ones too."""
        with self._reading() as snapshot, snapshot.facts() as db:
            return facts_reading.places(db, documents)

    def vectors(self, ids: Iterable[int]) -> NDArray[np.float32]:
        """See `KnowledgeBase.vectors`."""
        with self._reading() as snapshot:
            return reading.vectors(snapshot, ids, self._identity.dim)

    def sentence_vectors(self, ids: Iterable[int]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """See `KnowledgeBase.sentence_vectors`."""
        with self._reading() as snapshot:
            return reading.sentence_vectors(snapshot, ids, self._identity)

    def token_codes(self, ids: Iterable[int]) -> list[bytes | None]:
        """See `KnowledgeBase.token_codes`."""
        if not self._identity.has_tokens:
            return [None for _ in ids]
        with self._reading() as snapshot:
            return reading.token_codes(snapshot, ids)


def concrete(specs: Sequence[str]) -> list[str]:
    """Return the specs of indexes as Milvus has them here; ``auto`` is exact search."""
    return server_store.concrete(specs, "Milvus", parsed)
