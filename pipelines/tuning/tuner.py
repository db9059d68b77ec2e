"""Tuner: search for the fastest configuration that meets the constraints.

1. Every engine is built once or twice and its effort of searching raised to the least that reaches the recall wanted on
   one half of the queries. Those that cannot reach it, break a limit, or have half the speed of the best are dropped.
2. Other builds of the best engines are tried in the same way.
3. The best few are measured in turn until their medians can be trusted.
4. The fastest of them (of those within 5 % of it, the smallest) has to reach the recall on the other half of the
   queries too, which were not used to choose it. If it does not, its effort is raised, and the report says so.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from rag.errors import InvalidInput

from ..benchmark import process_memory
from ..benchmark.ground_truth import truth_of
from ..benchmark.machine import machine, versions
from ..benchmark.measurement import MeasuredIndex
from ..benchmark.recall import interval
from ..benchmark.rows import RowMaker
from ..benchmark.run import BenchProgress, OnProgress, write_data
from ..benchmark.settings import Settings
from ..benchmark.worker_process import COMMAND
from ..datasets import VectorData
from .constraints import Constraints, Short, nearest
from .search_space import Arm, first_arms, more_arms
from .trial import Trial, climb

_LEAST_QUERIES = 20
_ENGINES_KEPT = 3
_FINALISTS = 4
_HOPELESS = 0.5
_FINAL = 0.7
"""A configuration slower than this share of the best after one round is not measured again."""

_EQUAL = 0.95
_LOWER_RECALL = 0.05
_MEMORY_SHARE = 0.8

_FIRST = ("flat", "ivf", "hnsw", "rabitq", "ivfpq", "sq")
"""Engines tried first, because they build fast or are likely to win."""

_TRYING = 0.8
"""Share of the budget for trying; the rest is for measuring the best ones in turn."""

_BUILD_SHARE = 0.5
"""Share of the remaining time for trying that one build may take."""


@dataclass(slots=True)
class TuneReport:
    """Result of the tuner.

    Attributes
    ----------
    chosen
        The chosen configuration; None if nothing meets the constraints.
    held_out_interval
        95 % interval of its recall on the held-out queries.
    runner_up
        The best one of another build that meets the constraints, also on the held-out queries. It may be a little
        faster than the chosen one, which is the smallest of those of about equal speed.
    nearest
        If nothing meets the constraints: the nearest configurations, and what they miss.
    costs
        The cost of each constraint: the best configuration that breaks it alone, and its speed ratio.
    tried
        Everything that was tried, with a verdict.
    notes
        Notes on the data and the confirmation.
    seconds
        Duration of the search.
    """

    chosen: Trial | None = None
    held_out_interval: tuple[float, float] = (0.0, 1.0)
    runner_up: Trial | None = None
    nearest: list[Short] = field(default_factory=list)
    costs: list[dict[str, Any]] = field(default_factory=list)
    tried: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return the report for JSON."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        trials = {name: values[name] and values[name].as_dict() for name in ("chosen", "runner_up")}
        interval_ = list(self.held_out_interval)
        return {**values, **trials, "held_out_interval": interval_, "nearest": [asdict(each) for each in self.nearest]}


class Tuner:
    """One search.

    Parameters
    ----------
    data
        Vectors, and at least 20 queries.
    constraints
        Constraints to meet.
    settings
        Settings of measurements; after ``budget`` seconds the tuner chooses among what was tried.
    folder
        An empty folder for indexes.
    on_progress
        Called at every step.
    command
        Command that starts a worker.
    """

    def __init__(
        self,
        data: VectorData,
        constraints: Constraints,
        settings: Settings,
        folder: str | Path,
        *,
        on_progress: OnProgress | None = None,
        command: Sequence[str] = COMMAND,
    ) -> None:
        self._end = math.inf if settings.budget is None else time.monotonic() + settings.budget
        if len(data.queries) < _LEAST_QUERIES:
            raise InvalidInput(
                f"{len(data.queries)} queries are too few to tune by: at least {_LEAST_QUERIES} are needed; "
                "few vectors are best searched by flat, which is exact"
            )
        if settings.k > len(data):
            raise InvalidInput(f"-k {settings.k}, but {data.name} has only {len(data)} vectors")
        self._constraints, self._settings, self._folder = constraints, settings, Path(folder)
        self._command = command
        self._maker = RowMaker(data, truth_of(data, settings.k), settings, machine(), versions())
        order = np.random.default_rng(settings.seed).permutation(len(data.queries))
        self._ours, self._held = np.sort(order[: len(order) // 2]), np.sort(order[len(order) // 2 :])
        self._trials: list[Trial] = []
        self._short: list[Short] = []
        self._indexes: list[MeasuredIndex] = []
        self._progress = BenchProgress(tell=on_progress)
        self._report = TuneReport(notes=list(data.notes))
        self._untried: list[str] = []
        write_data(self._folder, data)

    def run(self, engines: Sequence[str]) -> TuneReport:
        """Search among ``engines``."""
        start = time.monotonic()
        try:
            promising = sorted(engines, key=lambda name: _FIRST.index(name) if name in _FIRST else len(_FIRST))
            arms = [arm for name in promising for arm in first_arms(name)]
            self._progress.total = len(arms) + 2 * _ENGINES_KEPT + self._settings.rounds
            for arm in arms:
                self._try(arm)
            more = [arm for name in self._best_engines() for arm in more_arms(name)]
            self._progress.total = len(arms) + len(more) + self._settings.rounds
            for arm in more:
                self._try(arm)
            self._choose()
            if self._report.chosen is None:
                self._report.nearest = self._nearest()
        finally:
            for index in self._indexes:
                index.close()
        if self._untried:
            self._report.notes.append(f"time was up before trying {', '.join(self._untried)}")
        self._report.tried = [*self._report.tried, *({**c.as_dict(), "verdict": _verdict(c)} for c in self._trials)]
        self._report.seconds = time.monotonic() - start
        return self._report

    # ---- one arm ----------------------------------------------------------------------------------------------

    def _try(self, arm: Arm) -> None:
        """Build an index, raise its effort until its recall suffices, and measure it once, if there is time."""
        self._progress.begin(f"trying {arm.task.spec}")
        self._progress.done += 1
        left = self._left_for_trying()
        if left <= 0:
            self._untried.append(arm.task.spec)
            return
        limit = self._settings.memory or int(_MEMORY_SHARE * process_memory.available())
        index = MeasuredIndex(arm.task, self._maker, self._folder / f"index-{len(self._indexes)}", limit, self._command)
        self._indexes.append(index)
        seconds = min(self._settings.timeout, max(1.0, _BUILD_SHARE * left))
        if not index.build(seconds) and seconds < self._settings.timeout:
            self._untried.append(arm.task.spec)
            index.close()
            return
        trial = self._climbed(index, arm, self._constraints.recall)
        if trial is None:
            index.close()
            return
        self._measure(trial, 0)
        if trial.broken or trial.qps < _HOPELESS * self._best_qps():
            index.rest()
        self._trials.append(trial)

    def _climbed(self, index: MeasuredIndex, arm: Arm, target: float) -> Trial | None:
        """Return the trial of least effort that reaches the recall; record the reason if none does."""
        seen: dict[int, tuple[float, float]] = {}

        def recall_at(rung: int) -> float | None:
            quality = index.probe(arm.rungs[rung])
            if quality is None:
                return None
            seen[rung] = float(quality.per_query[self._ours].mean()), float(quality.per_query[self._held].mean())
            return seen[rung][0]

        rung, best = climb(arm, recall_at, target)
        if rung is not None:
            return Trial(arm, rung, index, *seen[rung])
        error = index.error() or next((text for s in arm.rungs if (text := index.error(s))), "")
        if not error:
            row = index.row(arm.rungs[-1])[0]
            self._short.append(Short(arm.task.spec, best, self._constraints.missed(row, best)))
        verdict = f"failed: {error}" if error else f"recall comes to {best:.3f} at most"
        self._report.tried.append({"spec": arm.task.spec, "recall": best, "verdict": verdict})
        return None

    def _left_for_trying(self) -> float:
        budget = self._settings.budget
        return math.inf if budget is None else self._end - (1 - _TRYING) * budget - time.monotonic()

    def _measure(self, trial: Trial, number: int) -> None:
        trial.index.measure(trial.search, number)
        if not number and self._constraints.min_adds is not None:
            trial.index.churn([trial.search])
            trial.index.rest()  # the changed index is not the one to be measured again
        self._weigh(trial)

    def _weigh(self, trial: Trial) -> None:
        trial.row = trial.index.row(trial.search)[0]
        trial.missed = self._constraints.missed(trial.row, trial.recall)

    # ---- the choice -------------------------------------------------------------------------------------------

    def _best_qps(self) -> float:
        return max((c.qps for c in self._trials if not c.broken), default=0.0)

    def _best_engines(self) -> list[str]:
        """Return the engines worth other builds: those that meet the constraints, fastest first, then the nearest."""
        ranked = sorted(self._trials, key=lambda c: (Short(c.spec, c.recall, c.missed).distance, -c.qps))
        best = self._best_qps()
        near = [c.arm.task.engine for c in ranked if c.qps >= _HOPELESS * best]
        return list(dict.fromkeys(near))[:_ENGINES_KEPT]

    def _choose(self) -> None:
        """Measure the best few in turn, and choose among them; if none qualifies, among the next few."""
        waiting = sorted((c for c in self._trials if self._may_do(c)), key=lambda c: -c.qps)
        while waiting and self._report.chosen is None:
            finalists = [c for c in waiting if c.qps >= _FINAL * waiting[0].qps][:_FINALISTS]
            waiting = [c for c in waiting if c not in finalists]
            for trial in self._trials:
                if trial not in finalists:
                    trial.index.rest()
            for number in range(1, self._settings.rounds):
                if time.monotonic() > self._end:
                    break
                self._progress.begin(f"round {number + 1} of {self._settings.rounds}: {len(finalists)} finalists")
                self._progress.done += 1
                for trial in finalists:
                    self._measure(trial, number)
            self._choose_among(finalists)

    def _nearest(self) -> list[Short]:
        measured = [Short(c.spec, c.recall, c.missed) for c in self._trials if c.missed and not c.row["error"]]
        unknown = self._constraints.max_p99 or self._constraints.min_adds  # of what does not reach the recall
        return nearest(measured if unknown else [*self._short, *measured]) or nearest(self._short)

    def _may_do(self, trial: Trial) -> bool:
        """Return whether a trial may meet the constraints; one long latency may be the machine's fault."""
        if not trial.qps or not set(trial.broken) <= {"max-p99"}:
            return False
        return not trial.broken or trial.row["p50_ms"] < 1000 * trial.missed[0].limit

    def _choose_among(self, finalists: list[Trial]) -> None:
        able = sorted((c for c in finalists if not c.broken), key=lambda c: -c.qps)
        while able:
            equal = [c for c in able if c.qps >= _EQUAL * able[0].qps]
            first = min(equal, key=lambda c: c.row["memory_bytes"])
            able.remove(first)
            confirmed = self._confirmed(first)
            if confirmed is None:
                continue
            self._report.chosen = confirmed
            self._report.held_out_interval = interval(confirmed.held_out, len(self._held))
            others = [c for c in self._trials if self._holds(c) and c.arm is not first.arm]
            self._report.runner_up = max(others, key=lambda c: c.qps, default=None)
            self._report.costs = self._costs(confirmed)
            return

    def _holds(self, trial: Trial) -> bool:
        return not trial.broken and trial.held_out >= self._constraints.recall

    def _confirmed(self, trial: Trial) -> Trial | None:
        """Return the trial, with raised effort if recall on the held-out queries is too low; None if that fails."""
        target = self._constraints.recall
        if self._holds(trial):
            return trial
        for rung in range(trial.rung + 1, len(trial.arm.rungs)):
            quality = trial.index.probe(trial.arm.rungs[rung])
            if quality is None:
                break
            ours, held = (float(quality.per_query[half].mean()) for half in (self._ours, self._held))
            if min(ours, held) >= target:
                raised = Trial(trial.arm, rung, trial.index, ours, held)
                for number in range(self._settings.rounds):
                    self._measure(raised, number)
                self._trials.append(raised)
                self._report.notes.append(
                    f"{trial.spec} found {trial.held_out:.4f} on the held-out queries: effort raised"
                )
                return None if raised.broken else raised
        self._report.notes.append(f"{trial.spec} was passed over: {trial.held_out:.4f} on the held-out queries")
        return None

    def _costs(self, chosen: Trial) -> list[dict[str, Any]]:
        """Return for each constraint the gain of the best configuration that breaks it alone."""
        costs = []
        lower = self._climbed(chosen.index, chosen.arm, max(0.0, self._constraints.recall - _LOWER_RECALL))
        if lower is not None and lower.rung != chosen.rung:
            for number in range(2):
                self._measure(lower, number)
            costs.append(_cost("recall", f"at recall {lower.recall:.3f}", lower, chosen))
        for name in ("max-memory", "max-p99", "min-adds"):
            if getattr(self._constraints, name.replace("-", "_")) is None:
                continue
            without = [c for c in self._trials if set(c.broken) == {name} and c.qps > chosen.qps]
            best = max(without, key=lambda c: c.qps, default=None)
            costs.append(_cost(name, f"without --{name}", best, chosen))
        return costs


def _cost(constraint: str, how: str, other: Trial | None, chosen: Trial) -> dict[str, Any]:
    if other is None:
        return {"constraint": constraint, "how": how, "spec": None, "times": 1.0}
    return {"constraint": constraint, "how": how, "spec": other.spec, "times": other.qps / chosen.qps}


def _verdict(trial: Trial) -> str:
    if trial.row.get("error"):
        return f"failed: {trial.row['error']}"
    if trial.broken:
        return "breaks " + " and ".join(f"--{name}" for name in trial.broken)
    return "meets all"
