"""Errors of Milvus and of the way to it, translated into this toolkit's own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from ...errors import StoreError, StoreLocked, StoreMissing, StoreUnavailable, on_one_line

_NO_COLLECTION = 100


@contextlib.contextmanager
def faults(shown: str) -> Iterator[None]:
    """Turn the client's errors into `StoreError`s that name the place as ``shown``."""
    import grpc
    from pymilvus.exceptions import MilvusException

    try:
        yield
    except (MilvusException, grpc.RpcError) as error:
        raise translated(shown, error) from error


def translated(shown: str, error: Exception) -> StoreError:
    """Return this toolkit's error for the client's."""
    cause = on_one_line(str(getattr(error, "message", "") or error))
    if "Open local milvus failed" in cause:
        return StoreLocked(
            f"{shown} is in use by another process, and a file of Milvus Lite serves one at a time; try again when it "
            "has ended, or use a server"
        )
    if getattr(error, "code", None) == _NO_COLLECTION:
        return StoreMissing(f"no knowledge base in {shown}; `rag copy FOLDER {shown}` makes one")
    return StoreUnavailable(
        f"{shown} cannot be used: {cause}; try again when the server answers. What was acknowledged is kept"
    )
