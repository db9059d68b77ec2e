"""Writing into the folder of a knowledge base, as an ``add`` does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from . import reading
from .document_rows import DocumentRows
from .identity import Identity
from .records import SourceInfo
from .session import Session
from .settings import keep_setting, setting
from .writing import DocumentWriter, Embedded, PartByPart, Step, source_facts


class SessionWriting(PartByPart):
    """See `rag.store.protocol.Writing`; the session is open for writing."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def identity(self) -> Identity:
        """What the knowledge base was made with."""
        return self._session.identity

    def sources(self) -> dict[str, SourceInfo]:
        """Return all sources by name."""
        with self._session.reading() as db:
            return reading.sources(db)

    def digest(self, document: str) -> str | None:
        """Return the digest of a document; None where there is none of that id."""
        with self._session.reading() as db:
            found: str | None = db.execute("select digest from documents where name = ?", (document,)).get
            return found

    def known(self, keys: Sequence[bytes]) -> set[bytes]:
        """Return those of the keys that have an embedding."""
        with self._session.reading() as db:
            return {row[0] for row in db.executemany("select key from embeddings where key = ?", ((k,) for k in keys))}

    def apply(self, writer: DocumentWriter, steps: Sequence[Step], embedded: Embedded) -> list[str]:
        """Write a batch in one durable commit; return the ids of its documents that are stored now."""
        with self._session.writing() as db:
            return writer.apply(DocumentRows(db), steps, embedded)

    def close_sources(self, sources: Mapping[str, SourceInfo]) -> None:
        """Set what is known of sources, by name, in one commit."""
        update = """update sources set complete = ?, produced = ?, account = ?, sha256 = ?, location = ?,
                    modified = ?, stamp = ? where name = ?"""
        with self._session.writing() as db:
            db.executemany(update, (source_facts(name, info) for name, info in sources.items()))

    def setting(self, name: str) -> str | None:
        """Return a text that is kept, if there is one."""
        with self._session.reading() as db:
            return setting(db, name)

    def keep_settings(self, settings: Iterable[tuple[str, str | None]]) -> None:
        """Keep texts in one commit; None deletes one."""
        with self._session.writing() as db:
            for name, value in settings:
                keep_setting(db, name, value)
