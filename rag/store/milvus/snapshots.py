"""Snapshots: one state of the knowledge base with its mirror, lent to threads."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .. import reading
from ..database import Connection
from . import mirror, schema
from .client import Client
from .schema import State

Ids = NDArray[np.int64]


@dataclass(eq=False)
class Snapshot:
    """One state; threads may share it."""

    client: Client
    state: State
    mirror: Connection
    turn: threading.RLock = field(default_factory=threading.RLock)

    @contextlib.contextmanager
    def facts(self) -> Iterator[Connection]:
        """Lend the mirror to one thread."""
        with self.turn:
            yield self.mirror

    @cached_property
    def ids(self) -> Ids:
        """The ids of all chunks: ascending."""
        with self.facts() as db:
            found = reading.chunk_ids(db)
        found.flags.writeable = False
        return found

    @cached_property
    def alive(self) -> NDArray[np.bool_]:
        """Whether there is a chunk of an id."""
        found = np.zeros(self.state.next_chunk, bool)
        found[self.ids] = True
        return found


_kept: ContextVar[tuple[tuple[object, Snapshot], ...]] = ContextVar("_kept", default=())


class Snapshots:
    """Lends the newest snapshot, or that of a view."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._turn = threading.Lock()
        self._newest: Snapshot | None = None

    @contextlib.contextmanager
    def view(self) -> Iterator[None]:
        """Keep one snapshot for all that is read in the block, in threads too that it starts with its context."""
        if any(owner is self for owner, _ in _kept.get()):
            yield
            return
        token = _kept.set((*_kept.get(), (self, self._taken())))
        try:
            yield
        finally:
            _kept.reset(token)

    @contextlib.contextmanager
    def reading(self) -> Iterator[Snapshot]:
        """Lend the view's snapshot to this thread, or the newest."""
        self._client.check()
        yield next((kept for owner, kept in _kept.get() if owner is self), None) or self._taken()

    def totals(self) -> State:
        """Return the state of what `reading` would lend."""
        with self.reading() as snapshot:
            return snapshot.state

    def _taken(self) -> Snapshot:
        self._client.check()
        with self._turn:
            now, before = schema.newest(self._client), self._newest
            if before is None:
                self._newest = Snapshot(self._client, now, mirror.loaded(self._client, now))
            elif now.version != before.state.version:
                with before.facts() as db:
                    made = mirror.moved(self._client, db, before.state, now)
                self._newest = Snapshot(self._client, now, made)
            found = self._newest
            assert found is not None  # noqa: S101 - tells mypy
            return found
