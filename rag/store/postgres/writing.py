"""Writing into a knowledge base in PostgreSQL: one session that holds the lock, one transaction a batch."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import chain

import psycopg

from ...errors import InvalidInput, StoreUnavailable
from ...terms import Analyser
from ..address import Address
from ..copied_terms import CopiedTerms
from ..identity import Identity
from ..postings_search import due
from ..records import SourceInfo
from ..source_choice import named
from ..writing import DocumentWriter, Embedded, Part, Step, StoredSource, source_facts
from . import bag_texts, hash_building, hashes, lock, postings, reading, textsearch
from .connection import Connection, Snapshot, State, state_of
from .copy_rows import copied
from .faults import faults
from .hashing import Hashing
from .known import Known
from .rows import PostgresRows, name_key
from .segments import new_segment

_SOURCES_A_COMMIT = 256


class Writer:
    """The one session that writes; threads may share it.

    It sees its own commits. Where the connection is lost, the lock is lost too: another writer may have taken it.
    """

    def __init__(self, db: Connection, place: Address) -> None:
        self._db = db
        self._place = place
        self._turn = threading.RLock()

    @contextlib.contextmanager
    def reading(self) -> Iterator[Snapshot]:
        """Lend the session to this thread, for reading."""
        with self._turn, faults(self._place.shown):
            self._check()
            yield Snapshot(self._db, state_of(self._db))

    def totals(self) -> State:
        """Return the state."""
        with self.reading() as snapshot:
            return snapshot.state

    @contextlib.contextmanager
    def session(self) -> Iterator[Connection]:
        """Lend the session to this thread."""
        with self._turn, faults(self._place.shown):
            self._check()
            yield self._db

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Commit all changes of the block durably, or none of them."""
        with self.session() as db:
            db.execute("begin")
            try:
                yield db
                db.execute("commit")
            except BaseException:
                with contextlib.suppress(psycopg.Error):
                    if not db.closed:
                        db.execute("rollback")
                raise

    def close(self) -> None:
        """Close it, which frees the lock; may be called twice."""
        lock.close(self._db)

    def _check(self) -> None:
        if self._db.closed and not self._db.broken:
            raise InvalidInput(f"the knowledge base {self._place.shown} is closed; open it again")
        if self._db.broken:
            raise StoreUnavailable(
                f"the connection to {self._place.shown} is lost, and with it the writer's lock: open it again. What "
                "was acknowledged is kept; adding the same documents again costs nothing"
            )


