"""The first components of another embedder's vectors: shorter rows to keep and compare."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import EmbedderError, InvalidInput
from .checks import checked
from .protocol import Embedder, PartEmbedder, SeeTokens, TokenEmbedder, Tokenizer, TokenStates

Vectors = NDArray[np.float32]


class TruncatedEmbedder:
    """Cuts vectors to their first components and makes them of length one again.

    Models that were trained for it (Matryoshka) put what matters most first; others lose more by it.

    Parameters
    ----------
    own
        The embedder.
    dim
        Components to keep, below its own.

    Raises
    ------
    InvalidInput
        The embedder has no more than ``dim`` components.

    References
    ----------
    A. Kusupati et al., "Matryoshka representation learning", NeurIPS 2022.
    """

    def __init__(self, own: Embedder, dim: int) -> None:
        if not 1 <= dim < own.dim:
            raise InvalidInput(f"dim={dim}: {own.name} has vectors of {own.dim}; give 1 to {own.dim - 1}")
        self.own = own
        self.name = f"{own.name}:dim={dim}"
        self.revision = own.revision
        self.dim = dim
        self.multilingual = bool(getattr(own, "multilingual", False))

    @property
    def tokenizer(self) -> Tokenizer:
        """The embedder's own."""
        return self.own.tokenizer

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """Embed texts to be found: float32, shape (n_texts, dim), unit norm."""
        return checked(self._cut(self.own.embed_passages(texts)), texts, name=self.name, dim=self.dim)

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """Embed questions: float32, shape (n_texts, dim), unit norm."""
        return checked(self._cut(self.own.embed_queries(texts)), texts, name=self.name, dim=self.dim)

    def embed_parts(
        self,
        texts: Sequence[str],
        spans: Sequence[Sequence[tuple[int, int]]],
        *,
        see_tokens: SeeTokens | None = None,
    ) -> tuple[Vectors, list[Vectors]]:
        """Embed texts to be found, and spans of each in its context, see `PartEmbedder`.

        Raises
        ------
        EmbedderError
            The embedder has no vectors of spans.
        """
        if not isinstance(self.own, PartEmbedder):
            raise EmbedderError(f"embedder {self.own.name!r} gives no token states. Take granularity chunk+sentence.")
        vectors, parts = self.own.embed_parts(texts, spans, **({"see_tokens": see_tokens} if see_tokens else {}))
        return checked(self._cut(vectors), texts, name=self.name, dim=self.dim), [self._cut(part) for part in parts]

    def embed_tokens(self, texts: Sequence[str], *, query: bool = False) -> list[TokenStates]:
        """Embed the tokens of texts, whole, see `TokenEmbedder`.

        Raises
        ------
        EmbedderError
            The embedder has no token states.
        """
        if not isinstance(self.own, TokenEmbedder):
            raise EmbedderError(f"embedder {self.own.name!r} gives no token states. Take a model's embedder.")
        return self.own.embed_tokens(texts, query=query)

    def _cut(self, vectors: Vectors) -> Vectors:
        cut = np.array(vectors[:, : self.dim])
        cut[~cut.any(axis=1), 0] = 1.0  # all that it had lay beyond the cut
        return np.asarray(cut / np.linalg.norm(cut, axis=1, keepdims=True), np.float32)
