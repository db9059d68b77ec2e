"""How the database holds a vector: the numbers in float32, or in 8 bits each beside their scale.

Vectors of chunks are held as they are: any index may be built from them. Those of sentences that were read in their
chunk, several to a chunk, take a quarter of the room: what searches them has 8 bits a number too. The length of a blob
tells which it is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_SCALE = 4  # bytes of the scale, a float32, before the codes
_MOST = 127


def whole(x: NDArray[np.float32]) -> bytes:
    """Return a vector, float32 of shape (dim,), as it is."""
    return x.tobytes()


def small(x: NDArray[np.float32]) -> bytes:
    """Return a vector in 8 bits a number: each is off by 1/254 of the largest at most."""
    scale = np.float32(np.abs(x).max(initial=0) / _MOST)
    codes = np.rint(x / scale) if scale > 0 else np.zeros(len(x))
    return scale.tobytes() + codes.astype(np.int8).tobytes()


def vectors(blobs: Sequence[bytes], dim: int) -> NDArray[np.float32]:
    """Return what blobs hold: float32, shape (len(blobs), dim)."""
    lengths = {len(blob) for blob in blobs}
    if lengths == {_SCALE + dim}:
        rows = np.frombuffer(b"".join(blobs), np.uint8).reshape(len(blobs), _SCALE + dim)
        scales = np.ascontiguousarray(rows[:, :_SCALE]).view(np.float32)
        return np.multiply(rows[:, _SCALE:].view(np.int8), scales, dtype=np.float32)
    if lengths <= {4 * dim}:
        return np.frombuffer(b"".join(blobs), np.float32).reshape(len(blobs), dim)
    return np.stack([vectors([blob], dim)[0] for blob in blobs])


def sizes(dim: int) -> tuple[int, int]:
    """Return the two lengths that a blob may have."""
    return 4 * dim, _SCALE + dim


def sound(blob: bytes | None, dim: int) -> bool:
    """Say whether this is a vector of ``dim`` finite numbers."""
    return blob is not None and len(blob) in sizes(dim) and bool(np.isfinite(vectors([blob], dim)).all())
