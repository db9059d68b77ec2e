"""The writer's lock: held by the server for a session, which frees it when the session ends."""

from __future__ import annotations

import contextlib
import hashlib
import time

import psycopg

from ...errors import StoreLocked
from ..address import Address
from .connection import Connection

_POLL_S = 0.05


def number_of(place: Address) -> int:
    """Return the number of the lock of a knowledge base; it counts within the database."""
    return int.from_bytes(hashlib.sha256(place.schema.encode()).digest()[:8], "big", signed=True)


def acquire(db: Connection, place: Address, wait: float) -> None:
    """Take the lock for this session, waiting up to ``wait`` seconds.

    Raises
    ------
    StoreLocked
        Another writer holds it; names its process and host.
    """
    until = time.monotonic() + wait
    while not db.one("select pg_try_advisory_lock(%s)", (number_of(place),)):
        if time.monotonic() >= until:
            raise StoreLocked(
                f"{place.shown} is being written to by {_holder(db, place)}; wait for it with --wait SECONDS"
            )
        time.sleep(_POLL_S)


def close(db: Connection) -> None:
    """Close a writer's session, and free its lock before: the server ends a session only a moment after its client.

    A writer that came next would be refused in that moment.
    """
    if not db.closed and not db.lock.locked():  # else another thread is in a statement, which closing ends
        with contextlib.suppress(psycopg.Error):
            db.rows("select pg_advisory_unlock_all()")
    db.close()


def _holder(db: Connection, place: Address) -> str:
    number = number_of(place) & (1 << 64) - 1
    query = """select a.application_name, a.client_addr::text from pg_locks l join pg_stat_activity a on a.pid = l.pid
               where l.locktype = 'advisory' and l.granted and l.classid = %s and l.objid = %s
               and l.database = (select oid from pg_database where datname = current_database())"""
    found = db.rows(query, (number >> 32, number & 0xFFFFFFFF))
    return f"{found[0][0]}" + (f" ({found[0][1]})" if found[0][1] else "") if found else "another process"
