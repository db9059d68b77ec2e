"""Tables of a knowledge base in PostgreSQL, as numbered migrations; new ones are only ever appended.

Texts may hold U+0000, see `escaping`; they are compared by code point (``collate "C"``). Names are found by their
SHA-256: a path may be longer than an entry of an index can be. Rows refer to each other without foreign keys, which
would cost a look-up for each of millions of rows: there is one writer, and ``verify`` checks them.
"""

from __future__ import annotations

from psycopg import sql

from ...errors import StoreMismatch, StoreUnwritable
from ..address import Address
from ..granularity import is_late
from ..identity import Identity
from .connection import Connection

MIGRATIONS: tuple[str, ...] = (
    """
    create table meta (key text primary key, value text not null);      -- what it was made with; the format
    create table state (
        seq bigint not null,               -- number of the last change: no sequence, whose numbers have gaps
        version bigint not null,           -- of the arrangement of postings
        specs text[] not null,
        vectors text not null,             -- the index of vectors that is built
        choice text not null,              -- of an automatic index; empty if the indexes were named
        chunks bigint not null,
        terms bigint not null,             -- of all chunks together, repeated ones included
        next_source bigint not null,
        next_document bigint not null,
        next_chunk bigint not null,        -- ids are never used twice
        next_segment bigint not null
    );
    create table settings (name text collate "C" primary key, value text not null);
    create table sources (
        id bigint primary key,
        key bytea not null unique,
        name text collate "C" not null,
        sha256 text not null,
        location text not null,
        modified float8,
        stamp text not null,
        complete int not null,
        produced int not null,
        account text not null
    );
    create table documents (
        id bigint primary key,
        key bytea not null unique,
        name text collate "C" not null,
        source bigint not null,
        title text collate "C" not null,
        type text collate "C" not null,
        modified float8,
        digest text not null,
        metadata text not null,
        sections text not null,
        text text not null,
        boxes text not null,
        language text collate "C" not null
    );
    create index documents_source on documents (source);
    create table facts (                   -- the metadata, a row a value: a filter finds them by an index, kind by kind
        document bigint not null,
        key text collate "C" not null,
        kind smallint not null,            -- 0 null, 1 text, 2 number, 3 true or false, 4 a list, beside its elements
        text text collate "C",
        number numeric
    );
    create index facts_document on facts (document);
    create index facts_text on facts (left(key, 64), kind, left(text, 64));
    create index facts_number on facts (left(key, 64), kind, number);
    create table chunks (
        id bigint primary key,
        document bigint not null,
        ordinal int not null,
        start int not null,
        "end" int not null,
        page int,
        last_page int,
        row int,
        heading text[] collate "C" not null,
        terms int not null,
        key bytea not null,                -- SHA-256 of the embedder's identity and the embedded text
        vector vector(:dim) not null,
        tokens bytea,
        text text not null
    );
    alter table chunks alter column vector set storage :storage;
    create index chunks_document on chunks (document, ordinal);
    create index chunks_key on chunks (key);
    create table sentences (
        chunk bigint not null,
        ordinal int not null,
        start int not null,
        "end" int not null,
        key bytea not null,
        vector :sentence not null,
        primary key (chunk, ordinal)
    );
    create index sentences_key on sentences (key);
    create table cached (                  -- embeddings that nothing uses, until purge
        key bytea primary key, vector vector(:dim), sentence :sentence, tokens bytea
    );
    create table segments (id bigint primary key, postings bigint not null);
    create table postings (
        segment bigint not null,
        term text collate "C" not null,
        df bigint not null,
        blob bytea not null,               -- see postings.py
        primary key (term, segment)
    );
    alter table postings alter column blob set storage external;
    create index postings_segment on postings (segment);
    create table removed (chunk bigint primary key);   -- chunks that postings still hold
    """,
    # A new segment goes behind all others: its entries are appended, not spread over the whole index.
    """
    alter table postings drop constraint postings_pkey;
    alter table postings add primary key (segment, term);
    drop index postings_segment;
    """,
    # A filter takes the ids of the chunks that it allows from the index alone: their rows are a hundred times as large.
    """
    drop index chunks_document;
    create index chunks_document on chunks (document, ordinal) include (id);
    """,
    """
    create table hashing (                 -- of the index lsh: one row, or none without it
        made bigint not null,              -- another one has another number
        chunks bigint not null,            -- that there were, whose centre it is
        directions bytea not null,         -- float32, little-endian
        centre bytea not null
    );
    create table hashes (                  -- see hashes.py
        segment bigint primary key,
        chunks bigint not null,
        ids bytea not null,                -- int64, little-endian
        codes bytea not null,
        digest bytea not null              -- SHA-256 of ids and codes
    );
    alter table hashes alter column ids set storage external, alter column codes set storage external;
    """,
    """
    create table bags (                    -- of the engine pg_textsearch, in the place of postings; see bag_texts.py
        chunk bigint primary key,
        terms text not null
    );
    """,
)
FORMAT = len(MIGRATIONS)
_STORAGE = """
    alter table documents alter column text set storage external;
    alter table chunks alter column text set storage external;
"""
"""Texts are not compressed, which would take a third of the server's time at an ingest. A chunk's text lies apart from
its vector where both are longer than a quarter of a page: a search reads hundreds of vectors, and then a few texts. Of
new tables only: older ones stay as they were made."""
_INLINE = 1_900
"""Longest vector that a row holds on its page, where comparing it costs no other page."""


def create(db: Connection, place: Address, identity: Identity) -> None:
    """Make the schema and its tables, inside the caller's transaction."""
    make_extension(db, place)
    db.execute(sql.SQL("create schema {}").format(sql.Identifier(place.schema)))
    _migrate(db, 0, identity)
    db.execute(_STORAGE)


def make_extension(db: Connection, place: Address) -> None:
    """Make pgvector's types known to the database."""
    if db.one("select to_regtype('vector') is null"):
        if db.one("select count(*) from pg_available_extensions where name = 'vector'") == 0:
            raise StoreUnwritable(f"{place.shown}: this server has no pgvector; install that extension on it")
        db.execute("create extension if not exists vector schema public")


def migrate(db: Connection, place: Address, identity: Identity) -> None:
    """Bring the tables to the newest format, inside the caller's transaction."""
    _migrate(db, check_format(db, place), identity)


def check_format(db: Connection, place: Address) -> int:
    """Return the format of the tables.

    Raises
    ------
    StoreMismatch
        It was made by a newer version.
    """
    found = int(db.one("select value from meta where key = 'format'"))
    if found > FORMAT:
        raise StoreMismatch(
            f"{place.shown} has format {found}, this version knows up to {FORMAT}; install a newer rag-workbench"
        )
    return found


def _migrate(db: Connection, done: int, identity: Identity) -> None:
    kind = "halfvec" if is_late(identity.granularity) else "vector"
    words = {
        ":dim": str(identity.dim),
        ":sentence": f"{kind}({identity.dim})",
        ":storage": "plain" if identity.dim <= _INLINE else "external",
    }
    for script in MIGRATIONS[done:]:
        for word, meaning in words.items():
            script = script.replace(word, meaning)  # noqa: PLW2901 - numbers and words from above
        db.execute(script)
    db.execute(
        "insert into meta values ('format', %s) on conflict (key) do update set value = excluded.value", (str(FORMAT),)
    )
