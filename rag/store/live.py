"""Indexes in memory: loaded from their generations, with all later changes applied."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np

import indexes
from indexes.errors import IndexError_

from ..errors import InvalidInput, StoreCorrupt, StoreMismatch
from ..terms import Analyser
from . import automatic_index, contents, generations, leftovers
from .automatic_index import Choice
from .contents import ChunkVectors
from .database import Connection, open_readable
from .generations import AnyIndex, Pointer
from .making import checked_specs
from .reading import one
from .session import GENERATIONS, Session

TAIL_SHARE = 0.10
TAIL_MIN = 256


@dataclass(slots=True)
class _Live:
    index: AnyIndex
    seq: int


class LiveIndexes:
    """All indexes of an open knowledge base, loaded on first use, one thread at a time.

    Parameters
    ----------
    session
        The open folder.
    analyser
        Gives the terms of a text, for indexes of terms; called on first use.
    """

    def __init__(self, session: Session, analyser: Callable[[], Analyser]) -> None:
        self._session = session
        self._analyser = analyser
        self._live: dict[str, _Live] = {}
        self._turn = threading.RLock()
        self.specs: tuple[str, ...] = session.identity.indexes

    @property
    def every(self) -> tuple[str, ...]:
        """Specs of all indexes, that of the sentences too."""
        return contents.every(self._session.identity, self.specs)

    def spec(self, family: str, wanted: str | None = None) -> str:
        """Return the spec to search by: the one wanted, or the first of its family."""
        for spec in self.specs:
            if indexes.kind(spec) == family and wanted in (None, spec, spec.partition(":")[0]):
                return spec
        what = f"index {wanted!r}" if wanted else f"index of {'vectors' if family == 'dense' else 'terms'}"
        raise InvalidInput(
            f"this knowledge base has no {what}, only {', '.join(self.specs)}; add one with `rag reindex`"
        )

    def get(self, spec: str) -> AnyIndex:
        """Return the index of a spec as of the session's view.

        Raises
        ------
        StoreCorrupt, StoreMismatch
            Its saved generation is damaged, or does not agree with the store; or another version saved it.
        """
        with self._turn, self._session.reading() as db:
            live = self._live.get(spec)
            seq = self._session.seq
            if live is not None and live.seq == seq:
                return live.index
            if live is None or self._is_cut(db, live.seq):
                live, seq = self._load(db, spec), self._session.seq
            self._live.pop(spec, None)  # if this fails, an index that is half caught up must not be searched
            self._catch_up(db, spec, live, seq)
            self._live[spec] = live
            return live.index

    def refresh(self) -> bool:
        """Move a reader's view to the newest commit; say whether anything has changed."""
        with self._turn, self._session.reading() as db:
            self._session.check_same()
            moved = self._session.refresh()
            self.specs = tuple(json.loads(db.execute("select value from meta where key = 'indexes'").get))
            self._live = {spec: live for spec, live in self._live.items() if spec in self.every}
            return moved

    @property
    def loaded(self) -> tuple[str, ...]:
        """Specs of the indexes that are in memory."""
        with self._turn:
            return tuple(self._live)

    def forget(self) -> None:
        """Drop the loaded indexes."""
        with self._turn:
            self._live.clear()

    def grow(self) -> None:
        """Save new generations as `cut` does; an automatic index is chosen anew if the knowledge base has grown."""
        with self._turn:
            with self._session.reading() as db:
                before = now = automatic_index.choice(db)
                if before is not None:
                    now, index = automatic_index.chosen(db, self._session.identity, before, self.get)
                    if index is not None:
                        self._live[now.spec] = _Live(index, self._session.seq)
            if before is None or now is None or now == before:
                self.cut()
            else:
                specs = tuple(now.spec if spec == before.spec else spec for spec in self.specs)
                self.cut(specs=specs, choice=now)

    def reindex(self, specs: Sequence[str]) -> None:
        """Make these the knowledge base's indexes; with ``auto``, the one that suits now, and others as it grows."""
        if automatic_index.AUTO not in specs:
            self.cut(specs=checked_specs(specs))
            return
        checked_specs(automatic_index.concrete(specs))
        with self._turn:
            with self._session.reading() as db:
                now, index = automatic_index.chosen(db, self._session.identity, Choice(), self.get)
                if index is not None:
                    self._live[now.spec] = _Live(index, self._session.seq)
            self.cut(specs=checked_specs(automatic_index.concrete(specs, now.spec)), choice=now)

    def cut(
        self, *, rebuild: Collection[str] = (), specs: tuple[str, ...] | None = None, choice: Choice | None = None
    ) -> list[str]:
        """Save new generations of the indexes whose tail has grown; return their specs.

        An index whose entries no longer resemble those that it learned from is built from the store again.
        ``rebuild`` names those to build from the store, whatever their tails. ``specs`` makes these the knowledge
        base's indexes in the same commit, the one of vectors by an automatic ``choice``, or by the caller's own.
        """
        with self._turn:
            wanted = self.specs if specs is None else specs
            every = contents.every(self._session.identity, wanted)
            with self._session.reading() as db:
                due = [spec for spec in every if spec in rebuild or self._is_due(db, spec)]
                seq = self._session.seq
                fresh = []
                for spec in due:
                    if spec in rebuild or self.get(spec).drifted:
                        self._live[spec] = _Live(contents.build(db, self._content(spec)), seq)
                    fresh.append(generations.save(self._session.folder, spec, self.get(spec), seq))
            if fresh or specs is not None:
                self._commit(fresh, wanted, chosen=specs is not None, choice=choice)
            self.specs = wanted
            self._live = {spec: live for spec, live in self._live.items() if spec in every}
            self.sweep()
            return due

    def sweep(self, *, damaged: bool = False) -> list[str]:
        """Delete what no search needs; return the names, see `leftovers.sweep`."""
        with self._session.reading() as db:
            return leftovers.sweep(self._session.folder, db, damaged=damaged)

    def _commit(self, fresh: list[Pointer], specs: tuple[str, ...], *, chosen: bool, choice: Choice | None) -> None:
        with self._session.writing() as db:
            if chosen:
                automatic_index.keep(db, choice)
            # What all indexes held before is not read any more, but by readers that lag by a whole generation: they
            # load the new one. Without this the log would grow with every ingest.
            least = min((pointer.seq for pointer in generations.pointers(db).values()), default=0)
            db.execute("delete from changes where seq <= ?", (least,))
            for pointer in fresh:
                generations.point(db, pointer)
            kept = json.dumps(contents.every(self._session.identity, specs))
            db.execute("delete from generations where spec not in (select value from json_each(?))", (kept,))
            db.execute("update meta set value = ? where key = 'indexes'", (json.dumps(specs),))

    def _is_due(self, db: Connection, spec: str) -> bool:
        pointer = generations.pointers(db).get(spec)
        if pointer is None:
            return True
        tail = one(db, "select count(*) from changes where seq > ? and op <> 0", pointer.seq)
        if self._content(spec).costly:
            return tail > 0
        return tail > max(TAIL_MIN, int(TAIL_SHARE * one(db, "select count(*) from chunks")))

    def _load(self, db: Connection, spec: str) -> _Live:
        pointer = generations.pointers(db).get(spec)
        if pointer is None:
            return _Live(contents.build(db, self._content(spec)), self._session.seq)
        try:
            return _Live(generations.load(self._session.folder, pointer), pointer.seq)
        except (StoreCorrupt, StoreMismatch):
            self._session.check_same()
            if not self._is_replaced(pointer):
                raise
        # A writer has cut a new generation since this view was taken, and deleted the old one.
        if not self._live:  # nothing was searched in this view: take a newer one
            self.refresh()
            return self._load(db, spec)
        return _Live(contents.build(db, self._content(spec)), self._session.seq)

    def _is_replaced(self, pointer: Pointer) -> bool:
        """Say whether the newest state of the store has another generation in this one's place."""
        with contextlib.closing(open_readable(self._session.path)) as newest:
            return generations.pointers(newest).get(pointer.spec) != pointer

    def _content(self, spec: str) -> ChunkVectors:
        return contents.content(self._session.identity, spec, self._analyser)

    @staticmethod
    def _is_cut(db: Connection, seq: int) -> bool:
        """Say whether the log of changes after ``seq`` is gone: ``purge`` drops what all saved indexes cover."""
        last, first = db.execute(
            "select (select seq from sqlite_sequence where name = 'changes'), (select min(seq) from changes)"
        ).get
        return seq < (last or 0) and (first is None or first > seq + 1)

    def _catch_up(self, db: Connection, spec: str, live: _Live, seq: int) -> None:
        """Fold the changes after ``live.seq`` into the index."""
        last: dict[int, int] = {}
        first: dict[int, int] = {}
        for chunk, op in db.execute(
            "select chunk, op from changes where seq > ? and op <> 0 order by seq", (live.seq,)
        ):
            first.setdefault(chunk, op)
            last[chunk] = op
        # Ids are never used twice: added and removed since means that the index never saw it.
        gone = np.array([c for c, op in last.items() if op < 0 and first[c] < 0], np.int64)
        new = np.array(sorted(c for c, op in last.items() if op > 0), np.int64)
        what = self._content(spec)
        try:
            live.index.remove(what.held(live.index, gone))
            for items, ids in contents.blocks(db, what, new, contents.BLOCK):
                live.index.add(items, ids)
        except (IndexError_, InvalidInput) as error:
            raise self._disagrees(spec, str(error)) from error
        live.seq = seq
        count = contents.count(db, what)
        if len(live.index) != count:
            raise self._disagrees(spec, f"it holds {len(live.index)} entries, the store has {count}")

    def _disagrees(self, spec: str, cause: str) -> StoreCorrupt:
        text = f"{GENERATIONS}: the index {spec} does not agree with the store: {cause}"
        return StoreCorrupt(f"{text}; `rag verify` lists the differences, `rag repair` rebuilds it from the store")
