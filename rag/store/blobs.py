"""Vectors as the database stores them: in float32 or in float16.

Vectors of chunks are held as they are: any index may be built from them. Those of sentences that were read in their
chunk, several to a chunk, take half the room: their index has 8 bits a number, which float16 does not change. The
length of a blob tells which it is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def whole(x: NDArray[np.float32]) -> bytes:
    """Return a vector, float32 of shape (dim,), as it is."""
    return x.tobytes()


def half(x: NDArray[np.float32]) -> bytes:
    """Return a vector of length 1 in float16: each number is off by 1/2048 of itself at most, or by 3e-8."""
    return x.astype(np.float16).tobytes()


def vectors(blobs: Sequence[bytes], dim: int) -> NDArray[np.float32]:
    """Return what blobs hold: float32, shape (len(blobs), dim)."""
    lengths = {len(blob) for blob in blobs}
    if lengths == {2 * dim}:
        return np.frombuffer(b"".join(blobs), np.float16).reshape(len(blobs), dim).astype(np.float32)
    if lengths <= {4 * dim}:
        return np.frombuffer(b"".join(blobs), np.float32).reshape(len(blobs), dim)
    return np.stack([vectors([blob], dim)[0] for blob in blobs])


def sizes(dim: int) -> tuple[int, int]:
    """Return the two lengths that a blob may have."""
    return 4 * dim, 2 * dim


def sound(blob: bytes | None, dim: int) -> bool:
    """Say whether this is a vector of ``dim`` finite numbers."""
    return blob is not None and len(blob) in sizes(dim) and bool(np.isfinite(vectors([blob], dim)).all())
