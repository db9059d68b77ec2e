"""What the engines share that hold codes instead of vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import faiss_library as native
from .errors import InvalidInput
from .rows import Keep
from .types import Ids, Vectors

TRAINING_PER_CODE = 39
"""faiss asks for so many training vectors per code; fewer take little memory as they are, and are searched exactly."""


def parts(dim: int, m: int | None) -> int:
    """Return into how many parts to cut vectors: ``m``, or for None the largest divisor of ``dim`` up to ``dim`` / 4.

    Raises
    ------
    InvalidInput
        ``m`` does not divide ``dim``.
    """
    divisors = [i for i in range(1, dim + 1) if dim % i == 0]
    if m is None:
        return max(i for i in divisors if i <= max(1, dim // 4))
    if m not in divisors:
        near = sorted(divisors, key=lambda i: abs(i - m))[:3]
        raise InvalidInput(
            f"m={m} does not divide the dimension {dim}: take one of {', '.join(map(str, sorted(near)))}"
        )
    return m


def opq(x: Vectors, m: int) -> Vectors:
    """Learn the rotation after which ``m`` parts lose least: float32, shape (dim, dim), multiplied from the right.

    Ge et al., "Optimized product quantization", 2013.
    """
    faiss = native.faiss()
    matrix = faiss.OPQMatrix(x.shape[1], m)
    matrix.train(x)
    return np.ascontiguousarray(faiss.vector_to_array(matrix.A).reshape(x.shape[1], x.shape[1]).T)


def random_rotation(dim: int, seed: int) -> Vectors:
    """Return a random rotation: float32, shape (dim, dim)."""
    normal = np.random.default_rng(seed).standard_normal((dim, dim))
    return np.asarray(np.linalg.qr(normal)[0], np.float32, order="C")


def rotated(x: Vectors, rotation: Vectors | None) -> Vectors:
    """Return ``x`` in the rotated frame, C-contiguous."""
    return x if rotation is None else np.ascontiguousarray(x @ rotation)


def compact(index: Any, live: Ids) -> None:  # noqa: ANN401 - a faiss index of codes in row order
    """Throw out all rows but ``live``; the others move up."""
    dead = np.ones(index.ntotal, np.bool_)
    dead[live] = False
    index.remove_ids(native.selector(Keep(np.flatnonzero(dead), index.ntotal)))
