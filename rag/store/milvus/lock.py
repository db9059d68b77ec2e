"""The writer's lock.

A file of Milvus Lite belongs to one process, in which writers are counted. Milvus itself has no locks, but it makes a
collection of a name once, and refuses another that has other fields: one that the holder alone makes is the lock.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import threading
import time
import uuid

from ...errors import StoreError, StoreLocked
from ..address import Address
from .client import Client

_POLL_S = 0.05
_LOCK = "writer"
_HOLDER = re.compile(r"p(\d+)_h(\w*?)_t[0-9a-f]{32}")

_writers: set[tuple[str, str]] = set()
_turn = threading.Lock()


class WriterLock:
    """Held by one writer of a knowledge base."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._place = client.place
        self._held = False

    def acquire(self, wait: float) -> None:
        """Take the lock, waiting up to ``wait`` seconds.

        Raises
        ------
        StoreLocked
            Another writer holds it; names its process.
        """
        until = time.monotonic() + wait
        while not self._taken():
            if time.monotonic() >= until:
                raise StoreLocked(
                    f"{self._place.shown} is being written to by {self._holder()}; wait for it with --wait SECONDS"
                    + ("" if self._place.is_file else f". If it is dead, drop the collection {self._name()}")
                )
            time.sleep(_POLL_S)

    def release(self) -> None:
        """Free it; may be called twice."""
        if not self._held:
            return
        self._held = False
        if not self._place.is_file:
            with contextlib.suppress(StoreError):
                self._client.drop(_LOCK)
        with _turn:
            _writers.discard(_key(self._place))

    def _name(self) -> str:
        return f"rag_{self._place.name}_{_LOCK}"

    def _taken(self) -> bool:
        with _turn:
            if _key(self._place) in _writers:
                return False
            if self._place.is_file or self._made():
                _writers.add(_key(self._place))
                self._held = True
            return self._held

    def _made(self) -> bool:
        """Make the collection."""
        if self._client.has(_LOCK):
            return False
        own = f"p{os.getpid()}_h{_host()}_t{uuid.uuid4().hex}"
        with contextlib.suppress(StoreError):  # another writer was first
            self._client.create(_LOCK, [(own, "int")], 2, "L2")
        return self._client.has(_LOCK) and own in self._client.fields(_LOCK)

    def _maker(self) -> tuple[int, str]:
        for field in self._client.fields(_LOCK):
            if found := _HOLDER.fullmatch(field):
                return int(found[1]), found[2]
        return 0, ""

    def _holder(self) -> str:
        if self._place.is_file:
            return f"process {os.getpid()}, this one"
        with contextlib.suppress(StoreError):
            pid, host = self._maker()
            return f"process {pid} on {host}"
        return "another process"


def _key(place: Address) -> tuple[str, str]:
    return place.server, place.name


def _host() -> str:
    return re.sub(r"\W", "_", socket.gethostname(), flags=re.ASCII)