class PostgresWriting:
    """See `rag.store.protocol.Writing`."""

    def __init__(
        self, writer: Writer, identity: Identity, analyser: Callable[[], Analyser], spec: Callable[[], str | None]
    ) -> None:
        self._writer = writer
        self._identity = identity
        self._analyser = analyser
        self._spec = spec
        self._known: Known | None = None
        self._hashing: Hashing | None = None

    @property
    def identity(self) -> Identity:
        """What the knowledge base was made with."""
        return self._identity

    def rows(self, db: Connection, terms: Callable[[], CopiedTerms | None] = lambda: None) -> PostgresRows:
        """Return the rows to change in a transaction."""
        made = db.one("select made from hashing")
        if made is None or self._hashing is None or self._hashing.made != made:
            self._hashing = None if made is None else hashes.hashing(db)
        spec = self._spec()
        by_server = spec is not None and textsearch.parsed(spec) is not None
        analyser = None if spec is None else self._analyser
        return PostgresRows(db, self._identity, analyser, self._hashing, terms, by_server=by_server)

    def sources(self) -> dict[str, SourceInfo]:
        """Return all sources by name."""
        with self._writer.session() as db:
            return reading.sources(db)

    def digest(self, document: str) -> str | None:
        """Return the digest of a document; None where there is none of that id."""
        with self._writer.session() as db:
            return self._knowing(db).digest(db, document)

    def known(self, keys: Sequence[bytes]) -> set[bytes]:
        """Return those of the keys that have an embedding."""
        with self._writer.session() as db:
            return self._knowing(db).among(db, keys)

    def _knowing(self, db: Connection) -> Known:
        if self._known is None:
            self._known = Known(db)
        return self._known

    def apply(self, writer: DocumentWriter, steps: Sequence[Step], embedded: Embedded) -> list[str]:
        """Write a batch in one durable commit; return the ids of its documents that are stored now."""
        with self._writer.transaction() as db:
            rows = self.rows(db)
            before = writer.report.removed
            stored = writer.apply(rows, steps, embedded)
            rows.finish()
        if self._known is not None:
            self._known.learn(steps, embedded, stored, removed=writer.report.removed > before)
        return stored

    def apply_all(
        self, writer: DocumentWriter, parts: Iterator[Part], terms: Callable[[], CopiedTerms | None], most: int
    ) -> Iterator[None]:
        """See `rag.store.protocol.Writing`: large commits, since each of them makes a segment of postings."""
        found, self._known = cache(terms), None
        for first in parts:
            with self._writer.transaction() as db:
                rows, written = self.rows(db, found), 0
                for steps, embedded in chain([first], parts):
                    writer.apply(rows, steps, embedded)
                    written += rows.flush()
                    if written >= most:
                        break
                rows.finish()
            yield

    def close_sources(self, sources: Mapping[str, SourceInfo]) -> None:
        """Set what is known of sources, by name, in one commit."""
        with self._writer.transaction() as db:
            rows = self.rows(db)
            rows.read_sources([name_key(name) for name in sources])
            for name, info in sources.items():
                found = rows.source(name)
                if found is not None and found != (now := StoredSource(found.row, *source_facts(name, info)[:7])):
                    rows.close_source(now)
            rows.finish()

    def setting(self, name: str) -> str | None:
        """Return a text that is kept, if there is one."""
        with self._writer.session() as db:
            return reading.setting(db, name)

    def keep_settings(self, settings: Iterable[tuple[str, str | None]]) -> None:
        """Keep texts in one commit; None deletes one."""
        with self._writer.transaction() as db:
            for name, value in settings:
                reading.keep_setting(db, name, value)

    def drop_sources(self, goes: Callable[[str, str], bool]) -> int:
        """Remove the sources of which a function of name and location says so; return how many documents went."""
        gone = [name for name, info in self.sources().items() if goes(name, info.location)]
        documents = 0
        for start in range(0, len(gone), _SOURCES_A_COMMIT):
            names = gone[start : start + _SOURCES_A_COMMIT]
            keys = [name_key(name) for name in names]
            with self._writer.transaction() as db:
                rows = self.rows(db)
                rows.read_sources(keys)
                for name in names:
                    found = rows.source(name)
                    for document in rows.held(found.row) if found else ():
                        rows.drop(document)
                        documents += 1
                rows.finish(changed=True)
                db.execute("delete from sources where key = any(%s)", (keys,))
                for name in names:
                    reading.keep_setting(db, f"hidden:{name}", None)
        return documents

    def set_hidden(self, wanted: Iterable[str], *, to: bool) -> int:
        """See `KnowledgeBase.hide`."""
        is_wanted = named(wanted)
        names = [name for name in self.sources() if is_wanted(name)]
        with self._writer.transaction() as db:
            before = {name for name in names if reading.setting(db, f"hidden:{name}") is not None}
            changed = [name for name in names if (name in before) is not to]
            for name in changed:
                reading.keep_setting(db, f"hidden:{name}", "1" if to else None)
            if changed:
                db.execute("update state set seq = seq + 1")
        return len(names)

    def join_segments(self) -> None:
        """Make few segments of many, until none are due."""
        with self._writer.transaction() as db, db.unlimited():
            while hashes.join(db):
                pass
        while True:
            with self._writer.transaction() as db:
                segments = due(postings.segments(db))
                if not segments:
                    return
                with db.unlimited():
                    postings.join(db, segments, new_segment(db))

    def rewrite_segments(self) -> None:
        """Write one segment of the postings that are there now, and hashes without those of removed chunks."""
        with self._writer.transaction() as db, db.unlimited():
            hash_building.prune(db)
            if postings.segments(db):
                postings.rewrite(db, new_segment(db))
            else:
                db.execute("delete from removed")

    def rebuild_segments(self) -> None:
        """Analyse all chunks anew."""
        own = textsearch.parsed(self._spec() or "")
        with self._writer.transaction() as db, db.unlimited():
            hash_building.prune(db)
            forget_terms(db)
            total = 0
            ids = reading.chunk_ids(db)
            for start in range(0, len(ids), postings.REBUILT):
                block = ids[start : start + postings.REBUILT].tolist()
                texts = reading.terms_texts(db, block)
                bags = self._analyser().terms_many(texts)
                lengths = [len(bag) for bag in bags]
                if own is None:
                    segment = new_segment(db)
                    postings.written(db, segment, postings.of_chunks(segment, block, bags))
                else:
                    bag_texts.write(db, block, bags)
                total += sum(lengths)
                db.execute("create temp table if not exists lengths (chunk bigint, terms int) on commit delete rows")
                copied(db, "lengths (chunk, terms)", "int8 int4", zip(block, lengths, strict=True))
            db.execute("update chunks c set terms = l.terms from lengths l where l.chunk = c.id and c.terms <> l.terms")
            db.execute("update state set chunks = %s, terms = %s", (len(ids), total))
            if own is not None:
                textsearch.build(db, own)
        self.join_segments()


def forget_terms(db: Connection) -> None:
    """Remove the terms of all chunks, inside the caller's transaction."""
    db.execute("truncate postings, segments, removed")
    textsearch.drop(db)
