"""Generated vectors, ``synthetic:100k x 128``: clustered, of low intrinsic dimension, like embeddings.

Uniform noise in many dimensions has no near neighbours, so recall on it says nothing; after faiss's
``contrib.datasets.SyntheticDataset``.
"""

from __future__ import annotations

import re

import numpy as np

from indexes import Vectors
from rag.errors import InvalidInput

from .vector_data import Raw

_FORM = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([km]?)\s*[x×*]\s*(\d+)\s*", re.IGNORECASE)
_SIZES = {"": 1, "k": 1000, "m": 1_000_000}
_BLOCK = 100_000
_MAX_NUMBERS = 4_000_000_000
_WEIGHTS = 1 / np.arange(1, 101)
_WEIGHTS /= _WEIGHTS.sum()


def synthetic(text: str, n_queries: int, seed: int) -> Raw:
    """Return ``n x dim`` generated vectors, and queries of the same distribution.

    Each vector is one of 100 centres with weights falling as 1/rank, moved in a sixth of the dimensions (at least 8),
    bent by a sine, with a little noise.

    Raises
    ------
    InvalidInput
        The text does not have the form ``100k x 128``.
    """
    n, dim = _size(text)
    rng = np.random.default_rng(seed)
    centres, directions = _shape(dim, rng)
    out = np.empty((n + n_queries, dim), np.float32)
    for start in range(0, len(out), _BLOCK):
        _fill(out[start : start + _BLOCK], centres, directions, rng)
    return Raw(out[:n], out[n:], "l2")


def ood_of_synthetic(text: str, n_queries: int, seed: int) -> Vectors:
    """Return queries of another distribution than the vectors of the same text and seed.

    They lie around other centres, spread in other directions, and all are moved by one offset, as the vectors of texts
    are from those of pictures in one model (the modality gap, Liang et al. 2022).
    """
    _, dim = _size(text)
    centres, directions = _shape(dim, np.random.default_rng(seed))
    rng = np.random.default_rng([seed, 1])
    others, own = _shape(dim, rng)
    offset = rng.standard_normal(dim).astype(np.float32)
    offset *= np.float32(np.sqrt(np.square(centres @ directions).sum(axis=1).mean()) / np.linalg.norm(offset))
    out = np.empty((n_queries, dim), np.float32)
    _fill(out, ((centres + others) / 2).astype(np.float32), ((directions + own) / np.sqrt(2)).astype(np.float32), rng)
    return out + offset


def _size(text: str) -> tuple[int, int]:
    """Return the number of vectors and their length."""
    found = _FORM.fullmatch(text)
    if not found:
        raise InvalidInput(f"synthetic:{text} cannot be read; write for example 'synthetic:100k x 128'")
    n, dim = int(float(found[1]) * _SIZES[found[2].lower()]), int(found[3])
    if n < 2 or dim < 1 or n * dim > _MAX_NUMBERS:
        raise InvalidInput(f"synthetic:{text}: from 2 vectors up to {_MAX_NUMBERS:,} numbers in all")
    return n, dim


def _shape(dim: int, rng: np.random.Generator) -> tuple[Vectors, Vectors]:
    """Return 100 centres in few dimensions, and where these lie in all of them."""
    latent = min(dim, max(8, dim // 6))
    centres = rng.standard_normal((100, latent)).astype(np.float32) * 2
    directions = rng.standard_normal((latent, dim)).astype(np.float32) / np.float32(np.sqrt(latent))
    return centres, directions.astype(np.float32)


def _fill(block: Vectors, centres: Vectors, directions: Vectors, rng: np.random.Generator) -> None:
    at = rng.choice(100, len(block), p=_WEIGHTS)
    hidden = centres[at] + rng.standard_normal((len(block), centres.shape[1]), np.float32)
    np.matmul(hidden, directions, out=block)
    block += np.sin(2 * block) + 0.05 * rng.standard_normal(block.shape, np.float32)
