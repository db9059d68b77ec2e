"""The same questions asked worse: typing errors, other case, other words, other order."""

from __future__ import annotations

from .typos import with_typos

__all__ = ["with_typos"]
