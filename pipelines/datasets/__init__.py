"""Vectors to measure indexes on: public files of every usual form, made ones, or those of a knowledge base."""

from __future__ import annotations

from .opening import open_vectors
from .vector_data import VectorData

__all__ = ["VectorData", "open_vectors"]
