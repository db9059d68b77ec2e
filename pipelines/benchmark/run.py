"""The benchmark itself: build each index in a process of its own, then let them take turns at being measured."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from indexes.files import write_array
from indexes.spec import Parameters
from rag.errors import InvalidInput

from ..datasets import VectorData
from . import ann_benchmarks, process_memory
from .errors import DiskFull
from .ground_truth import truth_of
from .machine import machine, versions
from .measurement import MeasuredIndex
from .results import Results, Row, alone
from .rows import RowMaker
from .settings import Settings
from .sweep import BuildTask, across_engines
from .worker_process import COMMAND

_TOGETHER = 8
"""Indexes held at a time: they take turns, so a group's rows are finished together."""

_BUILD_SHARE = 0.5
"""Of the time that is left, what a build may take while others wait; cut short, it is tried again at the end."""

_WORK = ".work-"
_MEMORY_SHARE = 0.8
_SPARE_BYTES = 500_000_000


@dataclass(slots=True)
class BenchProgress:
    """How far a run is, in steps of about equal length."""

    done: int = 0
    total: int = 0
    doing: str = ""


OnProgress = Callable[[BenchProgress], None]


@dataclass(slots=True)
class BenchReport:
    """What a run did.

    Attributes
    ----------
    rows
        All rows in the folder, those of earlier runs included.
    measured
        Rows that this run added.
    left
        Specs that time did not suffice for.
    cut
        Builds that were begun and did not end in time.
    seconds
        How long it took.
    """

    rows: list[Row] = field(default_factory=list)
    measured: int = 0
    left: list[str] = field(default_factory=list)
    cut: list[str] = field(default_factory=list)
    seconds: float = 0.0


def run(
    data: VectorData,
    tasks: Sequence[BuildTask],
    out: str | Path,
    settings: Settings,
    *,
    resume: bool = False,
    on_progress: OnProgress | None = None,
    on_row: Callable[[Row], None] | None = None,
    command: Sequence[str] = COMMAND,
) -> BenchReport:
    """Measure every configuration of ``tasks`` on ``data`` and write a row for each into ``out``.

    Parameters
    ----------
    data
        Vectors, queries and metric.
    tasks
        What to build and how to search it.
    out
        Folder of results.
    resume
        Go on after the rows that are in ``out``; those that failed are tried again, last of all.
    on_progress, on_row
        Called now and then, and with every finished row.
    command
        How a worker is started.

    Raises
    ------
    InvalidInput
        ``k`` is more than there are vectors.
    ResultsExist
        ``out`` has rows, and ``resume`` is false or they are of another task; or another process is writing there.
    DiskFull
        No room for results or indexes; finished rows are kept.
    """
    if settings.k > len(data):
        raise InvalidInput(f"-k {settings.k}, but {data.name} has only {len(data)} vectors")
    start, out = time.monotonic(), Path(out)
    with alone(out):
        maker = RowMaker(data, truth_of(data, settings.k), settings, machine(), versions())
        results = Results(out, maker.task, resume=resume)
        todo = [task for each in across_engines(tasks) if (task := _without(each, results.done))]
        failed = results.failed
        todo.sort(key=lambda task: all(task.configuration(search) in failed for search in task.searches))
        steps = _Steps(todo, settings, on_progress)
        runner = _Runner(maker, results, steps, on_row or (lambda _: None), command, start)
        runner.run(todo)
    left = [task.configuration(search) for task in [*todo, *runner.cut] for search in task.searches]
    cut = [task.spec for task in runner.cut]
    return BenchReport(results.rows, runner.measured, left, cut, time.monotonic() - start)


