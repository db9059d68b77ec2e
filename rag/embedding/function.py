"""A user's own function as an embedder."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InvalidInput
from .checks import checked
from .protocol import Tokenizer
from .tokens import WordTokenizer


class CallableEmbedder:
    """Wrap a function from texts to vectors.

    Parameters
    ----------
    function
        Takes a list of n texts, returns n vectors of ``dim`` numbers (any length but zero: they are normalised here).
    dim
        Number of components of a vector.
    name
        Identity of the model behind the function; a store refuses vectors of another name.
    revision
        Change it whenever the function gives other vectors than before.
    queries
        Function for questions, if they are embedded differently; else ``function``.
    tokenizer
        What chunkers measure texts with; else words and punctuation marks, 256 an input.
    batch_size
        Texts given to the function at once.

    Examples
    --------
    >>> embedder = CallableEmbedder(lambda texts: [[len(text), 1.0] for text in texts], dim=2, name="length")
    >>> embedder.embed_passages(["abc"]).round(3).tolist()
    [[0.949, 0.316]]
    """

    def __init__(
        self,
        function: Callable[[list[str]], ArrayLike],
        *,
        dim: int,
        name: str,
        revision: str = "1",
        queries: Callable[[list[str]], ArrayLike] | None = None,
        tokenizer: Tokenizer | None = None,
        batch_size: int = 256,
    ) -> None:
        if dim < 1 or batch_size < 1:
            raise InvalidInput(f"dim={dim}, batch_size={batch_size}: both must be at least 1.")
        if not name:
            raise InvalidInput("name is empty: give the name of the model behind the function.")
        self.name = name
        self.revision = revision
        self.dim = dim
        self.tokenizer: Tokenizer = tokenizer or WordTokenizer()
        self._passages = function
        self._queries = queries or function
        self._batch_size = batch_size

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts to be found: float32, shape (n_texts, dim), unit norm."""
        return self._embed(self._passages, texts)

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed questions: float32, shape (n_texts, dim), unit norm."""
        return self._embed(self._queries, texts)

    def _embed(self, function: Callable[[list[str]], ArrayLike], texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = np.empty((len(texts), self.dim), dtype=np.float32)
        for first in range(0, len(texts), self._batch_size):
            batch = list(texts[first : first + self._batch_size])
            vectors[first : first + len(batch)] = checked(
                _normalised(function(batch)), batch, name=self.name, dim=self.dim, first=first
            )
        return vectors


def _normalised(vectors: ArrayLike) -> object:
    """Scale rows to unit length if possible; anything but a matrix of numbers is left to `checked`."""
    try:
        array = np.asarray(vectors, dtype=np.float64)
    except (TypeError, ValueError):
        return vectors
    if array.ndim != 2:
        return array
    norms = np.linalg.norm(array, axis=1, keepdims=True)
    scaled: NDArray[np.float64] = np.divide(array, norms, out=array.copy(), where=norms > 0)
    return scaled
