"""A knowledge base in a PostgreSQL database, as `rag.store.protocol.Store` says."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

import indexes
from indexes import IdSet

from ...errors import InvalidInput, StoreExists, StoreLocked, StoreMissing
from ...filters import Filter
from ...terms import Analyser
from .. import server_store
from ..address import Address
from ..automatic_index import AUTO, FIRST
from ..identity import Identity
from ..postings_search import PostingsSearch
from ..protocol import Mode
from ..records import RepairReport, Status, VerifyReport
from . import (
    hash_building,
    hashes,
    identities,
    lock,
    maintenance,
    reading,
    recall,
    repairing,
    schema,
    textsearch,
    vectors,
    verifying,
)
from .bag_search import BagSearch
from .connection import STATEMENT_S, Connection, Snapshot, Snapshots, connect
from .faults import faults
from .hashes_cache import HashesCache
from .snapshot_reading import SnapshotReading
from .terms import PostingsCache
from .vectors import FilteredIds, PostgresSentences, PostgresVectors
from .writing import PostgresWriting, Writer, forget_terms

_GROWTH = 1.5
"""Times as many chunks as at the last choice of an automatic index, from which it is made anew."""
LEAST_RECALL = 0.99


def exists(place: Address) -> bool:
    """Say whether there is a knowledge base of that name in the database."""
    db = connect(place)
    try:
        with faults(place.shown):
            return _is_there(db, place)
    finally:
        db.close()


def _is_there(db: Connection, place: Address) -> bool:
    return bool(db.one("select count(*) from pg_namespace where nspname = %s", (place.schema,)))


def _refuse_if_there(db: Connection, place: Address) -> None:
    if _is_there(db, place):
        raise StoreExists(f"there is a knowledge base in {place.shown} already; open it, or take another name")


def _refuse_if_absent(db: Connection, place: Address) -> None:
    if not _is_there(db, place):
        raise StoreMissing(f"no knowledge base in {place.shown}; `rag copy FOLDER {place.shown}` makes one")


class PostgresStore(SnapshotReading):
    """See `rag.store.protocol.Store`."""

    def __init__(
        self,
        place: Address,
        identity: Identity,
        analyser: Callable[[], Analyser],
        writer: Writer | None,
        limit_s: float = STATEMENT_S,
    ) -> None:
        snapshots = Snapshots(place, limit_s)
        super().__init__(place, identity, analyser, snapshots=snapshots, writer=writer, postings=PostingsCache())
        self._connections = snapshots
        self._hashes = HashesCache()

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
    ) -> PostgresStore:
        """Make a knowledge base and open it for writing; it comes to be by one commit.

        Raises
        ------
        StoreExists
            There is one of that name.
        InvalidInput
            An index cannot search by the metric.
        """
        made = _checked(specs, identity)
        db = connect(place)
        try:
            with faults(place.shown):
                lock.acquire(db, place, wait)
                _refuse_if_there(db, place)
                writer = Writer(db, place)
                terms = textsearch.among(made)
                with writer.transaction() as own:
                    if terms is not None:
                        textsearch.check_extension(own, place)
                    schema.create(own, place, identity)
                    if terms is not None:
                        textsearch.build(own, terms)
                    identities.write(own, identity)
                    own.execute(
                        "insert into state values (0, 0, %s, %s, %s, 0, 0, 1, 1, 1, 1)",
                        (made, FIRST, _choice(0, FIRST, 1.0) if AUTO in specs else ""),
                    )
        finally:
            lock.close(db)
        return cls.open(place, "w", lambda _: analyser, wait=wait)

    @classmethod
    def open(
        cls,
        place: Address,
        mode: Mode,
        tools: Callable[[Identity], Callable[[], Analyser]],
        *,
        wait: float = 0.0,
        limit_s: float = STATEMENT_S,
    ) -> PostgresStore:
        """Open a knowledge base; ``tools`` checks its identity and returns what gives its analyser."""
        if mode not in ("r", "w"):
            raise InvalidInput(f"mode={mode!r}: give 'r' to search or 'w' to write")
        db = connect(place, limit_s=limit_s)
        try:
            with faults(place.shown):
                _refuse_if_absent(db, place)
                schema.check_format(db, place)
                identity = identities.read(db, place)
                analyser = tools(identity)
                if mode == "r":
                    db.close()
                    return cls(place, identity, analyser, None, limit_s)
                lock.acquire(db, place, wait)
                writer = Writer(db, place)
                with writer.transaction() as own:
                    schema.migrate(own, place, identity)
                made = cls(place, identity, analyser, writer, limit_s)
                made.finish()
                return made
        except BaseException:
            lock.close(db)
            raise

    def close(self) -> None:
        """Close it; may be called twice."""
        self._connections.close()
        if self._writer is not None:
            self._writer.close()

    # ---- facts ----------------------------------------------------------------------------------------------------

    @property
    def automatic(self) -> str | None:
        """The index of vectors that was chosen as it grew; None if the indexes were named."""
        with self._reading() as snapshot:
            made: str = snapshot.db.one("select choice from state")
        return str(json.loads(made)["spec"]) if made else None

    # ---- writing --------------------------------------------------------------------------------------------------

    def writing(self) -> PostgresWriting:
        """Return what an ``add`` writes by."""
        return PostgresWriting(self._write(), self._identity, self._analyser, self._terms_spec)

    def grow(self) -> None:
        """Join segments of postings, and choose an automatic index anew if the knowledge base has grown."""
        self.writing().join_segments()
        with self._write().session() as db:
            made, chunks, built = db.rows("select choice, chunks, vectors from state")[0]
            outgrown = hashes.is_outgrown(db, chunks)
        named = next((spec for spec in self.specs if indexes.kind(spec) == "dense"), FIRST)
        if chunks and (built != named or outgrown):  # of the first documents: faster than to grow by each
            self._build(named)
        if not made or chunks <= _GROWTH * json.loads(made)["chunks"]:
            return
        before = json.loads(made)["spec"]
        tried = vectors.recommended(chunks, self._identity.dim, self._identity.metric)
        if before.partition(":")[0] in {each.partition(":")[0] for each in tried}:
            self._choose(_choice(chunks, before, json.loads(made)["recall"]))
            return
        for build in tried:
            self._build(build)
            for spec in vectors.efforts(build):
                found = recall.of(self._vectors(spec), self.vectors, self.chunk_ids())
                if found >= LEAST_RECALL:
                    with self._write().transaction() as db:
                        self._name(db, spec)
                    self._choose(_choice(chunks, spec, found))
                    return
        self._build(before)
        self._choose(_choice(chunks, before, 1.0))

    def _build(self, spec: str) -> None:
        """Put an index of vectors in the place of the one there is."""
        wanted = vectors.parsed(spec)
        writer = self._write()
        with writer.transaction() as db:
            vectors.build(db, wanted, self._identity.dim, self._identity.metric)
            self._name(db, spec)
        if wanted.build is not None:
            with writer.session() as db, db.unlimited():
                db.execute("analyze chunks")

    @staticmethod
    def _name(db: Connection, spec: str) -> None:
        """Say which index of vectors there is, inside the caller's transaction."""
        text = vectors.parsed(spec).text
        specs = [text if indexes.kind(each) == "dense" else each for each in db.one("select specs from state")]
        db.execute("update state set vectors = %s, specs = %s, version = version + 1", (text, specs))

    def _choose(self, made: str) -> None:
        with self._write().transaction() as db:
            db.execute("update state set choice = %s", (made,))

    def reindex(self, specs: Sequence[str]) -> None:
        """See `KnowledgeBase.reindex`."""
        wanted = _checked(specs, self._identity)
        before = self._terms_spec()
        writer = self._write()
        dense = next((spec for spec in wanted if indexes.kind(spec) == "dense"), FIRST)
        with writer.transaction() as db:
            if (terms := textsearch.among(wanted)) is not None:
                textsearch.check_extension(db, self._place)
            new = vectors.parsed(dense)
            if vectors.parsed(db.one("select vectors from state")).build != new.build:
                vectors.build(db, new, self._identity.dim, self._identity.metric)
            choice = _choice(0, FIRST, 1.0) if AUTO in specs else ""
            db.execute(
                "update state set specs = %s, vectors = %s, choice = %s, version = version + 1", (wanted, dense, choice)
            )
        if not self._has("terms"):
            with writer.transaction() as db:
                hash_building.prune(db)
                forget_terms(db)
        elif before is None or textsearch.parsed(before) != terms:
            self.writing().rebuild_segments()
        self.grow()

    def remove(self, wanted: Iterable[str], *, purged: bool, folders: bool) -> int:
        """See `KnowledgeBase.remove`."""
        if purged:  # cut short from here on, the next writer finishes it
            self.writing().keep_settings([(maintenance.DUE, "1")])
        return super().remove(wanted, purged=purged, folders=folders)

    def purge(self) -> None:
        """See `KnowledgeBase.purge`; the server's log and its replicas are the server's matter."""
        self.writing().keep_settings([(maintenance.DUE, "1")])
        self.writing().rewrite_segments()
        maintenance.purge(self._write(), self._place)
        self.writing().keep_settings([(maintenance.DUE, None)])

    def finish(self) -> None:
        """Finish what a killed deletion has left, if no reader is in the way."""
        if self.setting(maintenance.DUE) is not None:
            with suppress(StoreLocked):
                self.purge()

    # ---- health ---------------------------------------------------------------------------------------------------

    def status(self) -> Status:
        """See `KnowledgeBase.status`."""
        with self._reading() as snapshot:
            return maintenance.status(snapshot, self._place, self._identity)

    def verify(self) -> VerifyReport:
        """See `KnowledgeBase.verify`."""
        with self.view(), self._reading() as snapshot:
            return verifying.verify(snapshot, self._identity, self._analyser, self.index)

    def repair(self) -> RepairReport:
        """See `KnowledgeBase.repair`."""
        return repairing.repair(self, self._write())

    def rebuild(self, spec: str) -> None:
        """Build an index anew."""
        if indexes.kind(spec) == "terms":
            self.writing().rebuild_segments()
        else:
            self._build(spec)

    # ---- searching ------------------------------------------------------------------------------------------------

    def _vectors(self, spec: str) -> PostgresVectors:
        return PostgresVectors(
            self._reader,
            vectors.parsed(spec),
            self._identity.metric,
            self.chunk_ids,
            lambda: len(self.chunk_ids()),
            cache=self._hashes,
        )

    def _terms(self, spec: str) -> PostingsSearch | BagSearch:
        own = textsearch.parsed(spec)
        return super()._terms(spec) if own is None else BagSearch(self._reader, own, self.chunk_ids)

    def _terms_spec(self) -> str | None:
        return next((spec for spec in self.specs if indexes.kind(spec) == "terms"), None)

    def _sentences(self) -> PostgresSentences:
        return PostgresSentences(self._reader, self._identity.metric)

    def _allowed(self, snapshot: Snapshot, where: Filter | None) -> IdSet | None:
        if where is None and not snapshot.state.hidden:
            return None
        return FilteredIds(reading.allowed_ids(snapshot.db, where), where)


def concrete(specs: Sequence[str]) -> list[str]:
    """Return the specs of indexes as PostgreSQL has them, ``auto`` begun with exact search."""
    return server_store.concrete(
        specs, "PostgreSQL", lambda spec: vectors.parsed(spec).text, terms=textsearch.terms_spec
    )


def _checked(specs: Sequence[str], identity: Identity) -> list[str]:
    """Return the specs of indexes as PostgreSQL has them; refuses one that cannot search by the metric."""
    made = concrete(specs)
    for spec in made:
        if indexes.kind(spec) == "dense":
            vectors.check_metric(spec, identity.metric)
    return made


def _choice(chunks: int, spec: str, found: float) -> str:
    return json.dumps({"chunks": chunks, "spec": spec, "recall": round(found, 4)})
