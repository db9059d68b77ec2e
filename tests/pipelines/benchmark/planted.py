"""Engines that cheat, crash, hang or eat memory, each in one way; the benchmark must not be fooled or stopped."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from indexes import Hits, Traits, files, registry
from indexes.dense_index import DenseIndex
from indexes.spec import Parameters, param


@dataclass(frozen=True, kw_only=True)
class Level(Parameters):
    level: int = param(1, "of effort", low=1)


class Honest(DenseIndex):
    """Exact search by numpy."""

    name = "honest"
    Search = Level

    def __init__(self, dim: int, **options: Any) -> None:
        super().__init__(dim, **options)
        self._x = np.empty((0, dim), np.float32)

    @property
    def traits(self):
        return Traits(exact=True, exhaustive=True, remove="native", filter="native", add="native", recall_floor=1.0)

    def _build(self, items):
        self._x = items.copy()

    def _append(self, items):
        self._x = np.concatenate((self._x, items))

    def _compact(self, live):
        self._x = self._x[live]

    def _search(self, q, k, params, keep):
        scores = q @ self._x.T if self.metric != "l2" else -np.square(q[:, None] - self._x[None]).sum(axis=2)
        if keep is not None:
            scores = np.where(keep.mask, scores, -np.inf)
        rows = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(scores, rows, axis=1), rows

    def _vectors(self, rows):
        return self._x[rows]

    def _bytes(self):
        return {"vectors": self._x.nbytes}

    def _write(self, folder: Path):
        files.write_array(folder / "x.npy", self._x)

    def _read(self, folder: Path, n_rows: int):
        self._x = files.read_array(folder / "x.npy", np.float32, (n_rows, self.dim))


class Tenfold(Honest):
    """Returns the nearest neighbour again and again."""

    name = "tenfold"

    def search(self, queries, k, **options):
        hits = super().search(queries, k, **options)
        return Hits(np.repeat(hits.ids[:, :1], k, axis=1), np.repeat(hits.scores[:, :1], k, axis=1))


class Boaster(Honest):
    """Returns what is near to something else, and says that it is as near as can be."""

    name = "boaster"

    def search(self, queries, k, **options):
        hits = super().search(-np.asarray(queries), k, **options)
        return Hits(hits.ids, np.zeros_like(hits.scores))


class Half(Honest):
    """Returns half of what was asked for."""

    name = "half"

    def search(self, queries, k, **options):
        return super().search(queries, k // 2, **options)


class Padding(Honest):
    """Returns nothing but padding."""

    name = "padding"

    def search(self, queries, k, **options):
        return Hits(np.full((len(queries), k), -1, np.int64), np.full((len(queries), k), -np.inf, np.float32))


class Foreign(Honest):
    """Returns ids that it was never given."""

    name = "foreign"

    def search(self, queries, k, **options):
        hits = super().search(queries, k, **options)
        return Hits(hits.ids + 1_000_000, hits.scores)


class Sleeper(Honest):
    """Sleeps before its first answer."""

    name = "sleeper"
    _awake = False

    def search(self, queries, k, **options):
        if not self._awake:
            time.sleep(2.0)
            self._awake = True
        return super().search(queries, k, **options)


class Mason(Honest):
    """Takes as long to build as the environment says."""

    name = "mason"

    def build(self, x, ids):
        if len(x) > 2:
            time.sleep(float(os.environ.get("MASON_SECONDS", "0")))
        super().build(x, ids)


class Stale(Honest):
    """Answers with what the call before should have got."""

    name = "stale"
    _kept: Hits | None = None

    def search(self, queries, k, **options):
        hits = super().search(queries, k, **options)
        kept, self._kept = self._kept, hits
        return hits if kept is None or kept.ids.shape != hits.ids.shape else kept


class Crasher(Honest):
    """Dies while it is built."""

    name = "crasher"

    def _build(self, items):
        os.kill(os.getpid(), signal.SIGSEGV)


class Picky(Honest):
    """Dies of one value of its parameter, raises at another."""

    name = "picky"

    def _search(self, q, k, params, keep):
        if params.level == 2:
            os.kill(os.getpid(), signal.SIGABRT)
        if params.level == 3:
            raise RuntimeError("level 3 is broken")
        return super()._search(q, k, params, keep)


class Hanger(Honest):
    """Never finishes building."""

    name = "hanger"

    def _build(self, items):
        time.sleep(3600)


class Hungry(Honest):
    """Wants more memory than there is."""

    name = "hungry"

    def _build(self, items):
        self._waste = np.ones(1 << 28)


class Leaky(Honest):
    """Ignores filters."""

    name = "leaky"

    def search(self, queries, k, *, allow=None, params=None):
        return super().search(queries, k, params=params)


class Undead(Honest):
    """Returns what was removed."""

    name = "undead"

    def remove(self, ids):
        self._removed = int(np.asarray(ids)[0])
        super().remove(ids)

    def search(self, queries, k, **options):
        hits = super().search(queries, k, **options)
        if hasattr(self, "_removed"):
            hits.ids[:, -1] = self._removed
        return hits


class Chatty(Honest):
    """Writes to standard output, as native libraries do."""

    name = "chatty"

    def search(self, queries, k, **options):
        os.write(1, b"searching ...\n")
        return super().search(queries, k, **options)


class Filler(Honest):
    """Finds no room on the disk."""

    name = "filler"

    def _write(self, folder: Path):
        raise OSError(28, "No space left on device")


class Graded(Honest):
    """Looks at ``level`` rows of 64 and takes its time over each."""

    name = "graded"

    def _search(self, q, k, params, keep):
        time.sleep(0.0002 * params.level * len(q) ** 0.5)
        seen = np.arange(len(self._x)) % 64 < params.level
        scores = np.where(seen, -np.square(q[:, None] - self._x[None]).sum(axis=2), -np.inf)
        rows = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(scores, rows, axis=1), rows


class Big(Honest):
    """Is exact and quick, and says that it takes a gigabyte."""

    name = "big"

    def _bytes(self):
        return {"vectors": 10**9}


class Slow(Honest):
    """Is exact, and never quick."""

    name = "slow"

    def _search(self, q, k, params, keep):
        time.sleep(0.3)
        return super()._search(q, k, params, keep)


class Late(Honest):
    """Is exact and quick, but for every second query or so when it comes alone."""

    name = "late"

    def _search(self, q, k, params, keep):
        if len(q) == 1 and q[0, 0] > 0:
            time.sleep(1.0)
        return super()._search(q, k, params, keep)


class Partial(Honest):
    """Answers queries to the left of zero badly until ``level`` is 8."""

    name = "partial"

    def _search(self, q, k, params, keep):
        scores, rows = super()._search(q, k, params, keep)
        if params.level < 8:
            left = q[:, 0] < 0
            rows[left] = np.arange(k)
        return scores, rows


ENGINES = (
    Graded, Big, Slow, Late, Partial, Honest, Tenfold, Boaster, Half, Padding, Foreign, Sleeper, Mason, Stale,
    Crasher, Picky, Hanger, Hungry, Leaky, Undead, Chatty, Filler,
)  # fmt: skip


SPECS = (
    "honest", "tenfold", "boaster", "half", "padding", "foreign", "sleeper", "stale", "crasher", "picky:level=1..4..1",
    "hanger", "hungry", "leaky", "undead", "chatty",
)  # fmt: skip
"""What a run over all that is wrong asks for."""


def plant(monkeypatch=None) -> None:
    """Put the engines into the table of this process."""
    for cls in ENGINES:
        row = registry.Engine(f"{cls.__module__}:{cls.__name__}", "dense", "pip install nothing", "planted")
        if monkeypatch is None:
            registry._TABLE[cls.name] = row
        else:
            monkeypatch.setitem(registry._TABLE, cls.name, row)
