"""The indexes in memory: loaded from their generations, with the changes since folded in."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import indexes
from indexes.errors import IndexError_

from ..errors import InvalidInput, StoreCorrupt
from ..terms import Analyser
from . import generations, reading
from .database import Connection, open_readable
from .generations import AnyIndex, Pointer
from .reading import one
from .session import GENERATIONS, Session

BLOCK = 4096  # chunks folded in at once: bounds the memory of building
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
        StoreCorrupt
            Its saved generation is damaged, or does not agree with the store.
        """
        with self._turn, self._session.reading() as db:
            live = self._live.get(spec)
            seq = self._session.seq
            if live is not None and live.seq == seq:
                return live.index
            if live is None or self._is_cut(db, live.seq):
                live, seq = self._load(db, spec), self._session.seq
            self._live.pop(spec, None)  # whatever fails now, half of it must not be searched
            self._catch_up(db, spec, live, seq)
            self._live[spec] = live
            return live.index

    def refresh(self) -> bool:
        """Move a reader's view to the newest commit; say whether anything has changed."""
        with self._turn, self._session.reading() as db:
            moved = self._session.refresh()
            self.specs = tuple(json.loads(db.execute("select value from meta where key = 'indexes'").get))
            self._live = {spec: live for spec, live in self._live.items() if spec in self.specs}
            return moved

    def forget(self) -> None:
        """Drop what is loaded."""
        with self._turn:
            self._live.clear()

    def cut(self, *, rebuild: Collection[str] = (), specs: tuple[str, ...] | None = None) -> list[str]:
        """Save new generations of the indexes whose tail has grown; return their specs.

        ``rebuild`` names those to build from the store, whatever their tails. ``specs`` makes these the knowledge
        base's indexes in the same commit.
        """
        with self._turn:
            wanted = self.specs if specs is None else specs
            with self._session.reading() as db:
                due = [spec for spec in wanted if spec in rebuild or self._is_due(db, spec)]
                seq = self._session.seq
                fresh = []
                for spec in due:
                    if spec in rebuild:
                        self._live[spec] = _Live(self._build(db, spec), seq)
                    fresh.append(generations.save(self._session.folder, spec, self.get(spec), seq))
            if fresh or specs is not None:
                self._commit(fresh, wanted)
            self.specs = wanted
            self._live = {spec: live for spec, live in self._live.items() if spec in wanted}
            self.sweep()
            return due

    def sweep(self) -> list[str]:
        """Delete replaced generations and what a killed writer left; return their names."""
        with self._session.reading() as db:
            return generations.sweep(self._session.folder, generations.pointers(db))

    def _commit(self, fresh: list[Pointer], specs: tuple[str, ...]) -> None:
        with self._session.writing() as db:
            for pointer in fresh:
                generations.point(db, pointer)
            db.execute(
                "delete from generations where spec not in (select value from json_each(?))", (json.dumps(specs),)
            )
            db.execute("update meta set value = ? where key = 'indexes'", (json.dumps(specs),))

    def _is_due(self, db: Connection, spec: str) -> bool:
        pointer = generations.pointers(db).get(spec)
        if pointer is None:
            return True
        tail = one(db, "select count(*) from changes where seq > ? and op <> 0", pointer.seq)
        return tail > max(TAIL_MIN, int(TAIL_SHARE * one(db, "select count(*) from chunks")))

    def _load(self, db: Connection, spec: str) -> _Live:
        pointer = generations.pointers(db).get(spec)
        if pointer is None:
            return _Live(self._build(db, spec), self._session.seq)
        try:
            return _Live(generations.load(self._session.folder, pointer), pointer.seq)
        except StoreCorrupt:
            if not self._is_replaced(pointer):
                raise
        # A writer has cut a new generation since this view was taken, and deleted the old one.
        if not self._live:  # nothing was searched in this view: take a newer one
            self.refresh()
            return self._load(db, spec)
        return _Live(self._build(db, spec), self._session.seq)

    def _is_replaced(self, pointer: Pointer) -> bool:
        """Say whether the newest state of the store has another generation in this one's place."""
        with contextlib.closing(open_readable(self._session.path)) as newest:
            return generations.pointers(newest).get(pointer.spec) != pointer

    def _build(self, db: Connection, spec: str) -> AnyIndex:
        """Build an index of all chunks."""
        identity = self._session.identity
        dense = indexes.kind(spec) == "dense"
        index: AnyIndex = indexes.dense(spec, identity.dim, metric=identity.metric) if dense else indexes.terms(spec)
        ids = np.fromiter((row[0] for row in db.execute("select id from chunks order by id")), np.int64)
        # Engines that learn from the data (centroids, codes) must see all of it at once.
        streams = index.traits.exact and index.traits.exhaustive and index.traits.add == "native"
        blocks = self._blocks(db, ids, dense=dense, size=BLOCK if streams else len(ids))
        items, block = next(blocks, (np.zeros((0, identity.dim), np.float32) if dense else [], ids[:0]))
        index.build(items, block)
        for items, block in blocks:
            index.add(items, block)
        index.optimize()
        return index

    def _blocks(
        self, db: Connection, ids: NDArray[np.int64], *, dense: bool, size: int
    ) -> Iterator[tuple[Any, NDArray[np.int64]]]:
        for start in range(0, len(ids), max(size, 1)):
            block = ids[start : start + size]
            if dense:
                yield reading.vectors(db, block, self._session.identity.dim), block
            else:
                yield self._analyser().terms_many(reading.terms_texts(db, block)), block

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
        try:
            live.index.remove(gone)
            for items, block in self._blocks(db, new, dense=indexes.kind(spec) == "dense", size=BLOCK):
                live.index.add(items, block)
        except (IndexError_, InvalidInput) as error:
            raise self._disagrees(spec, str(error)) from error
        live.seq = seq
        count = one(db, "select count(*) from chunks")
        if len(live.index) != count:
            raise self._disagrees(spec, f"it holds {len(live.index)} chunks, the store {count}")

    def _disagrees(self, spec: str, cause: str) -> StoreCorrupt:
        text = f"{GENERATIONS}: the index {spec} does not agree with the store: {cause}"
        return StoreCorrupt(f"{text}; `rag verify` lists the differences, `rag repair` rebuilds it from the store")
