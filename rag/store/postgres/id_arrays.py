"""Ids and scores as a parameter and as results: in the server's own form, in a hundredth of the time of a list."""

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

_INT8, _INT8_ARRAY, _FLOAT8_ARRAY = 20, 1016, 1022
_ELEMENT, _SCORE = (np.dtype([("bytes", ">i4"), ("value", kind)]) for kind in (">i8", ">f8"))
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
        elements["bytes"], elements["value"] = 8, obj.ids
        return _HEAD.pack(1, 0, _INT8, len(elements), 1) + elements.tobytes()


class _Ids(Loader):
    format = Format.BINARY

    def load(self, data: Buffer) -> NDArray[np.int64]:
        return np.frombuffer(data, _ELEMENT, offset=_HEAD.size)["value"].astype(np.int64)


class _Scores(Loader):
    format = Format.BINARY

    def load(self, data: Buffer) -> NDArray[np.float32]:
        return np.frombuffer(data, _SCORE, offset=_HEAD.size)["value"].astype(np.float32)


def fetched(
    db: psycopg.Connection[tuple[Any, ...]], query: str, values: Sequence[object] | None = None
) -> NDArray[np.int64]:
    """Return the ids of a query whose one result is their ``array_agg``."""
    row = _one(db, query, values)
    return np.zeros(0, np.int64) if row is None or row[0] is None else np.asarray(row[0], np.int64)


def scored(
    db: psycopg.Connection[tuple[Any, ...]], query: str, values: Sequence[object] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return ids and scores, best first, equal ones by ascending id, of a query for rows of ``id`` and ``score``."""
    row = _one(db, f"select array_agg(id), array_agg(score::float8) from ({query}) found", values)  # noqa: S608
    if row is None or row[0] is None:
        return np.zeros(0, np.int64), np.zeros(0, np.float32)
    ids, scores = row
    order = np.lexsort((ids, -scores))
    return ids[order], scores[order]


def _one(
    db: psycopg.Connection[tuple[Any, ...]], query: str, values: Sequence[object] | None
) -> tuple[Any, ...] | None:
    with db.cursor(binary=True) as cursor:
        cursor.adapters.register_loader(_INT8_ARRAY, _Ids)
        cursor.adapters.register_loader(_FLOAT8_ARRAY, _Scores)
        return cursor.execute(query, values).fetchone()


def register(db: psycopg.Connection[tuple[Any, ...]]) -> None:
    """Make a connection take `IdArray` as a parameter."""
    db.adapters.register_dumper(IdArray, _Binary)
