"""What the generator reads: passages widened, packed and put in order."""

from __future__ import annotations

from .protocol import ContextBuilder
from .registry import BUILDERS, context
from .stage import Built, Context

__all__ = ["BUILDERS", "Built", "Context", "ContextBuilder", "context"]
