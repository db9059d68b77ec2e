"""Ids of documents for clients: a document's own id is the path of its file, which is nobody's business."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from .errors import NoSuch

if TYPE_CHECKING:
    from rag.knowledge_base import KnowledgeBase

_BYTES = 12


def public_id(document: str) -> str:
    """Return a document's public id; always the same, so that stored citations stay good."""
    return hashlib.blake2b(document.encode("utf-8", "surrogatepass"), digest_size=_BYTES).hexdigest()


def public_source(source: str) -> str:
    r"""Return a source's name without the folders that it lies in.

    >>> public_source("/home/ann/notes/tea.md"), public_source("C:\\\\notes\\\\tea.md")
    ('tea.md', 'tea.md')
    """
    return re.split(r"[\\/]", source.rstrip("\\/"))[-1]


class PublicIds:
    """The documents of a knowledge base by their public ids, as of its current view."""

    def __init__(self, kb: KnowledgeBase) -> None:
        self._kb = kb
        self._known: tuple[int, dict[str, str]] | None = None

    def document(self, public: str) -> str:
        """Return a document's own id.

        Raises
        ------
        NoSuch
            No document has that public id.
        """
        with self._kb.view():
            seq = self._kb.seq
            if self._known is None or self._known[0] != seq:
                self._known = (seq, {public_id(each): each for each in self._kb.document_ids()})
            found = self._known[1].get(public)
        if found is None:
            raise NoSuch(f"there is no document {public[:40]!r}; search gives the ids")
        return found
