"""Writing into a knowledge base in Milvus: one writer, whose commits are made by their last row."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

import indexes

from ...terms import Analyser
from .. import postings_search, reading, settings
from ..document_rows import drop_source
from ..hiding import HIDDEN, hidden
from ..identity import Identity
from ..records import SourceInfo
from ..source_choice import named
from ..writing import DocumentWriter, Embedded, PartByPart, Step, StoredSource, source_facts
from . import mirror, postings, reading as contents, schema
from .client import Client
from .lock import WriterLock
from .rows import MilvusRows, rows_of_keys
from .schema import CHUNKS, SENTENCES, Segment, State
from .snapshots import Snapshot

T = TypeVar("T")
_REBUILT = 20_000
"""Chunks of a segment that is built from texts."""


class Writer:
    """The one writer; threads may share it. It sees its own commits.

    A commit is all of its rows, which nobody sees yet, and then one row more that says so. The mirror changes in a
    transaction of SQLite, which ends after that row is written.
    """

    def __init__(self, client: Client, lock: WriterLock, identity: Identity) -> None:
        self.client = client
        self._lock = lock
        self._identity = identity
        self._turn = threading.RLock()
        self._cut_off = True  # the last writer may have been
        state = schema.newest(client)
        self._snapshot = Snapshot(client, state, mirror.loaded(client, state))

    @property
    def state(self) -> State:
        """The last commit."""
        return self._snapshot.state

    def totals(self) -> State:
        """Return the last commit."""
        return self.state

    @contextlib.contextmanager
    def reading(self) -> Iterator[Snapshot]:
        """Lend what the last commit has made, for reading."""
        self.client.check()
        with self._turn:
            yield self._snapshot

    def change(
        self,
        work: Callable[[MilvusRows], T],
        analyser: Callable[[], Analyser] | None = None,
        *,
        changed: Callable[[T], bool] = lambda _: False,
    ) -> T:
        """Commit what a function does to the rows durably, or nothing of it."""
        with self._turn:
            self.client.check()
            self._clear()
            before, db = self._snapshot.state, self._snapshot.mirror
            db.execute("begin")
            try:
                db.execute("delete from changes")
                rows = MilvusRows(self.client, db, before, self._identity, analyser)
                db.set_update_hook(rows.changed.note)
                try:
                    result = work(rows)
                finally:
                    db.set_update_hook(None)
                self._cut_off = True
                now = rows.ship(changed=changed(result))
                if now is not None:
                    schema.commit(self.client, now)
                db.execute("commit")
                self._cut_off = False
            except BaseException:
                db.execute("rollback")
                raise
            if now is not None:
                self._snapshot = Snapshot(self.client, now, db)
            return result

    @contextlib.contextmanager
    def alone(self) -> Iterator[Snapshot]:
        """Keep other threads out, and clear what was cut off."""
        with self._turn:
            self.client.check()
            self._clear()
            yield self._snapshot

    def close(self) -> None:
        """Close it, which frees the lock; may be called twice."""
        self._lock.release()

    def _clear(self) -> None:
        if self._cut_off:
            now = schema.newest(self.client)
            if now.version != self._snapshot.state.version:  # it was made, and only the answer to that was lost
                self._snapshot = Snapshot(self.client, now, mirror.loaded(self.client, now))
            schema.clear_leftovers(self.client, self._snapshot.state, self._identity)
            self._cut_off = False


class MilvusWriting(PartByPart):
    """See `rag.store.protocol.Writing`."""

    def __init__(
        self, writer: Writer, identity: Identity, analyser: Callable[[], Analyser], has_terms: Callable[[], bool]
    ) -> None:
        self._writer = writer
        self._identity = identity
        self._analyser = analyser
        self._has_terms = has_terms

    @property
    def identity(self) -> Identity:
        """What the knowledge base was made with."""
        return self._identity

    def sources(self) -> dict[str, SourceInfo]:
        """Return all sources by name."""
        with self._writer.reading() as snapshot, snapshot.facts() as db:
            return reading.sources(db)

    def digest(self, document: str) -> str | None:
        """Return the digest of a document; None where there is none of that id."""
        with self._writer.reading() as snapshot, snapshot.facts() as db:
            return reading.digests(db, [document]).get(document)

    def known(self, keys: Sequence[bytes]) -> set[bytes]:
        """Return those of the keys that have an embedding."""
        found: set[bytes] = set()
        with self._writer.alone() as snapshot:
            for name in (CHUNKS, *([SENTENCES] if self._identity.has_sentences else [])):
                rows = rows_of_keys(snapshot.client, name, keys, ["key"])
                found |= {bytes.fromhex(row["key"]) for row in rows}
        return found

    def apply(self, writer: DocumentWriter, steps: Sequence[Step], embedded: Embedded) -> list[str]:
        """Write a batch in one durable commit; return the ids of its documents that are stored now."""
        analyser = self._analyser if self._has_terms() else None
        return self._writer.change(lambda rows: writer.apply(rows, steps, embedded), analyser)

    def close_sources(self, sources: Mapping[str, SourceInfo]) -> None:
        """Set what is known of sources, by name, in one commit."""

        def work(rows: MilvusRows) -> None:
            for name, info in sources.items():
                found = rows.source(name)
                if found is not None:
                    now = StoredSource(found.row, *source_facts(name, info)[:7])
                    if now != found:
                        rows.close_source(now)

        self._writer.change(work)

    def setting(self, name: str) -> str | None:
        """Return a text that is kept, if there is one."""
        with self._writer.reading() as snapshot, snapshot.facts() as db:
            return settings.setting(db, name)

    def keep_settings(self, given: Iterable[tuple[str, str | None]]) -> None:
        """Keep texts in one commit; None deletes one."""

        def work(rows: MilvusRows) -> None:
            for name, value in given:
                settings.keep_setting(rows.facts, name, value)

        self._writer.change(work)

    def drop_sources(self, goes: Callable[[str, str], bool]) -> int:
        """Remove the sources of which a function of name and location says so; return how many documents went."""
        gone = [name for name, info in self.sources().items() if goes(name, info.location)]

        def work(rows: MilvusRows) -> int:
            found = [rows.source(name) for name in gone]
            return sum(drop_source(rows.facts, each.row) for each in found if each is not None)

        return self._writer.change(work, changed=lambda _: True) if gone else 0

    def set_hidden(self, wanted: Iterable[str], *, to: bool) -> int:
        """See `KnowledgeBase.hide`."""
        is_wanted = named(wanted)
        names = [name for name in self.sources() if is_wanted(name)]

        def work(rows: MilvusRows) -> list[str]:
            before = frozenset(hidden(rows.facts))
            changed = [name for name in names if (name in before) is not to]
            for name in changed:
                settings.keep_setting(rows.facts, HIDDEN + name, "1" if to else None)
            return changed

        self._writer.change(work, changed=bool)
        return len(names)

    # ---- postings -------------------------------------------------------------------------------------------------

    def join_segments(self) -> None:
        """Make few segments of many, until none are due."""
        while True:
            segments = self._writer.state.segments
            due = set(postings_search.due([(each.id, each.postings) for each in segments]))
            if not due:
                return
            self._join([each for each in segments if each.id in due])

    def rewrite_segments(self) -> None:
        """Write one segment of all that is there now."""
        if self._writer.state.segments:
            self._join(self._writer.state.segments)

    def _join(self, segments: Sequence[Segment]) -> None:
        def work(rows: MilvusRows) -> None:
            with self._writer.reading() as snapshot:
                end = snapshot.state.next_record
                rows.new_terms.append(list(postings.joined(snapshot.client, segments, snapshot.alive, end).items()))
            rows.old_segments = segments

        self._writer.change(work)

    def rearrange(self, specs: tuple[str, ...], *, automatic: bool) -> None:
        """Analyse all chunks anew, if there is an index of terms among these, and commit both."""

        def work(rows: MilvusRows) -> None:
            rows.new_state = {"specs": specs, "automatic": automatic}
            with self._writer.reading() as snapshot:
                rows.old_segments = snapshot.state.segments
                if not any(indexes.kind(spec) == "terms" for spec in specs):
                    return
                for start in range(0, len(snapshot.ids), _REBUILT):
                    block = snapshot.ids[start : start + _REBUILT].tolist()
                    bags = self._analyser().terms_many(contents.terms_texts(snapshot, block))
                    rows.recount([(chunk, len(bag)) for chunk, bag in zip(block, bags, strict=True)])
                    rows.new_terms.append(list(postings_search.grouped(block, bags)))

        self._writer.change(work)
