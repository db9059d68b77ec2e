"""Split documents into chunks, measured by the embedder's own tokenizer."""

from __future__ import annotations

from .protocol import Chunker
from .registry import CONTEXTUAL, KINDS, chunker, name_of

__all__ = ["CONTEXTUAL", "KINDS", "Chunker", "chunker", "name_of"]
