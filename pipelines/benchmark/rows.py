"""Rows of results, made from measurements: judged against the truth and summarised over the rounds."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexes import Ids
from indexes.spec import Parameters

from ..datasets import VectorData
from .distances import Distances, of_rows
from .errors import EngineFailed
from .filters import Filter, Filters, filter_figures
from .ground_truth import Truth
from .load import LoadStep, load_figures
from .out_of_distribution import OodQueries, ood_figures
from .recall import Quality, interval, quality, rows_of
from .results import Row
from .settings import Settings
from .sweep import BuildTask

QUANTILES = (0, 1, 5, 10, 25, 50, 75, 90, 95, 99, 100)
"""Percentiles of the latencies that a row has."""


@dataclass(frozen=True, slots=True)
class JudgedHits:
    """Rows found for all queries, int64 of shape (n_queries, k), and how good they are."""

    rows: Ids
    quality: Quality


@dataclass(frozen=True, slots=True)
class Round:
    """One round of one configuration.

    Attributes
    ----------
    qps
        Queries per second, all in one call.
    threads
        Queries per second by number of threads, for more than one.
    seconds
        Latencies of queries asked one at a time.
    answers
        Hits of the call with all queries.
    lost_alone
        How much lower the recall is for queries asked one at a time than for the same queries asked together.
    """

    qps: float
    threads: Mapping[int, float]
    seconds: NDArray[np.float64]
    answers: JudgedHits
    lost_alone: float


class RowMaker:
    """Judges answers and makes rows; holds what all rows of a run have in common.

    Parameters
    ----------
    data, truth, settings
        The data, its true neighbours and how to measure.
    machine, versions
        The machine and the library versions, for the rows.
    ood
        The out-of-distribution queries of the data, if there are some.
    """

    def __init__(
        self,
        data: VectorData,
        truth: Truth,
        settings: Settings,
        machine: Mapping[str, Any],
        versions: Mapping[str, str],
        *,
        ood: OodQueries | None = None,
    ) -> None:
        self.data, self.truth, self.settings, self.ood = data, truth, settings, ood
        self._machine, self._versions = dict(machine), dict(versions)
        self.filters = Filters(data, truth, seed=settings.seed, correlated=settings.correlated)

    @property
    def task(self) -> dict[str, Any]:
        """The values that comparable rows share; see `results.TASK`."""
        settings = self.settings
        return {
            "data_digest": self.data.digest,
            "data_name": self.data.name,
            "metric": self.data.metric,
            "n_queries": len(self.data.queries),
            "k": settings.k,
            "threads_asked": list(settings.threads),
            "filters_asked": list(settings.filters),
            "correlated_asked": settings.correlated or None,
            "churn_asked": settings.churn,
            "load_asked": settings.load and settings.load.form(),
            "seed": settings.seed,
        }

    def distances(self, rows: Ids, queries: Ids | None = None) -> Distances:
        """Return the distances of answers, computed in float64; an engine's own scores are ignored."""
        asked = self.data.queries if queries is None else self.data.queries[queries]
        return of_rows(self.data.base, asked, rows, self.data.metric)

    def judged(self, rows: Ids, queries: Ids | None = None) -> Quality:
        """Compare the answers to all or some queries with the truth."""
        truth = self.truth if queries is None else self.truth.of(queries)
        return quality(rows, self.distances(rows, queries), truth.rows, truth.distances)

    def lost(self, rows: Ids, single_rows: Ids, asked: Ids) -> float:
        """Return how much lower recall is if the queries ``asked`` come one at a time."""
        together, alone = self.judged(rows[asked], asked), self.judged(single_rows, asked)
        return max(0.0, together.recall - alone.recall)

    def renewed_rows(self, found: Ids, renewed: Ids) -> Ids:
        """Turn ids into rows where rows got new ids one after the other (see `requests.IndexRequests`).

        Raises
        ------
        EngineFailed
            An id was never added.
        """
        last = int(self.data.ids.max())
        new = found > last
        if (found > last + len(renewed)).any():
            raise EngineFailed(f"it returned the id {int(found.max())}, which was never added")
        rows = rows_of(np.where(new, -1, found), self.data.ids)
        rows[new] = renewed[found[new] - last - 1]
        return rows

    def churned_rows(self, found: Ids, changed: Ids) -> Ids:
        """Turn ids into rows after a share of the rows got new ids (see `worker.Worker.churn`).

        Raises
        ------
        EngineFailed
            An id was removed, or never added.
        """
        last = int(self.data.ids.max())
        renewed = found > last
        foreign = renewed & ~np.isin(found - last - 1, changed)
        rows = np.where(renewed, found - last - 1, rows_of(np.where(renewed, -1, found), self.data.ids))
        if foreign.any() or (np.isin(rows, changed) & ~renewed & (found >= 0)).any():
            raise EngineFailed("it returned an id that was removed, or never added")
        return rows

    def row(
        self,
        task: BuildTask,
        search: Parameters,
        facts: Mapping[str, Any],
        rounds: Sequence[Round],
        *,
        filters: Mapping[Filter, Sequence[tuple[float, float]]],
        ood: Sequence[tuple[float, float]],
        load: Sequence[LoadStep],
        churn: Mapping[str, Any] | None,
        error: str,
    ) -> Row:
        """Return the row of one configuration; ``filters`` and ``ood`` are recall and queries/s of every round."""
        settings = self.settings
        figures = _figures(rounds, settings.threads)
        return {
            "spec": task.configuration(search),
            "engine": task.engine,
            "build": asdict(task.build),
            "search": asdict(search),
            "k": settings.k,
            **figures,
            **{name: facts.get(name) for name in _FACTS},
            "filters": [
                filter_figures(each, self.filters.made(each).neighbours_allowed, found)
                for each, found in filters.items()
            ],
            "ood": ood_figures(ood, figures["recall"], self.data) if ood else None,
            "churn": churn,
            "load": load_figures(settings.load, load) if settings.load and load else None,
            "note": _note(facts),
            "error": error or None,
            "rounds": len(rounds),
            "seed": settings.seed,
            "threads_asked": list(settings.threads),
            "filters_asked": list(settings.filters),
            "correlated_asked": settings.correlated or None,
            "churn_asked": settings.churn,
            "load_asked": settings.load and settings.load.form(),
            "data": {
                "name": self.data.name,
                "digest": self.data.digest,
                "n": len(self.data),
                "dim": self.data.dim,
                "n_queries": len(self.data.queries),
                "metric": self.data.metric,
                "notes": list(self.data.notes),
                **({} if self.ood is None else {"ood": self.ood.described()}),
            },
            "machine": self._machine,
            "versions": self._versions,
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
        }


