"""The hashes that a reader holds: read once, and after a change what is new."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import hashes
from .connection import Connection, Snapshot
from .hashing import Codes, Hashes, Hashing, Ids
from .id_arrays import fetched

Parts = dict[int, tuple[Ids, Codes]]


@dataclass(frozen=True, slots=True)
class _Held:
    """The hashes that were read, and how many of them each segment has, in the order in which they are held."""

    hashes: Hashes
    segments: list[tuple[int, int]]
    removed: int

    def parts(self) -> Parts:
        """Return the ids and hashes of each segment."""
        found, start = {}, 0
        for segment, chunks in self.segments:
            end = start + chunks
            found[segment] = (self.hashes.ids[start:end], self.hashes.codes[start:end])
            start = end
        return found


class HashesCache:
    """Gives the hashes of a snapshot's chunks; threads may share it."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._state: tuple[int, int] | None = None
        self._held: _Held | None = None

    def memory(self) -> dict[str, int]:
        """Return the bytes that are held, by part."""
        return {} if self._held is None else self._held.hashes.memory()

    def hashes(self, snapshot: Snapshot) -> Hashes | None:
        """Return the hashes of a snapshot's chunks; None where it has no such index yet."""
        state = (snapshot.state.seq, snapshot.state.version)
        with self._turn:
            if state != self._state:
                self._held, self._state = _brought(snapshot.db, self._held), state
            return None if self._held is None else self._held.hashes


def _brought(db: Connection, held: _Held | None) -> _Held | None:
    """Read what is not held yet, and leave out what was removed."""
    made, there = db.rows("select (select made from hashing), array(select segment from hashes order by segment)")[0]
    if made is None:
        return None
    removed = fetched(db, "select array_agg(chunk order by chunk) from removed")
    if held is not None and (held.hashes.hashing.made != made or held.removed > len(removed)):
        held = None  # built anew; or of a later state, in which more was removed
    if held is not None and [segment for segment, _ in held.segments] == there and held.removed == len(removed):
        return held
    own = hashes.hashing(db) if held is None else held.hashes.hashing
    assert own is not None  # noqa: S101 - it is in this snapshot
    known = {} if held is None else held.parts()
    known.update(hashes.read(db, own, [segment for segment in there if segment not in known]))
    return _together(own, {segment: known[segment] for segment in there}, removed)


def _together(own: Hashing, parts: Parts, removed: Ids) -> _Held:
    """Put the hashes of segments one behind the other, without those of removed chunks."""
    left = {segment: _left(ids, removed) for segment, (ids, _) in parts.items()}
    ids = [np.zeros(0, np.int64), *(ids[left[segment]] for segment, (ids, _) in parts.items())]
    codes = [np.zeros((0, own.width), np.uint8), *(codes[left[segment]] for segment, (_, codes) in parts.items())]
    segments = [(segment, int(kept.sum())) for segment, kept in left.items()]
    return _Held(Hashes(own, np.concatenate(ids), np.concatenate(codes)), segments, len(removed))


def _left(ids: Ids, removed: Ids) -> NDArray[np.bool_]:
    """Return which of the ids are not among the removed ones, which ascend."""
    places = np.minimum(np.searchsorted(removed, ids), max(0, len(removed) - 1))
    return removed[places] != ids if len(removed) else np.ones(len(ids), np.bool_)
