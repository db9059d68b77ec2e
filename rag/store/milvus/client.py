"""The way to Milvus: collections of one knowledge base, read with strong consistency, in windows of ids.

Expressions are made of numbers and of hexadecimal digits alone: nothing that a document or a question holds is ever
part of one.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ...errors import InvalidInput, StoreMismatch, StoreUnwritable
from ..address import Address
from .faults import faults

CALL_S = 60.0
"""Seconds that one call may take."""
MOST = 16_384
"""Rows that a search or a query may return."""
_WRITTEN = 1_000
_WRITTEN_BYTES = 8_000_000
NEVER = (1 << 62) - 1
"""When rows die that nothing has removed."""

Row = dict[str, Any]

_files: dict[str, int] = {}
_files_turn = threading.Lock()


class Client:
    """Calls Milvus for one knowledge base; threads may share it."""

    def __init__(self, place: Address) -> None:
        from pymilvus import MilvusClient

        for name in ("pymilvus", "milvus_lite"):  # they log every refusal with its stack; here it becomes an error
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self.place = place
        self._prefix = f"rag_{place.name}_"
        self._turn = threading.Lock()
        self._closed = False
        self._file = str(Path(place.server).absolute()) if place.is_file else ""
        if self._file:
            _check_file(place)
        with faults(place.shown), _files_turn:
            own = {"token": place.token} if place.token else {}
            self._client = MilvusClient(self._file or place.server, timeout=CALL_S, **own)
            if self._file:
                _files[self._file] = _files.get(self._file, 0) + 1

    def close(self) -> None:
        """Close it; may be called twice. The last one of a file frees it for other processes."""
        with self._turn:
            if self._closed:
                return
            self._closed = True
        self._client.close()
        if self._file:
            with _files_turn:
                _files[self._file] -= 1
                if not _files[self._file]:
                    from milvus_lite.server_manager import server_manager_instance

                    server_manager_instance.release_server(self._file)

    def check(self) -> None:
        """Refuse to go on once it is closed."""
        if self._closed:
            raise InvalidInput(f"the knowledge base {self.place.shown} is closed; open it again")

    # ---- collections ----------------------------------------------------------------------------------------------

    def has(self, name: str) -> bool:
        """Say whether there is a collection."""
        with faults(self.place.shown):
            return bool(self._client.has_collection(self._prefix + name, timeout=CALL_S))

    def create(self, name: str, fields: Sequence[tuple[str, str]], dim: int, metric: str, index: str = "FLAT") -> None:
        """Make a collection of rows with an ``id``, the fields, and a ``vector``."""
        from pymilvus import DataType, MilvusClient

        kinds = {"int": DataType.INT64, "text": DataType.VARCHAR}
        schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("id", DataType.INT64, is_primary=True)
        for field, kind in fields:
            schema.add_field(field, kinds[kind], **({"max_length": 65_535} if kind == "text" else {}))
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dim)
        params = self._client.prepare_index_params()
        params.add_index("vector", index_type=index, metric_type=metric)
        with faults(self.place.shown):
            self._client.create_collection(
                self._prefix + name, schema=schema, index_params=params, consistency_level="Strong", timeout=CALL_S
            )

    def drop(self, name: str) -> None:
        """Remove a collection."""
        with faults(self.place.shown):
            self._client.drop_collection(self._prefix + name, timeout=CALL_S)

    def fields(self, name: str) -> list[str]:
        """Return the names of a collection's fields."""
        with faults(self.place.shown):
            return [each["name"] for each in self._client.describe_collection(self._prefix + name)["fields"]]

    def load(self, names: Iterable[str]) -> None:
        """Bring collections into the server's memory, where they are searched."""
        with faults(self.place.shown):
            for name in names:
                self._client.load_collection(self._prefix + name, timeout=CALL_S)

    def flush(self, names: Iterable[str]) -> None:
        """Seal what was written: Lite searches it faster then, and keeps it through a power cut."""
        with faults(self.place.shown):
            for name in names:
                self._client.flush(self._prefix + name, timeout=10 * CALL_S)

    # ---- rows -----------------------------------------------------------------------------------------------------

    def write(self, name: str, rows: Iterable[Row]) -> None:
        """Put rows in the place of those of the same ids."""
        self.check()
        with faults(self.place.shown):
            for block in _blocks(rows):
                self._client.upsert(self._prefix + name, block, timeout=CALL_S)

    def change(self, name: str, ids: Sequence[int], **values: int) -> None:
        """Change some fields of the rows of these ids, of those that are there."""
        there = sorted(self.rows(name, ids, [], step=10_000))
        with faults(self.place.shown):
            for start in range(0, len(there), _WRITTEN):
                rows = [{"id": each, **values} for each in there[start : start + _WRITTEN]]
                self._client.upsert(self._prefix + name, rows, partial_update=True, timeout=CALL_S)

    def delete(self, name: str, test: str) -> None:
        """Delete the rows that an expression allows."""
        self.check()
        with faults(self.place.shown):
            self._client.delete(self._prefix + name, filter=test, timeout=CALL_S)

    def query(self, name: str, test: str, fields: Sequence[str], *, limit: int = MOST) -> list[Row]:
        """Return up to ``limit`` rows that an expression allows, in no order."""
        self.check()
        with faults(self.place.shown):
            found = self._client.query(
                self._prefix + name,
                filter=test,
                output_fields=["id", *fields],
                limit=limit,
                consistency_level="Strong",
                timeout=CALL_S,
            )
        return list(found)

    def windows(
        self, name: str, test: str, fields: Sequence[str], end: int, *, start: int = 0, step: int = 2_000
    ) -> Iterator[Row]:
        """Yield all rows with ids from ``start`` to ``end`` that an expression allows, by ascending id."""
        for first in range(start, end, step):
            rows = self.query(name, f"id >= {first} and id < {min(end, first + step)} and ({test})", fields)
            yield from sorted(rows, key=lambda row: int(row["id"]))

    def rows(self, name: str, ids: Sequence[int], fields: Sequence[str], *, step: int = 1_000) -> dict[int, Row]:
        """Return the rows of these ids, of those that are there."""
        found: dict[int, Row] = {}
        for start in range(0, len(ids), step):
            block = [int(i) for i in ids[start : start + step]]
            found |= {row["id"]: row for row in self.query(name, f"id in {block}", fields)}
        return found

    def search(self, name: str, vector: Sequence[float], test: str, limit: int, fields: Sequence[str]) -> list[Row]:
        """Return the nearest rows that an expression allows, each with its ``distance``."""
        self.check()
        with faults(self.place.shown):
            (found,) = self._client.search(
                self._prefix + name,
                data=[vector],
                filter=test,
                limit=min(limit, MOST),
                output_fields=list(fields),
                consistency_level="Strong",
                timeout=CALL_S,
            )
        return [{"id": hit["id"], "distance": hit["distance"], **hit["entity"]} for hit in found]


def _check_file(place: Address) -> None:
    """Refuse what Lite would only say it failed to open."""
    path = Path(place.server).absolute()
    if path.exists() and not path.is_dir():
        raise StoreMismatch(
            f"{place.shown} is a file, and Milvus Lite keeps a folder of that name from version 3 on; take another name"
        )
    held = path if path.exists() else path.parent
    if not held.is_dir() or not os.access(held, os.W_OK | os.X_OK):
        raise StoreUnwritable(
            f"cannot use {place.shown}: {held} is not a folder that can be written; Milvus Lite needs one to read too"
        )


def _blocks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Group rows into calls that are not too large."""
    block: list[Row] = []
    size = 0
    for row in rows:
        block.append(row)
        size += sum(len(value) for value in row.values() if isinstance(value, str)) + 8 * len(row["vector"])
        if len(block) >= _WRITTEN or size >= _WRITTEN_BYTES:
            yield block
            block, size = [], 0
    if block:
        yield block