_FACTS = (
    "build_s", "first_query_ms", "build_peak_bytes", "save_s", "disk_bytes", "load_s", "resident_bytes",
    "memory_bytes", "memory",
)  # fmt: skip


def _note(facts: Mapping[str, Any]) -> str | None:
    """Return why a configuration's figures are not what its name suggests, if they are not."""
    parts: Mapping[str, int] = facts.get("memory") or {}
    young = parts.get("young", 0)
    if young and young >= 0.9 * sum(size for name, size in parts.items() if name not in {"ids", "plain"}):
        return "too few vectors to train on: it searches exactly"
    return None


_FIGURES = (
    "recall", "recall_interval", "recall_by_id", "distance_error", "qps", "qps_rounds", "qps_spread",
    "qps_one_by_one", "p50_ms", "p95_ms", "p99_ms", "latency_ms", "threads", "found_per_query",
)  # fmt: skip


def _figures(rounds: Sequence[Round], threads: Sequence[int]) -> dict[str, Any]:
    """Return recall, speed and latencies over the rounds; None for each without rounds."""
    if not rounds:
        return dict.fromkeys(_FIGURES)
    qualities = [each.answers.quality for each in rounds]
    # The worst timed recall: an engine must not be right in one call and fast in another.
    recall = max(0.0, min(q.recall for q in qualities) - max(each.lost_alone for each in rounds))
    by_threads = {1: [each.qps for each in rounds]} | {
        t: [each.threads[t] for each in rounds] for t in threads if t > 1
    }
    speeds = by_threads[threads[0]]
    qps = statistics.median(speeds)
    latencies = 1000 * np.concatenate([each.seconds for each in rounds])
    percentiles = np.percentile(latencies, (50, 95, 99)).tolist()
    return {
        "recall": recall,
        "recall_interval": list(interval(recall, len(qualities[0].per_query))),
        "recall_by_id": min(q.recall_by_id for q in qualities),
        "distance_error": max((q.distance_error for q in qualities if q.distance_error is not None), default=None),
        "qps": qps,
        "qps_rounds": [round(v, 3) for v in speeds],
        "qps_spread": (max(speeds) - min(speeds)) / qps,
        "qps_one_by_one": statistics.median(len(each.seconds) / float(each.seconds.sum()) for each in rounds),
        **dict(zip(("p50_ms", "p95_ms", "p99_ms"), percentiles, strict=True)),
        "latency_ms": {str(q): float(v) for q, v in zip(QUANTILES, np.percentile(latencies, QUANTILES), strict=True)},
        "threads": {str(t): statistics.median(by_threads[t]) for t in sorted({1, *threads})},
        "found_per_query": min(qualities, key=lambda q: q.recall).found.tolist(),
    }
