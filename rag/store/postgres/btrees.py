"""The trees by which PostgreSQL finds rows: checked where its extension amcheck is, built anew where they are damaged.

A tree that has lost an entry, by a faulty disk or by a C library that sorts otherwise than the one before it, hides
rows without an error.
"""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
from psycopg import sql

from ..records import Problem
from .connection import Connection

_ALLOWED = """select coalesce(
    has_function_privilege(to_regprocedure('bt_index_check(regclass, boolean)'), 'execute'), false)"""
_TREES = """select c.oid, c.relname
    from pg_index i join pg_class c on c.oid = i.indexrelid join pg_am a on a.oid = c.relam
    where a.amname = 'btree' and c.relnamespace = current_schema()::regnamespace order by c.relname"""


def problems(db: Connection) -> Iterator[Problem]:
    """Compare each tree with itself and with its table; nothing without amcheck."""
    if not db.one(_ALLOWED):
        return
    for oid, name in db.rows(_TREES):
        try:
            with db.unlimited(), db.transaction():
                db.execute("select bt_index_check(%s::oid::regclass, true)", (oid,))
        except (psycopg.errors.IndexCorrupted, psycopg.errors.DataCorrupted) as error:
            yield Problem(name, "damaged", 1, (), error.diag.message_primary or "")


def rebuild(db: Connection) -> tuple[str, ...]:
    """Build the damaged trees anew, inside the caller's transaction; return their names."""
    names = tuple(problem.file for problem in problems(db))
    for name in names:
        db.execute(sql.SQL("reindex index {}").format(sql.Identifier(name)))
    return names
