"""Counts, sizes, repair and the clearing of bytes."""

from __future__ import annotations

import json

import psycopg

from ...documents.account import total
from ...errors import StoreLocked
from ..address import Address
from ..identity import Identity
from ..records import GenerationInfo, Status
from ..settings import LOST, NOT_IN
from . import hashes, reading
from .connection import Snapshot
from .escaping import unescaped
from .schema import FORMAT
from .writing import Writer

TABLES = (
    "documents",
    "facts",
    "chunks",
    "sentences",
    "cached",
    "postings",
    "segments",
    "removed",
    "bags",
    "hashing",
    "hashes",
    "sources",
    "settings",
)
_TERMS, _HASHES = ("postings", "segments", "removed", "bags"), ("hashing", "hashes")
_LOCK_S = 10
DUE = "purge due"
"""The setting that says that a purge was begun, or a deletion that ends in one, and did not come to its end."""


def status(snapshot: Snapshot, place: Address, identity: Identity) -> Status:
    """See `KnowledgeBase.status`."""
    db, state = snapshot.db, snapshot.state
    size = "coalesce(pg_total_relation_size(to_regclass(t)), 0)"  # an older format, which a reader leaves, has not all
    rows = db.rows(f"select t, {size} from unnest(%s::text[]) t", (list(TABLES),))  # noqa: S608 - a constant
    sizes: dict[str, int] = {row[0]: row[1] for row in rows}
    terms, hashed = (sum(sizes[name] for name in names) for names in (_TERMS, _HASHES))
    vectors = hashed + db.one("select coalesce(pg_relation_size(to_regclass('chunks_vectors')), 0)")
    indexed = terms + vectors
    every = {"store": sum(sizes.values()) - indexed, "log": 0, "indexes": indexed, "other": 0}
    found = reading.sources(db)
    accounts = [source.account for source in found.values()]
    made = db.one("select choice from state")
    embeddings, unused = reading.embeddings(db)
    languages = "select language, count(*) from documents where language <> '' group by language order by 2 desc, 1"
    hidden = [unescaped(row[0])[7:] for row in db.rows(_HIDDEN)]
    return Status(
        path=place.shown,
        sources=len(found),
        incomplete=sum(not source.complete for source in found.values()),
        documents=db.one("select count(*) from documents"),
        chunks=state.chunks,
        embeddings=embeddings,
        orphans=unused,
        seq=state.seq,
        bytes=every,
        identity=identity.told(FORMAT),
        indexes=state.specs,
        generations=tuple(
            GenerationInfo(spec, "the database", state.seq, vectors, 0, hashes.nbytes(db) if hashed else 0)
            if spec == state.vectors
            else GenerationInfo(spec, "the database", state.seq, terms, 0)
            for spec in state.specs
        ),
        disk_bytes=sum(every.values()),
        account=total(accounts),
        remarked=sum(bool(account.lines) for account in accounts),
        purge_due=reading.setting(db, DUE) is not None,
        may_miss_documents=reading.setting(db, LOST) is not None,
        not_in=json.loads(reading.setting(db, NOT_IN) or "{}"),
        hidden=tuple(name for name in hidden if name in found),
        automatic=None if not made else _said(json.loads(made)),
        languages={row[0]: row[1] for row in db.rows(languages)},
    )


_HIDDEN = "select name from settings where name >= 'hidden:' and name < 'hidden;' order by name"


def _said(made: dict[str, object]) -> str:
    found = "exact" if made["spec"] == "flat" else f"recall {made['recall']:.3f} of exact search"
    return f"automatic: {made['spec']}, {found}, chosen at {made['chunks']:,} chunks"


def purge(writer: Writer, place: Address) -> None:
    """Drop unused embeddings, and write every table anew without what was removed.

    Raises
    ------
    StoreLocked
        A reader is in the way for too long.
    """
    with writer.transaction() as db:
        db.execute("truncate cached")
    with writer.session() as db, db.unlimited():
        db.execute(f"set lock_timeout = '{_LOCK_S}s'")
        try:
            for table in TABLES:
                db.execute(f"vacuum (full, analyze) {table}")
        except psycopg.errors.LockNotAvailable as error:
            text = f"{place.shown}: a reader holds a state before; what was removed is hidden, but its bytes stay"
            raise StoreLocked(f"{text} until you purge again") from error
        finally:
            db.execute("set lock_timeout = 0")
