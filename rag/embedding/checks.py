"""Check an embedder's output, and compute the fingerprint that a knowledge base keeps of a model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import EmbedderError
from .protocol import Embedder

# Half precision leaves norms within 1e-3 of one; such rows are scaled, anything farther off was never normalised.
_NORM_TOLERANCE = 1e-2

PROBES = (
    "The quick brown fox jumps over the lazy dog.",
    "How many vectors does an index of one million passages hold?",
    "naïve café — 漢字, 42 %",
)


def checked(vectors: object, texts: Sequence[str], *, name: str, dim: int, first: int = 0) -> NDArray[np.float32]:
    """Return ``vectors`` as unit-norm float32 of shape (n_texts, dim), or refuse them.

    Parameters
    ----------
    vectors
        What the embedder returned for ``texts``: array-like, shape (n_texts, dim).
    texts
        The batch that was embedded.
    name
        The embedder's name, for the message.
    dim
        Number of components that the embedder declares.
    first
        Place of the batch's first text in the whole call, for the message.

    Returns
    -------
    float32, shape (n_texts, dim), C-contiguous, every row of length one.

    Raises
    ------
    EmbedderError
        On another count, shape or kind, on NaN or infinity, or on rows that are not of unit length.
    """
    batch = f"embedder {name!r}, texts {first} to {first + len(texts) - 1}" if texts else f"embedder {name!r}, no texts"
    try:
        array = np.asarray(vectors, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise EmbedderError(f"{batch}: returned no array of numbers ({error}). Return floats.") from error
    if array.size == 0 and not texts:
        return np.zeros((0, dim), dtype=np.float32)
    if array.shape != (len(texts), dim):
        raise EmbedderError(
            f"{batch}: returned shape {array.shape}, expected ({len(texts)}, {dim}). Return a vector for each text."
        )
    norms = np.linalg.norm(array, axis=1, keepdims=True)
    # A single NaN or infinity makes its row's norm so: no second pass over the components.
    wrong = np.flatnonzero(~np.isfinite(norms[:, 0]))
    if wrong.size:
        raise EmbedderError(f"{batch}: text {first + int(wrong[0])} gave NaN or infinity. Check the model's weights.")
    wrong = np.flatnonzero(np.abs(norms[:, 0] - 1.0) > _NORM_TOLERANCE)
    if wrong.size:
        row = int(wrong[0])
        raise EmbedderError(
            f"{batch}: text {first + row} gave a vector of length {float(norms[row, 0]):.4g}, expected 1. Normalise it."
        )
    return np.ascontiguousarray(array / norms)


def fingerprint(embedder: Embedder) -> NDArray[np.float32]:
    """Embed three fixed passages: float32, shape (3, dim).

    Two runtimes of one model agree to a cosine of 0.9999 or more in each row; another model does not.
    """
    return embedder.embed_passages(list(PROBES))