class _Runner:
    """Works through builds in groups that fit into memory together.

    ``measured`` are the rows made, ``cut`` the builds that the budget cut short.
    """

    def __init__(  # noqa: PLR0917 - the parts of one run
        self,
        maker: RowMaker,
        results: Results,
        steps: _Steps,
        on_row: Callable[[Row], None],
        command: Sequence[str],
        start: float,
    ) -> None:
        self.cut: list[BuildTask] = []
        self.measured = 0
        self._start = start
        self._maker, self._results, self._settings = maker, results, maker.settings
        self._steps, self._on_row, self._command = steps, on_row, command
        self._exports = ann_benchmarks.is_possible()

    def run(self, todo: list[BuildTask]) -> None:
        """Take builds from the front of ``todo`` while there is time."""
        out = self._results.folder
        for leftover in out.glob(f"{_WORK}*"):  # of a run that was killed
            shutil.rmtree(leftover, ignore_errors=True)
        if self._exports:
            ann_benchmarks.write_dataset(out, self._maker.data, self._maker.truth)
        with TemporaryDirectory(prefix=_WORK, dir=out, ignore_cleanup_errors=True) as scratch:
            write_data(Path(scratch), self._maker.data)
            self._through(todo, Path(scratch), _BUILD_SHARE)
            again, self.cut = self.cut, []
            self._through(again, Path(scratch), 1.0)
            self.cut += again

    def _through(self, todo: list[BuildTask], folder: Path, share: float) -> None:
        """Take groups from the front of ``todo``; a build may take ``share`` of the time that is left."""
        while todo and self._left() > 0:
            with ExitStack() as stack:
                group = self._group(todo, folder, share, stack)
                self._measure(group)
                for index in group:
                    self._finish(index)

    def _left(self) -> float:
        """Return the seconds that are left of the budget."""
        budget = self._settings.budget
        return math.inf if budget is None else budget - (time.monotonic() - self._start)

    def _group(self, todo: list[BuildTask], folder: Path, share: float, stack: ExitStack) -> list[MeasuredIndex]:
        """Build indexes while they fit into memory beside each other, and there is time left to measure them."""
        group: list[MeasuredIndex] = []
        limit = self._settings.memory or int(_MEMORY_SHARE * process_memory.available())
        while todo and len(group) < _TOGETHER:
            spare = self._left() - sum(map(self._to_measure, group))
            if spare <= 0 or (group and not _room(self._maker.data)):
                break
            task = todo.pop(0)
            self._steps.begin(f"building {task.spec}")
            place = folder / f"index-{len(self._results.rows)}-{len(group)}-{len(todo)}"
            index = MeasuredIndex(task, self._maker, place, limit, self._command)
            stack.callback(index.close)
            seconds = min(self._settings.timeout, max(1.0, share * spare))
            if not index.build(seconds) and seconds < self._settings.timeout:
                self.cut.append(task)  # no fault of the engine, so no row: it is tried again
                continue
            self._steps.end(1)
            group.append(index)
        return group

    def _to_measure(self, index: MeasuredIndex) -> float:
        """Return the seconds that measuring takes at least: batches, and single queries for twice as long."""
        settings = self._settings
        batches = 1 + len(settings.threads) - (1 in settings.threads) + len(settings.filters)
        return (batches + 2) * settings.seconds * settings.rounds * len(index.task.searches)

    def _measure(self, group: Sequence[MeasuredIndex]) -> None:
        """Measure all indexes of a group by turns, round after round."""
        for number in range(self._settings.rounds):
            if number and self._left() <= 0:
                n_configurations = sum(len(index.task.searches) for index in group)
                self._steps.end(n_configurations * (self._settings.rounds - number))
                break
            for index, search in _interleaved(group):
                spec = index.task.configuration(search)
                self._steps.begin(f"round {number + 1} of {self._settings.rounds}: {spec}")
                index.measure(search, number)
                index.filtered(search)
                self._steps.end(1)
        for index in group:
            self._steps.begin(f"removing and adding: {index.task.spec}")
            index.churn()

    def _finish(self, index: MeasuredIndex) -> None:
        for row, answers in index.rows():
            if self._exports and answers is not None:
                ann_benchmarks.write_result(self._results.folder, self._maker, row, answers)
            self._results.add(row)
            self.measured += 1
            self._on_row(row)


def _interleaved(group: Sequence[MeasuredIndex]) -> Iterator[tuple[MeasuredIndex, Parameters]]:
    """Yield A1 B1 C1 A2 B2 C2 ...: one configuration of each index in turn."""
    for i in range(max((len(index.task.searches) for index in group), default=0)):
        for index in group:
            if i < len(index.task.searches):
                yield index, index.task.searches[i]


class _Steps:
    """Counts what is done, for the bar."""

    def __init__(
        self, tasks: Sequence[BuildTask], settings: Settings, tell: Callable[[BenchProgress], None] | None
    ) -> None:
        self._progress = BenchProgress(total=sum(1 + settings.rounds * len(task.searches) for task in tasks))
        self._tell = tell or (lambda _: None)

    def begin(self, doing: str) -> None:
        self._progress.doing = doing
        self._tell(self._progress)

    def end(self, n: int) -> None:
        self._progress.done += n
        self._tell(self._progress)


def _without(task: BuildTask, done: set[str]) -> BuildTask | None:
    """Return what of a task has no row yet."""
    searches = tuple(search for search in task.searches if task.configuration(search) not in done)
    return BuildTask(task.engine, task.build, searches) if searches else None


def write_data(folder: Path, data: VectorData) -> None:
    """Put the arrays where the workers find them."""
    try:
        for name in ("base", "ids", "queries"):
            write_array(folder / f"{name}.npy", getattr(data, name))
    except OSError as error:
        raise DiskFull(
            f"cannot write {data.base.nbytes / 1e6:.0f} MB of vectors for the workers into {folder}: {error.strerror}; "
            "free some space, then run it again"
        ) from error


def _room(data: VectorData) -> bool:
    """Say whether another index of this data fits into memory beside those that are held."""
    return process_memory.available() > 4 * data.base.nbytes + _SPARE_BYTES
