"""The file of what readers say about answers, ``feedback.sqlite`` in the knowledge base's folder.

It is a database of its own: votes come while an ingest holds the writer's lock, and a repair or a re-embedding leaves
them alone. It is here because a purge must clear what it quotes of purged documents; `rag.feedback` is its reader and
writer.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..errors import StoreLocked, StoreMismatch
from . import database
from .database import Connection
from .faults import damaged, file_faults, sqlite_faults
from .session import FEEDBACK, clear, sync_folder

WAIT_MS = 10_000
"""How long a writer waits for another one."""

MIGRATIONS: tuple[str, ...] = (
    """
    create table meta (key text primary key, value text not null) strict, without rowid;
    create table answers (
        number integer primary key autoincrement,
        id text not null unique,
        at real not null,                -- seconds since 1970
        principal text not null,         -- a digest; empty where the server knows no principals
        question text not null,
        searched text not null,
        history text not null,           -- JSON, empty list unless it is kept on request
        answer text not null,
        abstained integer not null,
        citations text not null,         -- JSON: spans with digest of their document, and quote
        passages text not null,          -- JSON: spans with digest, without their texts
        documents text not null,         -- JSON: digest by id of every document that the row quotes or was made from
        generator text not null,
        pipeline text not null,
        seq integer not null,
        version text not null,
        vote integer,                    -- 1 up, -1 down, null none
        voted real,
        reason text not null default '',
        correction text not null default '',
        spans text not null default '[]',   -- JSON: where the answer is, by the reader
        state text not null default 'new',  -- new, accepted, rejected
        judged text not null default ''     -- JSON: what the review made of it
    ) strict;
    create index answers_at on answers (at);
    create index answers_voted on answers (state, voted) where voted is not null;
    create table spent (answer text primary key references answers (id) on delete cascade, run integer not null)
        strict, without rowid;           -- questions that `rag improve` has looked at; run 0: to tune
    create table runs (number integer primary key autoincrement, at real not null, report text not null) strict;
    """,
)


def exists(folder: Path) -> bool:
    """Say whether feedback is kept in a knowledge base's folder."""
    return os.path.lexists(folder / FEEDBACK)


def opened(folder: Path) -> Connection:
    """Open the file for writing, made where there is none.

    Raises
    ------
    StoreUnwritable
        The folder cannot be written, or the disk is full.
    StoreCorrupt
        The file is damaged, or none of ours.
    StoreMismatch
        A newer version made it.
    """
    path = folder / FEEDBACK
    if not exists(folder):
        _make(path)
    db = database.open_writable(path)
    try:
        with sqlite_faults(path):
            db.set_busy_timeout(WAIT_MS)
            _migrate(db, path)
    except BaseException:
        db.close()
        raise
    return db


def _make(path: Path) -> None:
    """Make the file aside, and let it appear whole: two processes may begin at once, and one may be killed.

    What a killed one leaves has the name of a file half written, which every writer of the knowledge base sweeps.
    """
    folder = path.with_name(f".{FEEDBACK}.{os.getpid()}-{os.urandom(4).hex()}.tmp")
    with file_faults(path):
        folder.mkdir(mode=0o700)
    try:
        aside = folder / FEEDBACK
        db = database.create(aside)
        with contextlib.closing(db), sqlite_faults(aside):
            _migrate(db, aside)
            database.checkpoint(db)
        with file_faults(path):
            with contextlib.suppress(FileExistsError):  # another process was first
                os.link(aside, path)
            sync_folder(path.parent)
    finally:
        clear(folder)


def _migrate(db: Connection, path: Path) -> None:
    done = int(db.pragma("user_version"))
    if done > len(MIGRATIONS):
        raise StoreMismatch(f"{path} has format {done}, this version knows {len(MIGRATIONS)}; install a newer one")
    for number, script in enumerate(MIGRATIONS[done:], start=done + 1):
        with database.transaction(db):
            if int(db.pragma("user_version")) < number:  # another process may have been first
                db.execute(script)
                db.execute(f"pragma user_version = {number}")


def clear_bytes(db: Connection, path: Path) -> None:
    """Clear deleted rows from the log as well; in the file they are overwritten.

    Raises
    ------
    StoreLocked
        Another process reads: what was deleted is gone for every reader, but its bytes stay in the log for now.
    """
    with sqlite_faults(path):
        if not database.checkpoint(db):
            raise StoreLocked(f"{path} is being read; run it again in a moment, so that the log is cleared too")


TextOf = Callable[[str], str | None]
"""Return a document's text by its id; None where there is none."""


def purge(folder: Path, digests: Mapping[str, str], text_of: TextOf) -> int:
    """Delete every row that quotes, or was made from, text that the knowledge base no longer holds; return how many.

    Parameters
    ----------
    digests
        Digest by id of the documents that it holds.
    """
    if not exists(folder):
        return 0
    path = folder / FEEDBACK
    with contextlib.closing(opened(folder)) as db, sqlite_faults(path):
        with database.transaction(db):
            stale = [number for number, row in _rows(db) if not _holds(row, digests, text_of)]
            db.executemany("delete from answers where number = ?", ((number,) for number in stale))
        clear_bytes(db, path)
    return len(stale)


def _rows(db: Connection) -> Iterator[tuple[int, dict[str, Any]]]:
    names = ("documents", "citations", "spans", "judged")
    query = f"select number, generator, {', '.join(names)} from answers"  # noqa: S608 - from above
    for number, generator, *texts in list(db.execute(query)):
        try:
            found = {name: json.loads(text or "{}") for name, text in zip(names, texts, strict=True)}
            yield number, {**found, "quotes_only": generator == "extractive"}
        except ValueError as error:
            raise damaged(FEEDBACK, f"row {number} is not JSON") from error


def _holds(row: dict[str, Any], digests: Mapping[str, str], text_of: TextOf) -> bool:
    """Say whether all that a row quotes is still there, word for word.

    What a language model wrote may say in other words what a changed document says no more: then it goes.
    """
    spans = [*row["citations"], *row["spans"], *(row["judged"].get("spans", ()))]
    changed = {name for name, digest in row["documents"].items() if digests.get(name) != digest}
    changed |= {span["document"] for span in spans if digests.get(span["document"]) != span["digest"]}
    if changed and not row["quotes_only"]:
        return False
    quoted = {name: [span["quote"] for span in spans if span["document"] == name] for name in changed}
    return all(_quotes(text_of(name), quotes) for name, quotes in quoted.items())


def _quotes(text: str | None, quotes: list[str]) -> bool:
    return text is not None and bool(quotes) and all(quote in text for quote in quotes)
