"""Reranking: score the few passages that a search found again, slower and closer."""

from __future__ import annotations

from .protocol import Reranker
from .registry import RERANKERS
from .stage import Move, Reranked, Reranking

__all__ = ["RERANKERS", "Move", "Reranked", "Reranker", "Reranking"]
