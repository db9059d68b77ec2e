"""Embedders and language models for tests, without a model file or a network.

`HashingEmbedder` gives the same vectors in every process; `CallableEmbedder` wraps any function; `ScriptedGenerator` is
a language model that replies from a script.
"""

from __future__ import annotations

from ..embedding.function import CallableEmbedder
from ..embedding.hashing import HashingEmbedder
from ..embedding.tokens import WordTokenizer
from ..llm.scripted import ScriptedGenerator

__all__ = ["CallableEmbedder", "HashingEmbedder", "ScriptedGenerator", "WordTokenizer"]
