"""A second look at what a search found: slower, closer, over a few passages."""

from __future__ import annotations

from .protocol import Reranker
from .registry import RERANKERS, reranking
from .stage import Move, Reranked, Reranking

__all__ = ["RERANKERS", "Move", "Reranked", "Reranker", "Reranking", "reranking"]
