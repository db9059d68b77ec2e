"""Apply a chosen index to a knowledge base: built from stored embeddings, in one step."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import indexes
from rag.errors import InvalidInput

if TYPE_CHECKING:
    from rag.knowledge_base import KnowledgeBase


def replaced(kb: KnowledgeBase, spec: str) -> list[str]:
    """Return the specs of a knowledge base's indexes with ``spec`` instead of its indexes of vectors."""
    return [spec, *(other for other in kb.indexes if indexes.kind(other) == "terms")]


def apply(path: Path, spec: str, *, wait: float = 0.0) -> list[str]:
    """Replace a knowledge base's indexes of vectors by ``spec``; its indexes of terms stay.

    The search parameters are part of the spec and are saved with the index, so that every search uses them.

    Parameters
    ----------
    path
        The knowledge base.
    spec
        Spec of an index of vectors.
    wait
        Seconds to wait for another writer.

    Returns
    -------
    list of str
        The new indexes of the knowledge base.

    Raises
    ------
    StoreLocked
        Another process is writing.
    InvalidInput
        ``path`` is not a knowledge base.
    """
    from rag.knowledge_base import KnowledgeBase

    if not KnowledgeBase.exists(path):
        raise InvalidInput(f"--apply changes a knowledge base; {path} is not one")
    with KnowledgeBase.open(path, mode="w", wait=wait) as kb:
        kb.reindex(replaced(kb, spec))
        return list(kb.indexes)
