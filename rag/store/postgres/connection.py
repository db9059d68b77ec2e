"""Connections to PostgreSQL: bounded in time, checked before they are trusted, lent one snapshot at a time."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import psycopg
from pgvector.psycopg import register_vector
from psycopg import conninfo, generators, pq
from psycopg.abc import PQGen

from ...errors import InvalidInput, StoreMismatch
from ..address import Address
from . import id_arrays
from .faults import faults

CONNECT_S = 10
STATEMENT_S = 60.0
"""Seconds that one statement may take before the connection is given up: a proxy that falls silent tells nothing."""
_IDLE_KEPT = 8

Row = tuple[Any, ...]


class Connection(psycopg.Connection[Row]):
    """A connection whose statements end within ``limit_s``; None for no limit."""

    limit_s: float | None = STATEMENT_S

    def wait(self, gen: PQGen[Any], interval: float = 0.1, timeout: float | None = None) -> Any:  # noqa: ANN401
        """See psycopg; a statement that gets no answer in time ends with the connection."""
        try:
            return super().wait(gen, interval, self.limit_s if timeout is None else timeout)
        except psycopg.errors._WaitTimeout:
            self.pgconn.finish()
            raise psycopg.OperationalError(f"the server gave no answer for {self.limit_s:g} s") from None

    def rows(self, query: str, values: Sequence[object] | None = None) -> list[Row]:
        """Return all rows of a query."""
        with self.cursor(binary=True) as cursor:
            return cursor.execute(query, values).fetchall()

    def one(self, query: str, values: Sequence[object] | None = None) -> Any:  # noqa: ANN401 - of any type
        """Return the first column of the first row; None without a row."""
        found = self.rows(query, values)
        return found[0][0] if found else None

    def leave(self) -> None:
        """End a transaction of reading without waiting for the answer, which `arrive` takes before the next one."""
        self.pgconn.send_query(b"rollback")
        self.wait(generators.send(self.pgconn))

    def arrive(self) -> None:
        """Take the answer to what was sent last."""
        for result in self.wait(generators.fetch_many(self.pgconn)):
            if result.status != pq.ExecStatus.COMMAND_OK:
                raise psycopg.OperationalError(result.get_error_message())

    @contextlib.contextmanager
    def unlimited(self) -> Iterator[None]:
        """Let statements take as long as they need: building an index, clearing bytes."""
        before, self.limit_s = self.limit_s, None
        try:
            yield
        finally:
            self.limit_s = before


def connect(place: Address, *, limit_s: float = STATEMENT_S) -> Connection:
    """Open a connection whose path finds the knowledge base's tables first.

    Raises
    ------
    StoreUnavailable
        No server answers there, or it lets nobody in by that name.
    StoreMismatch
        Something between here and the server shares its sessions, or the database is not in UTF-8.
    """
    with faults(place.shown):
        try:
            given = conninfo.conninfo_to_dict(place.server)
        except psycopg.ProgrammingError as error:
            raise InvalidInput(f"{place.shown} cannot be read: {error}") from None
        given.setdefault("connect_timeout", str(CONNECT_S))
        given.setdefault("application_name", f"rag {os.getpid()}@{socket.gethostname()}"[:63])
        given.setdefault("tcp_user_timeout", str(int(limit_s * 1000)))
        db = Connection.connect(autocommit=True, **given)  # type: ignore[arg-type]
        try:
            db.limit_s = limit_s
            _check(db, place)
        except BaseException:
            db.close()
            raise
        return db


def _check(db: Connection, place: Address) -> None:
    db.execute("select set_config('search_path', %s, false)", (f'"{place.schema}", public',))
    pid, encoding, has_vectors = db.rows(
        "select pg_backend_pid(), current_setting('server_encoding'), to_regtype('vector') is not null"
    )[0]
    if pid != db.info.backend_pid:
        raise StoreMismatch(
            f"{place.shown}: a pooler such as PgBouncer is between here and the server; locks and snapshots belong to "
            "a session, which it shares: connect to the server itself"
        )
    if encoding != "UTF8":
        raise StoreMismatch(f"{place.shown}: the database is in {encoding}; make one in UTF8")
    id_arrays.register(db)
    if has_vectors:
        register_vector(db)


@dataclass(frozen=True, slots=True)
class State:
    """The state of the knowledge base in one snapshot.

    Attributes
    ----------
    seq
        Number of the last change.
    version
        Grows when terms are stored in another arrangement.
    chunks, terms
        Chunks, and the terms of all of them, repeated ones included.
    hidden
        Whether sources are hidden.
    """

    seq: int
    version: int
    specs: tuple[str, ...]
    vectors: str
    chunks: int
    terms: int
    hidden: bool


_STATE = """select seq, version, specs, vectors, chunks, terms,
    exists (select 1 from settings where name >= 'hidden:' and name < 'hidden;') from state"""


def state_of(db: Connection) -> State:
    """Return the state."""
    return _state(db.rows(_STATE)[0])


def _state(row: Row) -> State:
    return State(row[0], row[1], tuple(row[2]), *row[3:])


@dataclass(eq=False)
class Snapshot:
    """One state, read by one connection, one thread at a time."""

    db: Connection
    state: State


class _View:
    """A snapshot that is taken when something is first read."""

    def __init__(self) -> None:
        self.turn = threading.RLock()
        self.snapshot: Snapshot | None = None
        self.over = False


_kept: ContextVar[tuple[tuple[object, _View], ...]] = ContextVar("_kept", default=())


class Snapshots:
    """Lends snapshots; connections are kept for the next one, and checked by taking it.

    A snapshot is a transaction that is held open as long as a search reads: it hinders the server's cleaning, so no
    reader keeps one between searches.
    """

    def __init__(self, place: Address, limit_s: float) -> None:
        self._place = place
        self._limit_s = limit_s
        self._idle: list[Connection] = []
        self._turn = threading.Lock()
        self._closed = False

    @contextlib.contextmanager
    def view(self) -> Iterator[None]:
        """Keep one snapshot for all that is read in the block, in threads too that it starts with its context."""
        if any(owner is self for owner, _ in _kept.get()):
            yield
            return
        view = _View()
        token = _kept.set((*_kept.get(), (self, view)))
        try:
            yield
        finally:
            _kept.reset(token)
            view.over = True
            if view.turn.acquire(blocking=False):  # else a thread that nobody waits for still reads: it ends the view
                try:
                    self._end(view)
                finally:
                    view.turn.release()

    @contextlib.contextmanager
    def reading(self) -> Iterator[Snapshot]:
        """Lend the view's snapshot to this thread, or one of its own."""
        view = next((view for owner, view in _kept.get() if owner is self), None) or _View()
        alone = not any(kept is view for _, kept in _kept.get())
        with view.turn, faults(self._place.shown):
            try:
                if view.snapshot is None:
                    view.snapshot = self._taken()
                yield view.snapshot
            finally:
                if alone or view.over:
                    self._end(view)

    def totals(self) -> State:
        """Return the state of the view's snapshot, without waiting for a thread that reads by it."""
        taken = next((view.snapshot for owner, view in _kept.get() if owner is self), None)
        if taken is not None:
            return taken.state
        with self.reading() as snapshot:
            return snapshot.state

    def close(self) -> None:
        """Close what is not lent; what is, closes when it comes back."""
        with self._turn:
            self._closed, idle, self._idle = True, self._idle, []
        for db in idle:
            db.close()

    def _taken(self) -> Snapshot:
        with self._turn:
            if self._closed:
                raise InvalidInput(f"the knowledge base {self._place.shown} is closed; open it again")
            known = self._idle.pop() if self._idle else None
        if known is not None:
            try:
                known.arrive()
                return _begun(known)
            except psycopg.Error:  # the server was restarted, or ended the session
                known.close()
        db = connect(self._place, limit_s=self._limit_s)
        try:
            return _begun(db)
        except BaseException:
            db.close()
            raise

    def _end(self, view: _View) -> None:
        snapshot, view.snapshot = view.snapshot, None
        if snapshot is None:
            return
        db = snapshot.db
        try:
            db.leave()
        except psycopg.Error:
            db.close()
            return
        with self._turn:
            if not self._closed and len(self._idle) < _IDLE_KEPT:
                self._idle.append(db)
                return
        db.close()


def _begun(db: Connection) -> Snapshot:
    with db.cursor() as cursor:
        cursor.execute("begin transaction isolation level repeatable read read only; " + _STATE)  # one trip
        cursor.nextset()
        return Snapshot(db, _state(cursor.fetchall()[0]))
