"""What a writer knows of a knowledge base without asking: digests of documents and keys of embeddings.

There is one writer, so what it read and wrote stays true. An ``add`` asks for one document after the other, and each
answer would be a trip: of knowledge bases of up to so many entries all are read at once, of larger ones none are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from ..writing import Embedded, Prepared, Step
from .connection import Connection
from .rows import name_key

MOST = 300_000


class Known:
    """The digests by the documents' keys, and the keys of embeddings; None where they are too many to be kept."""

    def __init__(self, db: Connection) -> None:
        counts = db.rows("select (select count(*) from documents), (select count(*) from chunks)")[0]
        parts = db.rows("select (select count(*) from sentences), (select count(*) from cached)")[0]
        documents, keys = counts[0], counts[1] + sum(parts)
        self.digests: dict[bytes, str] | None = None
        self.keys: set[bytes] | None = None
        if documents <= MOST:
            self.digests = {row[0]: row[1] for row in db.rows("select key, digest from documents")}
        if keys <= MOST:
            self.keys = {row[0] for row in db.rows(_KEYS)}

    def digest(self, db: Connection, document: str) -> str | None:
        """Return the digest of a document; None where there is none of that id."""
        key = name_key(document)
        if self.digests is not None:
            return self.digests.get(key)
        found: str | None = db.one("select digest from documents where key = %s", (key,))
        return found

    def among(self, db: Connection, keys: Sequence[bytes]) -> set[bytes]:
        """Return those of the keys that have an embedding."""
        if self.keys is not None:
            return self.keys.intersection(keys)
        wanted = list(keys)
        return {row[0] for row in db.rows(_AMONG, (wanted, wanted, wanted))} if wanted else set()

    def learn(self, steps: Sequence[Step], embedded: Embedded, stored: Iterable[str], *, removed: bool) -> None:
        """Take what a batch has brought that is committed; a digest that is not known costs a chunking, no more.

        ``stored`` are the ids of its documents that are stored now, and ``removed`` says whether others went.
        """
        if self.keys is not None:
            self.keys.update(embedded)
            self.keys = self.keys if len(self.keys) <= 2 * MOST else None
        if removed:
            self.digests = None
        if self.digests is not None:
            there, twice = set(stored), Counter(s.document.id for s in steps if isinstance(s, Prepared))
            for step in steps:
                if isinstance(step, Prepared):
                    name = step.document.id
                    known = name in there and twice[name] == 1
                    self.digests[name_key(name)] = step.digest if known else ""
            self.digests = self.digests if len(self.digests) <= 2 * MOST else None


_KEYS = "select key from chunks union select key from sentences union select key from cached"
_AMONG = """select key from chunks where key = any(%s) union select key from sentences where key = any(%s)
            union select key from cached where key = any(%s)"""
