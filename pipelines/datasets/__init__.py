"""Vectors to measure indexes with: from public files, generated, or from a knowledge base."""

from __future__ import annotations

from .opening import open_vectors
from .vector_data import VectorData

__all__ = ["VectorData", "open_vectors"]
