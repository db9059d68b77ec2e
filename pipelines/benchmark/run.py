"""The benchmark: build each index in a process of its own, then measure the indexes in turn."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from indexes.files import write_array
from rag.errors import InvalidInput

from ..datasets import VectorData
from . import ann_benchmarks, process_memory
from .errors import DiskFull
from .ground_truth import truth_of
from .machine import machine, versions
from .measurement import MeasuredIndex
from .out_of_distribution import OodQueries
from .results import Results, Row, alone
from .rows import RowMaker
from .settings import Settings
from .sweep import BuildTask, across_engines, in_turn
from .worker_process import COMMAND

_TOGETHER = 8
"""Number of indexes measured in turn; the rows of such a group are finished together."""

_BUILD_SHARE = 0.5
"""Share of the remaining time that a build may take while others wait; if cut short, it is retried at the end."""

_WORK = ".work-"
_MEMORY_SHARE = 0.8
_SPARE_BYTES = 500_000_000


@dataclass(slots=True)
class BenchProgress:
    """Progress of a run, in steps of about equal length; ``tell`` is called with it at every step."""

    done: int = 0
    total: int = 0
    doing: str = ""
    tell: Callable[[BenchProgress], None] | None = None

    def begin(self, doing: str) -> None:
        """Start a step."""
        self.doing = doing
        self.end(0)

    def end(self, n: int = 1) -> None:
        """Count ``n`` more steps as done."""
        self.done += n
        if self.tell is not None:
            self.tell(self)


OnProgress = Callable[[BenchProgress], None]


@dataclass(slots=True)
class BenchReport:
    """Summary of a run.

    Attributes
    ----------
    rows
        All rows in the folder, those of earlier runs included.
    measured
        Rows that this run added.
    left
        Specs that there was no time for.
    cut
        Builds that did not end in time.
    seconds
        Duration of the run.
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
        Indexes to build, with their search parameters.
    out
        Folder of results.
    resume
        Continue after the rows in ``out``; failed ones are retried last.
    on_progress, on_row
        Called now and then, and with every finished row.
    command
        Command that starts a worker.

    Raises
    ------
    InvalidInput
        ``k`` is greater than the number of vectors.
    ResultsExist
        ``out`` has rows and ``resume`` is false, or rows of another task; or another process is writing there.
    DiskFull
        The disk is too full for results or indexes; finished rows are kept.
    """
    if settings.k > len(data):
        raise InvalidInput(f"-k {settings.k}, but {data.name} has only {len(data)} vectors")
    start, out = time.monotonic(), Path(out)
    with alone(out):
        truth = truth_of(data, settings.k)
        ood = OodQueries.of(data, truth, settings.k, settings.seed)
        maker = RowMaker(data, truth, settings, machine(), versions(), ood=ood)
        results = Results(out, maker.task, resume=resume)
        todo = [task for each in across_engines(tasks) if (task := _without(each, results.done))]
        failed = results.failed
        todo.sort(key=lambda task: all(task.configuration(search) in failed for search in task.searches))
        steps = sum(1 + settings.rounds * len(task.searches) for task in todo)
        progress = BenchProgress(total=steps, tell=on_progress)
        runner = _Runner(
            maker, results, progress, on_row or (lambda _: None), command, start, ann_benchmarks.is_possible()
        )
        runner.run(todo)
    left = [task.configuration(search) for task in [*todo, *runner.cut] for search in task.searches]
    cut = [task.spec for task in runner.cut]
    return BenchReport(results.rows, runner.measured, left, cut, time.monotonic() - start)


@dataclass(slots=True)
class _Runner:
    """Works through builds in groups that fit into memory together.

    ``measured`` is the number of rows made, ``cut`` the builds that the budget cut short.
    """

    maker: RowMaker
    results: Results
    progress: BenchProgress
    on_row: Callable[[Row], None]
    command: Sequence[str]
    start: float
    exports: bool
    cut: list[BuildTask] = field(default_factory=list)
    measured: int = 0

    @property
    def settings(self) -> Settings:
        return self.maker.settings

    def run(self, todo: list[BuildTask]) -> None:
        """Take builds from the front of ``todo`` while there is time."""
        out = self.results.folder
        for leftover in out.glob(f"{_WORK}*"):  # of a run that was killed
            shutil.rmtree(leftover, ignore_errors=True)
        if self.exports:
            ann_benchmarks.write_dataset(out, self.maker.data, self.maker.truth)
        with TemporaryDirectory(prefix=_WORK, dir=out, ignore_cleanup_errors=True) as scratch:
            write_data(Path(scratch), self.maker.data)
            self._through(todo, Path(scratch), _BUILD_SHARE)
            again, self.cut = self.cut, []
            self._through(again, Path(scratch), 1.0)
            self.cut += again

    def _through(self, todo: list[BuildTask], folder: Path, share: float) -> None:
        """Take groups from the front of ``todo``; a build may take ``share`` of the remaining time."""
        while todo and self._left() > 0:
            with ExitStack() as stack:
                group = self._group(todo, folder, share, stack)
                self._measure(group)
                for index in group:
                    self._finish(index)

    def _left(self) -> float:
        """Return the remaining seconds of the budget."""
        budget = self.settings.budget
        return math.inf if budget is None else budget - (time.monotonic() - self.start)

    def _group(self, todo: list[BuildTask], folder: Path, share: float, stack: ExitStack) -> list[MeasuredIndex]:
        """Build indexes while they fit into memory beside each other, and there is time left to measure them."""
        group: list[MeasuredIndex] = []
        limit = self.settings.memory or int(_MEMORY_SHARE * process_memory.available())
        while todo and len(group) < _TOGETHER:
            spare = self._left() - sum(map(self._to_measure, group))
            if spare <= 0 or (group and not _room(self.maker.data)):
                break
            task = todo.pop(0)
            self.progress.begin(f"building {task.spec}")
            place = folder / f"index-{len(self.results.rows)}-{len(group)}-{len(todo)}"
            index = MeasuredIndex(task, self.maker, place, limit, self.command)
            stack.callback(index.close)
            seconds = min(self.settings.timeout, max(1.0, share * spare))
            if not index.build(seconds) and seconds < self.settings.timeout:
                self.cut.append(task)  # not the engine's fault, so there is no row: it is retried
                continue
            self.progress.end()
            group.append(index)
        return group

    def _to_measure(self, index: MeasuredIndex) -> float:
        """Return the least seconds that measuring takes: batches, and single queries for twice as long."""
        settings = self.settings
        batches = 1 + len(settings.threads) - (1 in settings.threads) + len(settings.all_filters)
        batches += self.maker.ood is not None
        each = (batches + 2) * settings.seconds * settings.rounds
        return (each + (settings.load.least_seconds if settings.load else 0)) * len(index.task.searches)

    def _measure(self, group: Sequence[MeasuredIndex]) -> None:
        """Measure all indexes of a group in turn, round by round."""
        for number in range(self.settings.rounds):
            if number and self._left() <= 0:
                n_configurations = sum(len(index.task.searches) for index in group)
                self.progress.end(n_configurations * (self.settings.rounds - number))
                break
            for index, search in in_turn([(index, search) for search in index.task.searches] for index in group):
                spec = index.task.configuration(search)
                self.progress.begin(f"round {number + 1} of {self.settings.rounds}: {spec}")
                index.measure(search, number)
                index.filtered(search)
                index.ood(search)
                self.progress.end()
        for index, search in in_turn([(index, search) for search in index.task.searches] for index in group):
            if self.settings.load is not None and self._left() > 0:
                self.progress.begin(f"under load: {index.task.configuration(search)}")
                index.loaded(search)
        for index in group:
            self.progress.begin(f"removing and adding: {index.task.spec}")
            index.churn()

    def _finish(self, index: MeasuredIndex) -> None:
        for row, answers in map(index.row, index.task.searches):
            if self.exports and answers is not None:
                ann_benchmarks.write_result(self.results.folder, self.maker, row, answers)
            self.results.add(row)
            self.measured += 1
            self.on_row(row)


def _without(task: BuildTask, done: set[str]) -> BuildTask | None:
    """Return the part of a task that has no row yet."""
    searches = tuple(search for search in task.searches if task.configuration(search) not in done)
    return BuildTask(task.engine, task.build, searches) if searches else None


def write_data(folder: Path, data: VectorData) -> None:
    """Write the arrays for the workers."""
    try:
        for name in ("base", "ids", "queries", *(["ood"] if data.ood is not None else [])):
            write_array(folder / f"{name}.npy", getattr(data, name))
    except OSError as error:
        raise DiskFull(
            f"cannot write {data.base.nbytes / 1e6:.0f} MB of vectors for the workers into {folder}: {error.strerror}; "
            "free some space, then run it again"
        ) from error


def _room(data: VectorData) -> bool:
    """Return whether another index of this data fits into memory."""
    return process_memory.available() > 4 * data.base.nbytes + _SPARE_BYTES
