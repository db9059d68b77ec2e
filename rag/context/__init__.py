"""Context steps: widen, pack and order the passages that the generator reads."""

from __future__ import annotations

from .protocol import ContextBuilder
from .registry import BUILDERS
from .stage import Built, Context

__all__ = ["BUILDERS", "Built", "Context", "ContextBuilder"]
