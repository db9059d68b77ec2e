"""A knowledge base of a folder in BEIR form, made once."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rag.knowledge_base import KnowledgeBase
from rag.loaders import load


@contextmanager
def knowledge_base(folder: Path, place: Path | None = None) -> Iterator[KnowledgeBase]:
    """Open the knowledge base at ``place``, or in a temporary folder; make it first where there is none."""
    with tempfile.TemporaryDirectory() as scratch:
        kept = place or Path(scratch) / "kb"
        if not KnowledgeBase.exists(kept):
            kept.parent.mkdir(parents=True, exist_ok=True)
            with KnowledgeBase.create(kept) as kb:
                kb.add(load(f"beir:{folder}"))
        with KnowledgeBase.open(kept) as kb:
            yield kb
