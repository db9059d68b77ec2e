"""Which questions `rag improve` has looked at, and what came of its tests: so that no test is a second look."""

from __future__ import annotations

import contextlib
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from typing import Any

_SPEND = "insert or ignore into spent select id, ? from answers where id = ?"
"""Of answers that are there: one may have been forgotten since it was exported."""


class Ledger(ABC):
    """The part of a `Feedback` that `pipelines.improve` reads and writes."""

    _salt = ""
    _now: Callable[[], float] = staticmethod(time.time)

    @abstractmethod
    def _reading(self) -> contextlib.AbstractContextManager[Any]:
        """Lend the connection."""

    @abstractmethod
    def _writing(self) -> contextlib.AbstractContextManager[Any]:
        """Lend the connection for one transaction."""

    def spent(self) -> frozenset[str]:
        """Return the ids of answers whose questions a run has looked at, to tune or to test."""
        with self._reading() as db:
            return frozenset(row[0] for row in db.execute("select answer from spent"))

    def look(self, answers: Collection[str]) -> None:
        """Note that a run tunes on the questions of answers: they test nothing from now on."""
        with self._writing() as db:
            db.executemany(_SPEND, ((0, each) for each in answers))

    def spend(self, answers: Collection[str], report: str) -> int:
        """Note, before a test looks at them, that it will; return the number of the run."""
        with self._writing() as db:
            db.execute("insert into runs (at, report) values (?, ?)", (self._now(), report))
            run = int(db.execute("select max(number) from runs").get)
            db.executemany(_SPEND, ((run, each) for each in answers))
        return run

    def report(self, run: int, report: str) -> None:
        """Keep what came of a run."""
        with self._writing() as db:
            db.execute("update runs set report = ? where number = ?", (report, run))

    def runs(self) -> list[str]:
        """Return the reports of all runs that tested something, in order."""
        with self._reading() as db:
            return [row[0] for row in db.execute("select report from runs order by number")]

    @property
    def salt(self) -> str:
        """A secret of this file, for draws that nobody can steer by what they ask."""
        return self._salt
