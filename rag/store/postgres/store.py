"""A knowledge base in a PostgreSQL database, as `rag.store.protocol.Store` says."""

from __future__ import annotations

import json
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import indexes
from indexes import Family, IdSet

from ...errors import InvalidInput, StoreExists, StoreLocked, StoreMissing
from ...filters import Filter
from ...source_prefixes import split_prefix
from ...terms import Analyser
from ..address import Address
from ..automatic_index import AUTO, FIRST
from ..hiding import named
from ..identity import Identity
from ..postings_search import PostingsSearch, checked
from ..protocol import Mode
from ..records import RepairReport, Status, VerifyReport
from ..sentence_search import SHARES, TwoGranularities
from . import identities, lock, maintenance, reading, recall, repairing, schema, vectors, verifying
from .connection import STATEMENT_S, Connection, Snapshot, Snapshots, connect
from .faults import faults
from .snapshot_reading import SnapshotReading
from .terms import PostingsCache
from .vectors import FilteredIds, PostgresSentences, PostgresVectors
from .writing import PostgresWriting, Writer

_FILTERS_KEPT = 64
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
    """See `rag.store.protocol.Store`.

    Parameters
    ----------
    writer
        The session that writes; None for a reader.
    analyser
        Gives the terms of a text; called on first use.
    """

    def __init__(
        self,
        place: Address,
        identity: Identity,
        analyser: Callable[[], Analyser],
        writer: Writer | None,
        limit_s: float = STATEMENT_S,
    ) -> None:
        super().__init__(identity)
        self._place = place
        self._analyser = analyser
        self._writer = writer
        self._snapshots = Snapshots(place, limit_s)
        self._reader: Any = self._snapshots if writer is None else writer
        self._postings = PostingsCache()
        self._turn = threading.Lock()
        self._filters: OrderedDict[tuple[str, int], IdSet | None] = OrderedDict()
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
    ) -> PostgresStore:
        """Make a knowledge base and open it for writing; it comes to be by one commit.

        Raises
        ------
        StoreExists
            There is one of that name.
        """
        db = connect(place)
        try:
            with faults(place.shown):
                lock.acquire(db, place, wait)
                _refuse_if_there(db, place)
                writer = Writer(db, place)
                with writer.transaction() as own:
                    schema.create(own, place, identity)
                    identities.write(own, identity)
                    own.execute(
                        "insert into state values (0, 0, %s, %s, %s, 0, 0, 1, 1, 1, 1)",
                        (concrete(specs), FIRST, _choice(0, FIRST, 1.0) if AUTO in specs else ""),
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
        self._snapshots.close()
        if self._writer is not None:
            self._writer.close()

    # ---- facts ----------------------------------------------------------------------------------------------------

    @property
    def location(self) -> str:
        """The address without its password."""
        return self._place.shown

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
        """The index of vectors that was chosen as it grew; None if the indexes were named."""
        with self._reading() as snapshot:
            made: str = snapshot.db.one("select choice from state")
        return str(json.loads(made)["spec"]) if made else None

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

    def writing(self) -> PostgresWriting:
        """Return what an ``add`` writes by."""
        return PostgresWriting(self._write(), self._identity, self._analyser, lambda: self._has("terms"))

    def _write(self) -> Writer:
        if self._writer is None:
            raise InvalidInput(f"the knowledge base {self.location} is open for reading; open it with mode='w'")
        return self._writer

    def _has(self, family: str) -> bool:
        return any(indexes.kind(spec) == family for spec in self.specs)

    def grow(self) -> None:
        """Join segments of postings, and choose an automatic index anew if the knowledge base has grown."""
        self.writing().join_segments()
        with self._write().session() as db:
            made, chunks, built = db.rows("select choice, chunks, vectors from state")[0]
        named = next((spec for spec in self.specs if indexes.kind(spec) == "dense"), FIRST)
        if chunks and built != named:  # built of the first documents, which is faster than to grow by each of them
            self._built(named)
        if not made or chunks <= _GROWTH * json.loads(made)["chunks"]:
            return
        before = json.loads(made)["spec"]
        tried = vectors.recommended(chunks, self._identity.dim)
        if vectors.parsed(tried[0]).text.partition(":")[0] == before.partition(":")[0]:
            self._choose(_choice(chunks, before, json.loads(made)["recall"]))
            return
        for spec in tried:
            found = self._built(spec)
            if found >= LEAST_RECALL:
                self._choose(_choice(chunks, spec, found))
                return
        self._built(before)
        self._choose(_choice(chunks, before, 1.0))

    def _built(self, spec: str) -> float:
        """Put an index of vectors in the place of the one there is; return its measured recall."""
        wanted = vectors.parsed(spec)
        writer = self._write()
        with writer.transaction() as db:
            vectors.build(db, wanted, self._identity.dim, self._identity.metric)
            specs = db.one("select specs from state")
            specs = [wanted.text if indexes.kind(each) == "dense" else each for each in specs]
            db.execute("update state set vectors = %s, specs = %s, version = version + 1", (wanted.text, specs))
        if wanted.build is None:
            return 1.0
        with writer.session() as db, db.unlimited():
            db.execute("analyze chunks")
        return recall.of(self.index("dense", None), self.vectors, self.chunk_ids())

    def _choose(self, made: str) -> None:
        with self._write().transaction() as db:
            db.execute("update state set choice = %s", (made,))

    def reindex(self, specs: Sequence[str]) -> None:
        """See `KnowledgeBase.reindex`."""
        wanted = concrete(specs)
        had_terms = self._has("terms")
        writer = self._write()
        dense = next((spec for spec in wanted if indexes.kind(spec) == "dense"), FIRST)
        with writer.transaction() as db:
            if db.one("select vectors from state") != dense:
                vectors.build(db, vectors.parsed(dense), self._identity.dim, self._identity.metric)
            choice = _choice(0, FIRST, 1.0) if AUTO in specs else ""
            db.execute(
                "update state set specs = %s, vectors = %s, choice = %s, version = version + 1", (wanted, dense, choice)
            )
        if not self._has("terms"):
            with writer.transaction() as db:
                db.execute("truncate postings, segments, removed")
        elif not had_terms:
            self.writing().rebuild_segments()
        self.grow()

    def remove(self, wanted: Iterable[str], *, purged: bool, folders: bool) -> int:
        """See `KnowledgeBase.remove`."""
        is_wanted = named(wanted, folders=folders)
        if purged:  # cut short from here on, the next writer finishes it
            self.writing().keep_settings([(maintenance.DUE, "1")])
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
        """See `KnowledgeBase.purge`; the server's log and its replicas are the server's matter."""
        self.writing().keep_settings([(maintenance.DUE, "1")])
        if self._has("terms"):
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
            terms = self._analyser if self._has("terms") else None
            return verifying.verify(snapshot, self._identity, terms, self.index("dense", None))

    def repair(self) -> RepairReport:
        """See `KnowledgeBase.repair`."""
        return repairing.repair(self, self._write())

    def rebuild(self, spec: str) -> None:
        """Build an index anew."""
        if indexes.kind(spec) == "terms":
            self.writing().rebuild_segments()
        else:
            self._built(spec)

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
        return PostgresVectors(
            self._reader, vectors.parsed(found), self._identity.metric, self.chunk_ids, lambda: len(self.chunk_ids())
        )

    def dense(self) -> Any:  # noqa: ANN401 - of either granularity
        """See `KnowledgeBase.dense`."""
        index = self.index("dense", None)
        if self._identity.granularity == "chunk":
            return index
        sentences: Any = PostgresSentences(self._reader, self._identity.metric)
        return TwoGranularities(index, sentences, share=SHARES[self._identity.granularity])

    def allowed(self, where: Filter | None) -> IdSet | None:
        """See `KnowledgeBase.allowed`."""
        with self._reading() as snapshot:
            if where is None and not snapshot.state.hidden:
                return None
            key = (str(where or ""), snapshot.state.seq)
            with self._turn:
                if key in self._filters:
                    self._filters.move_to_end(key)
                    return self._filters[key]
            found = FilteredIds(reading.allowed_ids(snapshot.db, where), where)
            with self._turn:
                self._filters[key] = found
                while len(self._filters) > _FILTERS_KEPT:
                    self._filters.popitem(last=False)
            return found


def concrete(specs: Sequence[str]) -> list[str]:
    """Return the specs of indexes as a server has them, ``auto`` begun with exact search.

    Raises
    ------
    InvalidInput
        A server has none of that kind, two are of one kind, or there is none.
    """
    if isinstance(specs, str) or not specs:
        raise InvalidInput(f"indexes={specs!r}: give a list of specs, such as ['auto', 'bm25']")
    made = []
    for spec in specs:
        name = FIRST if spec == AUTO else spec
        made.append(checked(name, "PostgreSQL") if indexes.kind(name) == "terms" else vectors.parsed(name).text)
    kinds = [indexes.kind(each) for each in made]
    if len(set(kinds)) < len(kinds):
        raise InvalidInput(
            f"indexes={list(specs)}: in PostgreSQL a knowledge base has one index of vectors and one of terms"
        )
    return made


def _choice(chunks: int, spec: str, found: float) -> str:
    return json.dumps({"chunks": chunks, "spec": spec, "recall": round(found, 4)})
