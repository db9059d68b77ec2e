"""Token states in 2 bits a number: what is left of each beside the mean of its text, rotated and rounded.

The states of one text have much in common; a state is kept as its share of their mean, and the rest in 2 bits a number.
The rest is rotated first, so that its numbers are spread alike and four fixed levels fit them all: nothing is learned
from the data, and texts may come and go.

A code of ``n`` states of ``dim`` numbers is little endian: the mean's direction (``dim`` float16), and for each state
its share of that and the scale of its levels (float16 each), and its levels, four to a byte.

References
----------
K. Santhanam et al., "ColBERTv2: effective and efficient retrieval via lightweight late interaction", NAACL 2022
(residuals in 2 bits, around centroids of the whole collection); J. Gao and C. Long, "RaBitQ: quantizing
high-dimensional vectors with a theoretical error bound", SIGMOD 2024 (a random rotation, and a scale that keeps inner
products unbiased); S. Lloyd, "Least squares quantization in PCM", IEEE TIT 28(2), 1982 (the levels).
"""

from __future__ import annotations

import hashlib
from functools import cache

import numpy as np
from numpy.typing import NDArray

States = NDArray[np.float32]

_LEVELS = np.array([-1.5104, -0.4528, 0.4528, 1.5104], np.float32)
"""The levels of least error for numbers of a normal distribution, and the borders between them."""
_BORDERS = np.array([-0.9816, 0.0, 0.9816], np.float32)
_SHIFTS = np.array([0, 2, 4, 6], np.uint8)
_TABLE = _LEVELS[(np.arange(256, dtype=np.uint8)[:, None] >> _SHIFTS) & 3]


def encode(states: States) -> bytes:
    """Encode states of unit length: float32, shape (n, dim); a text without a token has an empty code."""
    n, dim = states.shape
    if not n:
        return b""
    mean = states.mean(axis=0)
    mean = (mean / max(float(np.linalg.norm(mean)), 1e-12)).astype(np.float16)
    shares = (states @ mean.astype(np.float32)).astype(np.float16)
    rest = (states - shares[:, None].astype(np.float32) * mean.astype(np.float32)) @ _rotation(dim)
    lengths = np.linalg.norm(rest, axis=1, keepdims=True) / np.sqrt(dim)
    codes = np.searchsorted(_BORDERS, rest / np.maximum(lengths, 1e-12)).astype(np.uint8)
    levels = _LEVELS[codes]
    # The scale by which the levels' inner product with the rest is that of the rest with itself.
    scales = np.einsum("ij,ij->i", rest, rest) / np.maximum(np.einsum("ij,ij->i", rest, levels), 1e-12)
    four = np.zeros((n, -(-dim // 4) * 4), np.uint8)
    four[:, :dim] = codes
    packed = np.bitwise_or.reduce(four.reshape(n, -1, 4) << _SHIFTS, axis=2)
    facts = np.stack([shares, scales.astype(np.float16)], axis=1)
    return b"".join([mean.astype("<f2").tobytes(), facts.astype("<f2").tobytes(), packed.tobytes()])


def count(code: bytes, dim: int) -> int:
    """Return the number of states in a code; -1 if its length does not fit states of ``dim`` numbers."""
    if not code:
        return 0
    n, odd = divmod(len(code) - 2 * dim, 4 + -(-dim // 4))
    return n if n > 0 and not odd else -1


def similarities(question: States, code: bytes) -> NDArray[np.float32]:
    """Return the inner products of a question's states with those in a code.

    Parameters
    ----------
    question
        float32, shape (m, dim).
    code
        Of ``n`` states.

    Returns
    -------
    float32, shape (m, n).
    """
    m, dim = question.shape
    n = count(code, dim)
    if n < 1:
        return np.zeros((m, 0), np.float32)
    mean = np.frombuffer(code, "<f2", dim).astype(np.float32)
    shares, scales = np.frombuffer(code, "<f2", 2 * n, 2 * dim).astype(np.float32).reshape(n, 2).T
    packed = np.frombuffer(code, np.uint8, offset=2 * dim + 4 * n)
    levels = np.take(_TABLE, packed, axis=0).reshape(n, -1)[:, :dim]
    rotated = question @ _rotation(dim)
    found: NDArray[np.float32] = np.outer(question @ mean, shares) + (rotated @ levels.T) * scales
    return found


@cache
def _rotation(dim: int) -> NDArray[np.float32]:
    """Return a rotation, float32 of shape (dim, dim): signs and cosine transforms by turns, the same everywhere."""
    i = np.arange(dim)
    cosines = np.cos(np.pi * (i[:, None] + 0.5) * i / dim) * np.sqrt(2 / dim)
    cosines[:, 0] /= np.sqrt(2)
    bits = np.unpackbits(np.frombuffer(hashlib.shake_256(b"residual codes").digest(-(-dim // 4)), np.uint8))
    signs = 1.0 - 2.0 * bits[: 2 * dim]
    turned = (signs[:dim, None] * cosines) @ (signs[dim:, None] * cosines)
    return np.asarray(turned, np.float32)
