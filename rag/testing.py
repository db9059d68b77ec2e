"""What tests of code on this toolkit need, without a model and without a network.

`HashingEmbedder` gives the same vectors in every process; `CallableEmbedder` wraps any function; `ScriptedGenerator` is
a language model that says what it is told to.
"""

from __future__ import annotations

from .embedding.function import CallableEmbedder
from .embedding.hashing import HashingEmbedder
from .embedding.tokens import WordTokenizer
from .llm.scripted import ScriptedGenerator

__all__ = ["CallableEmbedder", "HashingEmbedder", "ScriptedGenerator", "WordTokenizer"]
