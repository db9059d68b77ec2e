"""The protocols of embedders and tokenizers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray


@runtime_checkable
class Tokenizer(Protocol):
    """The embedder's own tokenizer, with all that chunking needs."""

    max_tokens: int
    """Tokens of text that fit one input, special tokens not counted."""

    def offsets(self, texts: Sequence[str]) -> list[NDArray[np.int64]]:
        """Character spans of each text's tokens: int64, shape (n_tokens, 2), half open, no special tokens."""
        ...


See = Callable[[int, NDArray[np.float32], NDArray[np.float32]], None]
"""Called with a text's place, its vector (dim,), and its tokens' states (n_tokens, dim), special tokens included."""


SeeTokens = Callable[[int, NDArray[np.float32]], None]
"""Called with a text's place and its tokens' states (n_tokens, dim), of unit length, without special tokens."""


@dataclass(frozen=True, slots=True)
class TokenStates:
    """States of a model's last layer for each token of one text, without special tokens.

    Attributes
    ----------
    vectors
        float32, shape (n_tokens, dim), of unit length; of a text without a token, shape (0, dim).
    offsets
        int64, shape (n_tokens, 2): character spans in the text, half open.
    """

    vectors: NDArray[np.float32]
    offsets: NDArray[np.int64]


@runtime_checkable
class TokenEmbedder(Protocol):
    """An embedder with vectors of tokens, for late interaction; `rag.embedding.ModelEmbedder` is one."""

    def embed_tokens(self, texts: Sequence[str], *, query: bool = False) -> list[TokenStates]:
        """Embed the tokens of texts in their context; ``query`` says that the texts are questions."""
        ...


@runtime_checkable
class PartEmbedder(Protocol):
    """An embedder with vectors of spans in context, for late chunking; `rag.embedding.ModelEmbedder` is one."""

    def embed_parts(
        self,
        texts: Sequence[str],
        spans: Sequence[Sequence[tuple[int, int]]],
        *,
        see_tokens: SeeTokens | None = None,
    ) -> tuple[NDArray[np.float32], list[NDArray[np.float32]]]:
        """Embed texts to be found, and spans of each in its context; show the states of the tokens on the way.

        Returns
        -------
        vectors, parts
            As `Embedder.embed_passages`; and for each text the unit-norm means of its tokens' states over each span,
            float32 of shape (n_spans, dim). A span without a token, or beyond the model's window, has the text's own.
        """
        ...


@runtime_checkable
class Embedder(Protocol):
    """Turns texts into unit-norm float32 vectors of shape (n_texts, dim).

    ``name`` and ``revision`` identify the model: vectors of equal name, revision and dim are interchangeable, whatever
    runtime computed them. A true ``multilingual``, if there is one, says that the model reads many languages: questions
    in other languages than the documents' then rely on its vectors.
    """

    name: str
    revision: str
    dim: int
    tokenizer: Tokenizer

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts to be found."""
        ...

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed questions to find them with."""
        ...


EmbedderLike = Embedder | str | Sequence[Embedder | str]
"""An embedder as callers give it: the object, its spec, or several of these, which make an ensemble."""
