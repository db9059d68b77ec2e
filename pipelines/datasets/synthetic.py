"""Generated vectors, ``synthetic:100k x 128``: clustered, of low intrinsic dimension, like embeddings.

Uniform noise in many dimensions has no near neighbours, so recall on it says nothing; after faiss's
``contrib.datasets.SyntheticDataset``.
"""

from __future__ import annotations

import re

import numpy as np

from rag.errors import InvalidInput

from .vector_data import Raw

_FORM = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([km]?)\s*[x×*]\s*(\d+)\s*", re.IGNORECASE)
_SIZES = {"": 1, "k": 1000, "m": 1_000_000}
_BLOCK = 100_000
_MAX_NUMBERS = 4_000_000_000


def synthetic(text: str, n_queries: int, seed: int) -> Raw:
    """Return ``n x dim`` generated vectors, and queries of the same distribution.

    Each vector is one of 100 centres with weights falling as 1/rank, moved in a sixth of the dimensions (at least 8),
    bent by a sine, with a little noise.

    Raises
    ------
    InvalidInput
        The text does not have the form ``100k x 128``.
    """
    found = _FORM.fullmatch(text)
    if not found:
        raise InvalidInput(f"synthetic:{text} cannot be read; write for example 'synthetic:100k x 128'")
    n, dim = int(float(found[1]) * _SIZES[found[2].lower()]), int(found[3])
    if n < 2 or dim < 1 or n * dim > _MAX_NUMBERS:
        raise InvalidInput(f"synthetic:{text}: from 2 vectors up to {_MAX_NUMBERS:,} numbers in all")
    rng = np.random.default_rng(seed)
    latent = min(dim, max(8, dim // 6))
    centres = rng.standard_normal((100, latent)).astype(np.float32) * 2
    weights = 1 / np.arange(1, 101)
    directions = rng.standard_normal((latent, dim)).astype(np.float32) / np.float32(np.sqrt(latent))
    out = np.empty((n + n_queries, dim), np.float32)
    for start in range(0, len(out), _BLOCK):
        block = out[start : start + _BLOCK]
        at = rng.choice(100, len(block), p=weights / weights.sum())
        hidden = centres[at] + rng.standard_normal((len(block), latent), np.float32)
        np.matmul(hidden, directions, out=block)
        block += np.sin(2 * block) + 0.05 * rng.standard_normal(block.shape, np.float32)
    return Raw(out[:n], out[n:], "l2")
