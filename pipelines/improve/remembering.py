"""An embedder that embeds no question twice: an experiment asks the same questions under every value it tries."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rag.embedding.protocol import Embedder, Tokenizer


class Remembering:
    """Another embedder, with the vectors of questions remembered.

    Parameters
    ----------
    own
        The embedder; all that it has besides is there as well.
    """

    def __init__(self, own: Embedder) -> None:
        self._own = own
        self._vectors: dict[str, NDArray[np.float32]] = {}
        self.name: str = own.name
        self.revision: str = own.revision
        self.dim: int = own.dim
        self.tokenizer: Tokenizer = own.tokenizer

    def __getattr__(self, name: str) -> object:
        """Return what the embedder has besides, such as its vectors of tokens."""
        return getattr(self._own, name)

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts to be found."""
        return self._own.embed_passages(texts)

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed questions, each once."""
        new = [text for text in dict.fromkeys(texts) if text not in self._vectors]
        if new:
            self._vectors.update(zip(new, self._own.embed_queries(new), strict=True))
        return np.array([self._vectors[text] for text in texts], np.float32).reshape(len(texts), self.dim)
