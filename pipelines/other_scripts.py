"""Noticing documents that the default embedding model cannot read: it was trained on English."""

from __future__ import annotations

import numpy as np

from rag.embedding import DEFAULT_MODEL
from rag.knowledge_base import KnowledgeBase

MANY = 0.2
"""Share of letters outside the Latin alphabet above which a person is told."""

_SAMPLE = 200
_LAST_LATIN = "\u024f"  # of Latin Extended-B


def share(kb: KnowledgeBase) -> float:
    """Return the share of letters outside the Latin alphabet, 0 to 1, in a sample of the chunks; 0 for other models."""
    if kb.embedder.name != DEFAULT_MODEL:
        return 0.0
    ids = kb.chunk_ids()
    sample = np.random.default_rng(0).choice(ids, min(_SAMPLE, len(ids)), replace=False)
    letters = [c for chunk in kb.chunks(sample.tolist()) for c in chunk.text if c.isalpha()]
    return sum(c > _LAST_LATIN for c in letters) / max(len(letters), 1)
