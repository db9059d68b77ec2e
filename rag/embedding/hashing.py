"""An embedder that hashes words: no model and the same vectors everywhere, for tests and dry runs."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInput
from .checks import checked
from .protocol import Tokenizer
from .tokens import WordTokenizer, well_formed

_WORD = re.compile(r"\w+")


class HashingEmbedder:
    """Signed hashing of lower-case words: texts that share words are close, and nothing else is known of meaning.

    The same text gives the same vector in every process and on every machine.

    Parameters
    ----------
    dim
        Number of components, at least 2.
    max_tokens
        What ``tokenizer.max_tokens`` says; the embedder itself reads the whole text.

    References
    ----------
    K. Weinberger et al., "Feature Hashing for Large Scale Multitask Learning", ICML 2009.
    """

    def __init__(self, dim: int = 64, *, max_tokens: int = 256) -> None:
        if dim < 2:
            raise InvalidInput(f"dim={dim}: give at least 2.")
        self.name = f"hashing-{dim}"
        self.revision = "1"
        self.dim = dim
        self.tokenizer: Tokenizer = WordTokenizer(max_tokens)

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts: float32, shape (n_texts, dim), unit norm."""
        vectors = np.zeros((len(texts), self.dim), dtype=np.float32)
        for row, text in zip(vectors, texts, strict=True):
            self._fill(row, text)
        return checked(vectors, texts, name=self.name, dim=self.dim)

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed questions, exactly as passages."""
        return self.embed_passages(texts)

    def _fill(self, row: NDArray[np.float32], text: str) -> None:
        for word, count in Counter(_WORD.findall(well_formed(text).lower())).items():
            code = zlib.crc32(word.encode())
            # Damped counts, as the field does: a word said ten times is not ten times the topic.
            row[(code >> 1) % self.dim] += (1.0 if code & 1 else -1.0) * (1.0 + np.log(count))
        norm = float(np.linalg.norm(row))
        if norm > 0.0:
            row /= norm
        else:  # no words, or words that cancel out
            row[0] = 1.0
