"""A knowledge base in Milvus, as `rag.store.protocol.Store` says."""

from __future__ import annotations

import functools
import logging
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import indexes
from indexes import Family, IdSet

from ...documents.document import Document
from ...errors import InvalidInput, StoreExists, StoreMissing
from ...filters import VISIBLE, Filter
from ...source_prefixes import split_prefix
from ...terms import Analyser
from .. import hiding, reading as facts_reading, settings
from ..address import Address
from ..automatic_index import AUTO, FIRST
from ..hiding import named
from ..identity import Identity
from ..postings_search import PostingsSearch, checked
from ..protocol import Mode
from ..records import ChunkPlace, ChunkRecord, RepairReport, SourceInfo, Status, VerifyReport
from ..sentence_search import SHARES, TwoGranularities
from ..writing import Exported
from . import exporting, maintenance, reading, repairing, schema, verifying
from .client import Client
from .lock import WriterLock
from .postings import BucketCache
from .snapshots import Snapshot, Snapshots
from .vectors import MilvusSentences, MilvusVectors, parsed
from .writing import MilvusWriting, Writer

_FILTERS_KEPT = 64
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


class MilvusStore:
    """See `rag.store.protocol.Store`.

    Parameters
    ----------
    writer
        What writes; None for a reader.
    analyser
        Gives the terms of a text; called on first use.
    """

    def __init__(
        self, client: Client, identity: Identity, analyser: Callable[[], Analyser], writer: Writer | None
    ) -> None:
        self._client = client
        self._identity = identity
        self._analyser = analyser
        self._writer = writer
        self._snapshots = Snapshots(client)
        self._reader: Any = self._snapshots if writer is None else writer
        self._postings = BucketCache()
        self._turn = threading.Lock()
        self._filters: OrderedDict[tuple[str, int], IdSet] = OrderedDict()
        self._seen: int | None = None

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
    def location(self) -> str:
        """The address without its password."""
        return self._client.place.shown

    @property
    def folder(self) -> Path | None:
        """None."""
        return None

    @property
    def identity(self) -> Identity:
        """What it was made with."""
        return self._identity

    @property
    def mode(self) -> Mode:
        """``r`` or ``w``."""
        return "r" if self._writer is None else "w"

    @property
    def seq(self) -> int:
        """Number of the last change in this view."""
        with self._reading() as snapshot:
            return snapshot.state.seq

    @property
    def specs(self) -> tuple[str, ...]:
        """Specs of its indexes."""
        with self._reading() as snapshot:
            return snapshot.state.specs

    @property
    def automatic(self) -> str | None:
        """The index of vectors that was chosen, which is always exact search; None if the indexes were named."""
        with self._reading() as snapshot:
            return FIRST if snapshot.state.automatic else None

    def view(self) -> AbstractContextManager[None]:
        """Keep one snapshot for all that is read in a ``with`` block; a writer reads its own commits."""
        return nullcontext() if self._writer is not None else self._snapshots.view()

    def refresh(self) -> bool:
        """Say whether anything has changed since the last call: each view is of the newest commit."""
        seq = self.seq
        before, self._seen = self._seen, seq
        return before is not None and before != seq

    @contextmanager
    def _reading(self) -> Iterator[Snapshot]:
        with self._reader.reading() as snapshot:
            if self._seen is None:
                self._seen = snapshot.state.seq
            yield snapshot

    # ---- writing --------------------------------------------------------------------------------------------------

    def writing(self) -> MilvusWriting:
        """Return what an ``add`` writes by."""
        return MilvusWriting(self._write(), self._identity, self._analyser, lambda: self._has("terms"))

    def _write(self) -> Writer:
        if self._writer is None:
            raise InvalidInput(f"the knowledge base {self.location} is open for reading; open it with mode='w'")
        return self._writer

    def _has(self, family: str) -> bool:
        return any(indexes.kind(spec) == family for spec in self.specs)

    def grow(self) -> None:
        """Join segments of postings, and have Milvus seal what was written."""
        self.writing().join_segments()
        self._client.flush(schema.names(self._identity))

    def reindex(self, specs: Sequence[str]) -> None:
        """See `KnowledgeBase.reindex`."""
        self.writing().rearrange(tuple(concrete(specs)), automatic=AUTO in specs)
        self.grow()

    def remove(self, wanted: Iterable[str], *, purged: bool, folders: bool) -> int:
        """See `KnowledgeBase.remove`."""
        is_wanted = named(wanted, folders=folders)
        gone = self.writing().drop_sources(lambda name, _: is_wanted(name))
        if purged:
            self.purge()
        return gone

    def prune(self, roots: Iterable[str | Path], seen: Collection[str] | None) -> int:
        """See `KnowledgeBase.prune`."""
        places = [Path(os.path.realpath(path)) for _, path in map(split_prefix, map(str, roots)) if path]
        kept = None if seen is None else frozenset(seen)

        def vanished(name: str, location: str) -> bool:
            if not location or not any(Path(location).is_relative_to(place) for place in places):
                return False
            return name not in kept if kept is not None else not os.path.lexists(location)

        return self.writing().drop_sources(vanished)

    def set_hidden(self, wanted: Iterable[str], *, to: bool) -> int:
        """See `KnowledgeBase.hide`."""
        return self.writing().set_hidden(wanted, to=to)

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

    def index(self, family: Family, spec: str | None) -> Any:  # noqa: ANN401 - of either kind
        """See `KnowledgeBase.index`."""
        found = next(
            (s for s in self.specs if indexes.kind(s) == family and spec in (None, s, s.partition(":")[0])), None
        )
        if found is None:
            what = f"index {spec!r}" if spec else f"index of {'vectors' if family == 'dense' else 'terms'}"
            raise InvalidInput(f"this knowledge base has no {what}, only {', '.join(self.specs)}; see `rag reindex`")
        if family == "terms":
            return PostingsSearch(self._reader, found, self._postings, self.chunk_ids)
        return MilvusVectors(self._reader, self._identity.metric, self.chunk_ids)

    def dense(self) -> Any:  # noqa: ANN401 - of either granularity
        """See `KnowledgeBase.dense`."""
        index = self.index("dense", None)
        if not self._identity.has_sentences:
            return index
        sentences: Any = MilvusSentences(self._reader, self._identity.metric)
        return TwoGranularities(index, sentences, share=SHARES[self._identity.granularity])

    def allowed(self, where: Filter | None) -> IdSet | None:
        """See `KnowledgeBase.allowed`."""
        query, values = (VISIBLE, []) if where is None else where.sql()
        with self._reading() as snapshot:
            key = (str(where or ""), snapshot.state.version)
            with self._turn:
                if key in self._filters:
                    self._filters.move_to_end(key)
                    return self._filters[key]
            with snapshot.facts() as db:
                if where is None and not hiding.hidden(db):
                    return None
                found = IdSet(np.fromiter((row[0] for row in db.execute(query, values)), np.int64))
        with self._turn:
            self._filters[key] = found
            while len(self._filters) > _FILTERS_KEPT:
                self._filters.popitem(last=False)
        return found

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
    """Return the specs of indexes as Milvus has them here; ``auto`` is exact search.

    Raises
    ------
    InvalidInput
        There is none of that kind, two are of one kind, or there is none at all.
    """
    if isinstance(specs, str) or not specs:
        raise InvalidInput(f"indexes={specs!r}: give a list of specs, such as ['auto', 'bm25']")
    made = []
    for spec in specs:
        name = FIRST if spec == AUTO else spec
        made.append(checked(name, "Milvus") if indexes.kind(name) == "terms" else parsed(name))
    kinds = [indexes.kind(each) for each in made]
    if len(set(kinds)) < len(kinds):
        raise InvalidInput(
            f"indexes={list(specs)}: in Milvus a knowledge base has one index of vectors and one of terms"
        )
    return made
