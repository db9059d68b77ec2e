"""Ids as a parameter and as a result: in the server's own form, in a hundredth of the time that a list takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg.abc import Buffer
from psycopg.adapt import Dumper, Loader
from psycopg.pq import Format

_INT8, _INT8_ARRAY = 20, 1016
_ELEMENT = np.dtype([("bytes", ">i4"), ("id", ">i8")])
_HEAD = Struct(">5i")  # dimensions, whether there are nulls, the elements' type, their number, the first one's place


@dataclass(frozen=True, slots=True, eq=False)
class IdArray:
    """Ids, int64, as an ``int8[]``."""

    ids: NDArray[np.int64]


class _Binary(Dumper):
    oid = _INT8_ARRAY
    format = Format.BINARY

    def dump(self, obj: IdArray) -> Buffer:
        elements = np.empty(len(obj.ids), _ELEMENT)
        elements["bytes"], elements["id"] = 8, obj.ids
        return _HEAD.pack(1, 0, _INT8, len(elements), 1) + elements.tobytes()


class _Array(Loader):
    format = Format.BINARY

    def load(self, data: Buffer) -> NDArray[np.int64]:
        return np.frombuffer(data, _ELEMENT, offset=_HEAD.size)["id"].astype(np.int64)


def fetched(
    db: psycopg.Connection[tuple[Any, ...]], query: str, values: Sequence[object] | None = None
) -> NDArray[np.int64]:
    """Return the ids of a query whose one result is their ``array_agg``."""
    with db.cursor(binary=True) as cursor:
        cursor.adapters.register_loader(_INT8_ARRAY, _Array)
        row = cursor.execute(query, values).fetchone()
    return np.zeros(0, np.int64) if row is None or row[0] is None else np.asarray(row[0], np.int64)


def register(db: psycopg.Connection[tuple[Any, ...]]) -> None:
    """Make a connection take `IdArray` as a parameter."""
    db.adapters.register_dumper(IdArray, _Binary)
