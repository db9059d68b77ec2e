"""Counts and sizes, and the clearing of dead rows."""

from __future__ import annotations

import json
from pathlib import Path

from ...documents.account import total
from .. import hiding, reading, settings
from ..address import Address
from ..automatic_index import FIRST
from ..identity import Identity
from ..records import GenerationInfo, Status
from ..settings import LOST, NOT_IN
from . import schema, verifying
from .rows import MilvusRows
from .snapshots import Snapshot
from .writing import Writer


def status(snapshot: Snapshot, identity: Identity) -> Status:
    """See `KnowledgeBase.status`."""
    state, place = snapshot.state, snapshot.client.place
    with snapshot.facts() as db:
        found, kept = reading.sources(db), settings.settings(db)
        documents = reading.one(db, "select count(*) from documents")
        languages, hidden = reading.languages(db), hiding.hidden(db)
    embeddings, unused = verifying.embeddings(snapshot, identity)
    accounts = [source.account for source in found.values()]
    stored = _bytes(place)
    return Status(
        path=place.shown,
        sources=len(found),
        incomplete=sum(not source.complete for source in found.values()),
        documents=documents,
        chunks=state.chunks,
        embeddings=embeddings,
        orphans=unused,
        seq=state.seq,
        bytes={"store": stored, "log": 0, "indexes": 0, "other": 0},
        identity=identity.told(schema.FORMAT),
        indexes=state.specs,
        generations=tuple(GenerationInfo(spec, "Milvus", state.seq, 0, 0) for spec in state.specs),
        disk_bytes=stored,
        account=total(accounts),
        remarked=sum(bool(account.lines) for account in accounts),
        may_miss_documents=LOST in kept,
        not_in=json.loads(kept.get(NOT_IN) or "{}"),
        hidden=tuple(hidden),
        automatic=f"automatic: {FIRST}, exact; no other searches Milvus so far" if state.automatic else None,
        languages=languages,
    )


def _bytes(place: Address) -> int:
    """Return the bytes of Lite's file, with all knowledge bases in it; a server does not say."""
    if not place.is_file:
        return 0
    return sum(path.lstat().st_size for path in Path(place.server).rglob("*") if path.is_file())


def purge(writer: Writer, identity: Identity) -> None:
    """Delete the rows of removed documents, and with them the embeddings that nothing uses."""
    version = writer.state.version

    def work(rows: MilvusRows) -> None:
        rows.new_state = {"purged": version + 1}

    writer.change(work)  # first: from now on readers of older states load anew
    with writer.alone() as snapshot:
        for name in schema.names(identity)[1:]:
            snapshot.client.delete(name, f"died <= {version + 1}")
        snapshot.client.flush(schema.names(identity))
