"""Ids of documents for clients: a document's own id is the path of its file, which is nobody's business."""

from __future__ import annotations

import hashlib
import re
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from rag.filter_parser import parse

from .errors import NoSuch

if TYPE_CHECKING:
    from rag.filters import Filter
    from rag.knowledge_base import KnowledgeBase

_BYTES = 12
_KEPT = 8
"""Sets of visible documents that are kept: of as many filters."""


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
        self._known: OrderedDict[tuple[int, str], dict[str, str]] = OrderedDict()
        self._turn = threading.Lock()

    def visible(self, where: Filter | None) -> list[str]:
        """Return the own ids of the documents that a filter allows, sorted; hidden ones are not among them."""
        return list(self._of(where).values())

    def document(self, public: str, where: Filter | None) -> str:
        """Return a document's own id.

        Raises
        ------
        NoSuch
            No document that the filter allows has that public id.
        """
        found = self._of(where).get(public)
        if found is None:
            raise NoSuch(f"there is no document {public[:40]!r}; search gives the ids")
        return found

    def _of(self, where: Filter | None) -> dict[str, str]:
        with self._kb.view():
            key = (self._kb.seq, str(where or ""))
            with self._turn:
                if key in self._known:
                    self._known.move_to_end(key)
                    return self._known[key]
            found = {public_id(each): each for each in self._kb.document_ids(where or _VISIBLE)}
        with self._turn:
            self._known[key] = found
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return found


_VISIBLE = parse("exists(document)")
