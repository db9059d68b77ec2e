"""Measurement of one index: build, load, timed rounds and judgement.

Any failure of the engine (an error, a crash, a hang, too much memory, an unknown id) is recorded for the configuration
in which it happened; the index is loaded again for the others.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexes.files import write_array
from indexes.spec import Parameters

from .errors import EngineFailed, EngineHung
from .filters import Filter
from .load import PATIENCE, Load, LoadStep, written
from .open_loop import Served
from .recall import Quality, rows_of
from .results import Row
from .rows import JudgedHits, Round, RowMaker
from .sweep import BuildTask
from .worker_process import Child

_CHURN_BATCH = 100
_JUDGED = 2000
"""Searches of a load whose recall is measured, evenly spread over its time."""


class MeasuredIndex:
    """One index under measurement.

    Parameters
    ----------
    task
        The index to build and its search parameters.
    maker
        Has the data and the settings, and makes rows.
    place
        Where to save the index, beside the files of the data.
    limit
        Memory limit of a process in bytes.
    command
        Command that starts a worker.
    """

    def __init__(self, task: BuildTask, maker: RowMaker, place: Path, limit: int, command: Sequence[str]) -> None:
        self.task = task
        self._maker, self._settings = maker, maker.settings
        self._place, self._limit, self._command = place, limit, command
        self._child: Child | None = None
        self._seconds = self._settings.timeout
        self._facts: dict[str, Any] = {}
        self._error = ""
        self._errors: dict[Parameters, str] = {}
        self._rounds: dict[Parameters, list[Round]] = {}
        self._filtered: dict[Parameters, dict[Filter, list[tuple[float, float]]]] = {}
        self._ood: dict[Parameters, list[tuple[float, float]]] = {}
        self._loads: dict[Parameters, list[LoadStep]] = {}
        self._churned: dict[Parameters, dict[str, Any]] = {}

    # ---- public -----------------------------------------------------------------------------------------------

    def build(self, seconds: float) -> bool:
        """Build in one process and load in another, which stays; return False if the build exceeds ``seconds``."""
        try:
            with Child(self._job(), self._command) as builder:
                try:
                    self._facts |= builder.ask("building", seconds, do="build", k=self._settings.k)
                except EngineHung as error:
                    self._error = str(error)
                    return False
            self._facts |= self._load()
        except EngineFailed as error:
            self._error = str(error)
        return True

    def measure(self, search: Parameters, number: int) -> None:
        """Measure one configuration once, unless it has failed before."""
        if not self._sound(search):
            return
        with self._blamed(search):
            name = f"{self._place.name}-round"
            reply = self._ask(
                "searching",
                do="measure",
                search=asdict(search),
                k=self._settings.k,
                seconds=self._settings.seconds,
                number=number,
                threads=list(self._settings.threads),
                out=name,
            )
            found, single = self._array(name, "ids"), self._array(name, "single_ids")
            asked = self._array(name, "single_queries")
            rows, single_rows = rows_of(found, self._maker.data.ids), rows_of(single, self._maker.data.ids)
            self._rounds.setdefault(search, []).append(
                Round(
                    qps=reply["qps"],
                    threads={int(t): float(qps) for t, qps in reply["threads"].items()},
                    seconds=self._array(name, "seconds"),
                    answers=JudgedHits(rows, self._maker.judged(rows)),
                    lost_alone=self._maker.lost(rows, single_rows, asked),
                )
            )

    def filtered(self, search: Parameters) -> None:
        """Measure one configuration once with each filter, unless it has failed before."""
        for wanted in self._settings.all_filters:
            if not self._sound(search):
                return
            groups = self._maker.filters.made(wanted).groups
            files = [f"filter-{wanted.name}-{number}" for number in range(len(groups))]
            for group, file in zip(groups, files, strict=True):
                if not (self._place.parent / f"{file}-allow.npy").exists():
                    write_array(self._place.parent / f"{file}-queries.npy", group.queries)
                    write_array(self._place.parent / f"{file}-allow.npy", self._maker.data.ids[group.rows])
            with self._blamed(search):
                ids, qps = self._batch(search, f"{self._place.name}-filtered", do="filtered", filters=files)
                found = rows_of(ids, self._maker.data.ids)
                recalls = [group.recall(self._maker.data, found[group.queries]) for group in groups]
                rounds = self._filtered.setdefault(search, {}).setdefault(wanted, [])
                rounds.append((float(np.concatenate(recalls).mean()), qps))

    def ood(self, search: Parameters) -> None:
        """Measure one configuration once with the out-of-distribution queries, if there are any."""
        queries = self._maker.ood
        if queries is None or not self._sound(search):
            return
        with self._blamed(search):
            ids, qps = self._batch(search, f"{self._place.name}-ood", queries="ood.npy")
            self._ood.setdefault(search, []).append((queries.judged(ids).recall, qps))

    def loaded(self, search: Parameters) -> None:
        """Offer requests at rising rates to one configuration, if asked for, unless it has failed before."""
        load = self._settings.load
        if load is None or not self._sound(search):
            return
        steps: list[LoadStep] = []
        with self._blamed(search):
            for writes in load.kinds:
                burst = self._load_step(search, load, None, writes, len(steps))
                steps.append(burst)
                for rate in load.rates_for(burst.served.per_second):
                    steps.append(self._load_step(search, load, rate, writes, len(steps)))
        if load.writes:
            self.rest()  # what comes next begins with the saved index
        self._loads[search] = steps

    def churn(self, searches: Sequence[Parameters] | None = None) -> None:
        """Remove and add a share of the vectors, then measure all or some configurations again."""
        share = self._settings.churn
        if share is None or self._error:
            return
        name, wanted = f"{self._place.name}-churn", self.task.searches if searches is None else searches
        try:
            facts = self._ask("removing and adding", do="churn", share=share, batch=_CHURN_BATCH, out=name)
        except EngineFailed as error:
            self._churned = {search: {"share": share, "error": str(error)} for search in wanted}
            return
        changed = self._array(name, "rows")
        for search in filter(self._sound, wanted):
            with self._blamed(search):
                ids, qps = self._batch(search, name)
                quality = self._maker.judged(self._maker.churned_rows(ids, changed))
                self._churned[search] = {"share": share, **facts, "recall": quality.recall, "qps": qps}

    def row(self, search: Parameters) -> tuple[Row, JudgedHits | None]:
        """Return the row of one configuration, with the answers of its last round."""
        error = self.error(search)
        rounds = [] if error else self._rounds.get(search, [])
        filters, churn = self._filtered.get(search, {}), self._churned.get(search)
        ood = [] if error else self._ood.get(search, [])
        load = [] if error else self._loads.get(search, [])
        row = self._maker.row(
            self.task, search, self._facts, rounds, filters=filters, ood=ood, load=load, churn=churn, error=error
        )
        return row, rounds[-1].answers if rounds else None

    def error(self, search: Parameters | None = None) -> str:
        """Return the error of the index or of one configuration; empty if there is none."""
        return self._error or (self._errors.get(search, "") if search is not None else "")

    def probe(self, search: Parameters) -> Quality | None:
        """Return the quality of a configuration's answers, without its speed; None if it failed."""
        if self._sound(search):
            with self._blamed(search):
                ids, _ = self._batch(search, f"{self._place.name}-probe", seconds=0.0)
                return self._maker.judged(rows_of(ids, self._maker.data.ids))
        return None

    def rest(self) -> None:
        """End the process; it restarts with the saved index when there is more to do."""
        if self._child is not None:
            self._child.close()
            self._child = None

    def close(self) -> None:
        """End the process and delete the saved index."""
        self.rest()
        shutil.rmtree(self._place, ignore_errors=True)

    # ---- machinery --------------------------------------------------------------------------------------------

    def _job(self) -> dict[str, Any]:
        data = self._maker.data
        return {
            "spec": self.task.spec,
            "dim": data.dim,
            "metric": data.metric,
            "seed": self._settings.seed,
            "folder": str(self._place.parent),
            "index": str(self._place),
            "memory": self._limit,
        }

    def _load(self) -> dict[str, Any]:
        self._child = Child(self._job(), self._command)
        return self._child.ask("loading", self._seconds, do="load", k=self._settings.k)

    def _ask(self, doing: str, /, do: str, **values: object) -> dict[str, Any]:
        return self._ask_within(self._seconds, doing, do=do, **values)

    def _ask_within(self, seconds: float, doing: str, /, do: str, **values: object) -> dict[str, Any]:
        if self._child is None or not self._child.alive:
            self._load()
        assert self._child is not None  # noqa: S101 - what _load has just set
        return self._child.ask(doing, seconds, do=do, **values)

    def _batch(
        self, search: Parameters, name: str, do: str = "batch", **more: object
    ) -> tuple[NDArray[np.int64], float]:
        values = {"k": self._settings.k, "seconds": self._settings.seconds, **more}
        reply = self._ask("searching", do=do, search=asdict(search), out=name, **values)
        return self._array(name, "ids"), float(reply["qps"])

    def _load_step(self, search: Parameters, load: Load, rate: float | None, writes: float, number: int) -> LoadStep:
        name, seconds = f"{self._place.name}-load", load.seconds if rate is None else load.length(rate)
        reply = self._ask_within(
            self._seconds + PATIENCE * seconds,
            "serving requests" if rate is None else f"serving {written(rate)} requests/s",
            do="load_test",
            search=asdict(search),
            k=self._settings.k,
            rate=rate,
            seconds=seconds,
            servers=load.servers,
            writes=writes,
            number=number,
            out=name,
        )
        if reply["removed_found"]:
            raise EngineFailed("it returned an id that was removed, after writes under load")
        scheduled, began, ended = self._array(name, "times")
        served = Served(scheduled, began, ended, float(reply["stopped"]))
        is_write, renewed = self._array(name, "writes"), self._array(name, "renewed")
        answered = np.flatnonzero(~is_write & ~np.isnan(served.ended))
        judged = (
            answered[np.unique(np.linspace(0, len(answered) - 1, _JUDGED).astype(int))] if len(answered) else answered
        )
        recall = None
        if len(judged):
            found = self._maker.renewed_rows(self._array(name, "ids")[judged], renewed)
            recall = self._maker.judged(found, self._array(name, "queries")[judged]).recall
        after = self._maker.judged(self._maker.renewed_rows(self._array(name, "after"), renewed)).recall
        return LoadStep(rate, writes, served, is_write, recall, after)

    def _array(self, name: str, part: str) -> NDArray[Any]:
        array: NDArray[Any] = np.load(self._place.parent / f"{name}-{part}.npy", allow_pickle=False)
        return array

    def _sound(self, search: Parameters) -> bool:
        return not self._error and search not in self._errors

    @contextlib.contextmanager
    def _blamed(self, search: Parameters) -> Iterator[None]:
        """Record a failure as this configuration's error."""
        try:
            yield
        except EngineFailed as error:
            self._errors[search] = str(error)
