"""What tests of code on this toolkit need, without a model and without a network.

`HashingEmbedder` gives the same vectors in every process; `CallableEmbedder` wraps any function.
"""

from __future__ import annotations

from .embedding.function import CallableEmbedder
from .embedding.hashing import HashingEmbedder
from .embedding.tokens import WordTokenizer

__all__ = ["CallableEmbedder", "HashingEmbedder", "WordTokenizer"]
