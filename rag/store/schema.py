"""Tables of the database, as numbered migrations; new ones are only ever appended."""

from __future__ import annotations

from pathlib import Path

from ..errors import StoreMismatch
from .database import Connection, transaction
from .faults import damaged

MIGRATIONS: tuple[str, ...] = (
    """
    create table meta (key text primary key, value any) strict, without rowid;
    create table sources (
        id integer primary key,
        name text not null unique,
        sha256 text not null,
        location text not null,
        modified real,
        stamp text not null,           -- the loader's own mark: equal mark and sha256 need no reading again
        complete integer not null,
        produced integer not null      -- documents when it was last completed
    ) strict;
    create table documents (
        id integer primary key,
        name text not null unique,
        source integer not null references sources on delete cascade,
        title text not null,
        type text not null,
        modified real,
        digest text not null,
        metadata text not null,
        sections text not null,
        text text not null             -- last: the columns before it are read without it
    ) strict;
    create index documents_source on documents (source);
    create table embeddings (
        id integer primary key,
        key blob not null unique,      -- SHA-256 of the embedder's identity and the embedded text
        vector blob not null           -- float32, little endian, or float16: see blobs.py
    ) strict;
    create table chunks (
        id integer primary key autoincrement,   -- never used twice: indexes and their logs rely on it
        document integer not null references documents on delete cascade,
        ordinal integer not null,
        start integer not null,
        "end" integer not null,
        page integer,
        heading text not null,
        embedding integer not null references embeddings,
        text text not null
    ) strict;
    create index chunks_document on chunks (document, ordinal);
    create index chunks_embedding on chunks (embedding);
    create table changes (
        seq integer primary key autoincrement,
        chunk integer not null,
        op integer not null            -- 1 added, -1 removed, 0 only facts about its document changed
    ) strict;
    create table generations (
        spec text primary key,
        folder text not null,
        seq integer not null,
        digest text not null           -- SHA-256 of its generation.json
    ) strict, without rowid;
    """,
    """
    create table sentences (           -- empty unless the granularity is chunk+sentence
        chunk integer not null references chunks on delete cascade,
        ordinal integer not null,
        start integer not null,        -- in the document, as the chunk's own
        "end" integer not null,
        embedding integer not null references embeddings,
        primary key (chunk, ordinal)
    ) strict, without rowid;
    create index sentences_embedding on sentences (embedding);
    """,
    "-- a vector may be float16: see blobs.py",
    """
    alter table sources add column account text not null default '{}';
    alter table chunks add column last_page integer;   -- a chunk may run over pages
    alter table chunks add column row integer;         -- of a sheet or file, that its first line shows
    update chunks set last_page = coalesce((
        select max(value ->> 3) from documents d, json_each(d.sections)
        where d.id = document and value ->> 0 < "end" and value ->> 1 > start), page) where page is not null;
    """,
    "alter table documents add column boxes text not null default '[]'",
    "alter table embeddings add column tokens blob",  # last: of a chunk's tokens, see rag.embedding.residual_codes
    "alter table documents add column language text not null default ''",  # as detected; of older ones none is known
)
FORMAT = len(MIGRATIONS)
OLDEST_READABLE = 1
"""The oldest format that a reader takes as it is: format 1 has no sentences, and none are asked for."""
_MISSING = (
    (4, "sources", "'{}' as account"),
    (4, "chunks", "page as last_page, null as row"),
    (5, "documents", "'[]' as boxes"),
    (6, "embeddings", "null as tokens"),
    (7, "documents", "'' as language"),
)
"""Columns that formats before the numbered one lack, and what they would hold."""


def migrate(db: Connection, path: Path, *, migrations: tuple[str, ...] = MIGRATIONS) -> int:
    """Bring the database to the newest format, one transaction a step; return how many steps it took."""
    done = _format(db, path, newest=len(migrations))
    for number, script in enumerate(migrations[done:], start=done + 1):
        with transaction(db):
            db.execute(script)
            db.execute(f"pragma user_version = {number}")
    return len(migrations) - done


def check_format(db: Connection, path: Path) -> None:
    """Refuse a format that this version cannot read as it is.

    Raises
    ------
    StoreMismatch
        It was made by a newer version, or by an older one and has to be opened for writing once.
    """
    found = _format(db, path, newest=FORMAT)
    if found < OLDEST_READABLE:
        raise StoreMismatch(
            f"{path.parent} has format {found}, this version reads {FORMAT}; `rag repair` brings it up to date"
        )


def complete_view(db: Connection, path: Path) -> None:
    """Show a reader of an older format the columns that it lacks, by views of this connection alone."""
    found = _format(db, path, newest=FORMAT)
    for table in {table for _, table, _ in _MISSING}:
        lacks = ", ".join(column for first, of, column in _MISSING if of == table and found < first)
        if lacks:
            db.execute(f"create temp view {table} as select *, {lacks} from main.{table}")  # noqa: S608 - from above


def _format(db: Connection, path: Path, *, newest: int) -> int:
    found = int(db.pragma("user_version"))
    if found > newest:
        text = f"{path.parent} has format {found}, this version knows formats up to {newest}"
        raise StoreMismatch(f"{text}; install a newer rag-workbench, or ingest again into another folder")
    if found < 0:
        raise damaged(path.name, f"format {found} does not exist")
    return found
