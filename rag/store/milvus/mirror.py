"""The facts of a knowledge base in the reader's memory: SQLite's tables, without texts, vectors and postings.

Milvus joins nothing, and compares a number with a text in other ways than `rag.filters` says. So what filters ask for
lies in a database of this process, in tables as a folder has them, and the queries are a folder's own. It takes about
half a kilobyte a document and a hundred bytes a chunk.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import apsw

from ..database import Connection
from .client import MOST, Client, Row
from .packing import unpacked
from .schema import DOCUMENT, RECORDS, SETTINGS, SOURCE, TEXT, State

_TABLES = """
    create table meta (key text primary key, value any) strict, without rowid;
    create table sources (
        id integer primary key, name text not null unique, sha256 text not null, location text not null, modified real,
        stamp text not null, complete integer not null, produced integer not null, account text not null default '{}'
    ) strict;
    create table documents (
        id integer primary key, name text not null unique, source integer not null, title text not null,
        type text not null, modified real, digest text not null, metadata text not null, language text not null
    ) strict;
    create index documents_source on documents (source);
    create table chunks (
        id integer primary key, document integer not null, ordinal integer not null, start integer not null,
        "end" integer not null, page integer, last_page integer, row integer, heading text not null,
        terms integer not null
    ) strict;
    create index chunks_document on chunks (document, ordinal);
    create table changes (chunk integer not null, op integer not null) strict;
    create table records (
        id integer primary key, kind integer not null, owner integer not null, number integer not null
    ) strict;
    create index records_owner on records (kind, owner, number);
"""
SOURCE_FACTS = "name, sha256, location, modified, stamp, complete, produced, account"
DOCUMENT_FACTS = "name, source, title, type, modified, digest, metadata, language"
CHUNK_FACTS = 'id, ordinal, start, "end", page, last_page, row, heading, terms'
_FIELDS = ("kind", "owner", "number", "born", "data")
_SETTING = "setting:"


def empty() -> Connection:
    """Return a mirror of nothing."""
    db = apsw.Connection(":memory:")
    db.execute(_TABLES)
    return db


def copied(db: Connection) -> Connection:
    """Return a copy that changes on its own."""
    other = apsw.Connection(":memory:")
    with other.backup("main", db, "main") as backup:
        backup.step()
    return other


def loaded(client: Client, state: State) -> Connection:
    """Return the mirror of a state."""
    db = empty()
    test = f"kind < {TEXT} or kind == {SETTINGS}"
    rows = client.windows(RECORDS, f"({test}) and {state.seen}", _FIELDS, state.next_record)
    texts = client.windows(RECORDS, f"kind == {TEXT} and {state.seen}", _FIELDS[:3], state.next_record, step=16_000)
    with db:
        _put_records(db, rows)
        _note(db, texts)
    return db


def moved(client: Client, db: Connection, before: State, now: State) -> Connection:
    """Return the mirror of a newer state, made of the one before."""
    gone = f"died > {before.version} and died <= {now.version} and born <= {before.version} and kind <= {SETTINGS}"
    dead = client.query(RECORDS, gone, ["kind", "owner"]) if before.version >= now.purged else []
    if before.version < now.purged or len(dead) >= MOST:
        return loaded(client, now)
    made = copied(db)
    new = f"kind <= {SETTINGS} and born > {before.version} and {now.seen}"
    rows = list(client.windows(RECORDS, new, _FIELDS, now.next_record, start=before.next_record))
    with made:
        for row in dead:
            forget(made, row["kind"], row["owner"])
        _put_records(made, [row for row in rows if row["kind"] != TEXT])
        _note(made, [row for row in rows if row["kind"] == TEXT])
    return made


def forget(db: Connection, kind: int, owner: int) -> None:
    """Drop what a record says, and that it is there."""
    db.execute("delete from records where kind = ? and owner = ?", (kind, owner))
    if kind == SOURCE:
        db.execute("delete from sources where id = ?", (owner,))
    elif kind == DOCUMENT:
        db.execute("delete from chunks where document = ?", (owner,))
        db.execute("delete from documents where id = ?", (owner,))
    elif kind == SETTINGS:
        db.execute("delete from meta")


def held(db: Connection, kind: int, owner: int) -> list[int]:
    """Return the ids of the records of an owner, in the order of their parts."""
    query = "select id from records where kind = ? and owner = ? order by number, id"
    return [row[0] for row in db.execute(query, (kind, owner))]


def note(db: Connection, kind: int, owner: int, ids: Iterable[int]) -> None:
    """Keep the ids of the records of an owner, in the place of others."""
    db.execute("delete from records where kind = ? and owner = ?", (kind, owner))
    db.executemany("insert into records values (?, ?, ?, ?)", ((id_, kind, owner, n) for n, id_ in enumerate(ids)))


def _note(db: Connection, rows: Iterable[Row]) -> None:
    values = ((row["id"], row["kind"], row["owner"], row["number"]) for row in rows)
    db.executemany("insert into records values (?, ?, ?, ?)", values)


def _put_records(db: Connection, rows: Iterable[Row]) -> None:
    for kind, owner, parts in _whole(rows):
        db.executemany(
            "insert into records values (?, ?, ?, ?)", [(part["id"], kind, owner, part["number"]) for part in parts]
        )
        value = unpacked(part["data"] for part in parts)
        if kind == SOURCE:
            insert = f"insert into sources (id, {SOURCE_FACTS}) values ({_marks(9)})"  # noqa: S608 - from above
            db.execute(insert, (owner, *value))
        elif kind == DOCUMENT:
            facts, chunks = value
            insert = f"insert into documents (id, {DOCUMENT_FACTS}) values ({_marks(9)})"  # noqa: S608 - from above
            db.execute(insert, (owner, *facts))
            insert = f"insert into chunks (document, {CHUNK_FACTS}) values ({_marks(10)})"  # noqa: S608 - from above
            db.executemany(insert, ((owner, *chunk) for chunk in chunks))
        else:
            db.executemany("insert into meta values (?, ?)", ((_SETTING + name, text) for name, text in value.items()))


def _marks(n: int) -> str:
    return ", ".join("?" * n)


def _whole(rows: Iterable[Row]) -> Iterator[tuple[int, int, Sequence[Row]]]:
    """Yield records with all their parts; these have ids one after the other."""
    parts: defaultdict[tuple[int, int], list[Row]] = defaultdict(list)
    last: tuple[int, int] | None = None
    for row in rows:
        key = (row["kind"], row["owner"])
        if last is not None and key != last:
            yield *last, parts.pop(last)
        parts[key].append(row)
        last = key
    if last is not None:
        yield *last, parts.pop(last)


def source_value(db: Connection, owner: int) -> list[Any] | None:
    """Return what the record of a source says; None if it is gone."""
    row = db.execute(f"select {SOURCE_FACTS} from sources where id = ?", (owner,)).get  # noqa: S608 - from above
    return None if row is None else list(row)


def document_value(db: Connection, owner: int) -> list[Any] | None:
    """Return what the record of a document says; None if it is gone."""
    row = db.execute(f"select {DOCUMENT_FACTS} from documents where id = ?", (owner,)).get  # noqa: S608 - from above
    query = f"select {CHUNK_FACTS} from chunks where document = ? order by ordinal"  # noqa: S608 - from above
    return None if row is None else [list(row), [list(each) for each in db.execute(query, (owner,))]]


def settings_value(db: Connection) -> dict[str, str]:
    """Return what the record of the settings says."""
    return {name.removeprefix(_SETTING): value for name, value in db.execute("select key, value from meta")}
