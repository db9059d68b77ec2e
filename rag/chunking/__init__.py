"""Split documents into chunks, measured by the embedder's own tokenizer."""

from __future__ import annotations

from .protocol import Chunker
from .registry import KINDS, chunker, is_known, name_of

__all__ = ["KINDS", "Chunker", "chunker", "is_known", "name_of"]
