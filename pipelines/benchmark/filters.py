"""Filtered search: shares of the vectors to search among, drawn at random, or correlated with the queries.

Real filters are seldom random: people who ask about law filter by legal texts (positive correlation), or
leave them out (negative). A graph then leads to rows that are allowed, or to none of them; and filtering afterwards
throws away nothing, or everything. The three cases are those of ACORN (Patel, Kraft, Guestrin, Zaharia, "ACORN:
performant and predicate-agnostic search over vector embeddings and structured data", 2024).

Queries are put into groups by the nearest of a few of them, the group's middle; the filter of a group allows the rows
that are nearest to its middle, or farthest from it.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from indexes import Ids

from ..datasets import VectorData
from .distances import of_rows, to_all
from .errors import EngineFailed
from .ground_truth import Truth, exact
from .recall import quality

Kind = Literal["random", "near", "far"]
KINDS: tuple[Kind, ...] = get_args(Kind)
NAMES: Mapping[Kind, str] = {
    "random": "drawn at random",
    "near": "near the query (positive correlation)",
    "far": "far from the query (negative correlation)",
}
_GROUPS = 16


@dataclass(frozen=True, slots=True)
class Filter:
    """Which share of the rows a search is among."""

    share: float
    kind: Kind

    @property
    def name(self) -> str:
        """For file names."""
        return f"{self.kind}-{self.share:g}"


@dataclass(frozen=True, slots=True)
class Group:
    """Queries that are asked with one filter.

    Attributes
    ----------
    queries
        int64: their numbers.
    rows
        int64, ascending: the rows that the filter allows.
    truth
        Their true neighbours among these.
    """

    queries: Ids
    rows: Ids
    truth: Truth

    def recall(self, data: VectorData, found: Ids) -> NDArray[np.float64]:
        """Return the recall of each query; a row that was not allowed is a fault of the engine.

        Parameters
        ----------
        found
            int64, shape (len(queries), k): rows found, -1 for none.

        Raises
        ------
        EngineFailed
            A row was found that the filter excludes.
        """
        if not np.isin(found, self.rows)[found >= 0].all():
            raise EngineFailed("it returned an id that the filter excludes")
        distances = of_rows(data.base, data.queries[self.queries], found, data.metric)
        return quality(found, distances, self.truth.rows, self.truth.distances).per_query


@dataclass(frozen=True, slots=True)
class Filtered:
    """A filter for every query.

    Attributes
    ----------
    groups
        Every query is in one of them.
    neighbours_allowed
        Share of the true neighbours without a filter that it allows; that of a filter drawn at random is about its own.
    """

    groups: tuple[Group, ...]
    neighbours_allowed: float


class Filters:
    """Makes the filters of a run, each once.

    Parameters
    ----------
    data, truth
        The data, and the true neighbours without a filter.
    seed
        Random seed.
    correlated
        Whether queries are put into groups, so that each group can have a filter of its own. Otherwise all are one
        group.
    """

    def __init__(self, data: VectorData, truth: Truth, *, seed: int, correlated: bool) -> None:
        self._data, self._truth, self._seed = data, truth, seed
        self._made: dict[Filter, Filtered] = {}
        self._middles = self._groups = None
        if correlated:
            self._middles, self._groups = _grouped(data, seed)

    def made(self, wanted: Filter) -> Filtered:
        """Return a filter for every query."""
        if wanted not in self._made:
            self._made[wanted] = self._make(wanted)
        return self._made[wanted]

    def _make(self, wanted: Filter) -> Filtered:
        n = max(1, round(wanted.share * len(self._data)))
        if self._groups is None or self._middles is None:
            members: Sequence[Ids] = [np.arange(len(self._data.queries))]
            rows = [self._drawn(n)]
        else:
            members = self._groups
            rows = [self._drawn(n)] * len(members) if wanted.kind == "random" else self._ranked(n, wanted.kind)
        groups = tuple(self._group(*each) for each in zip(members, rows, strict=True))
        inside = sum(float(np.isin(self._truth.rows[each.queries], each.rows).sum()) for each in groups)
        return Filtered(groups, inside / self._truth.rows.size)

    def _group(self, queries: Ids, rows: Ids) -> Group:
        k = min(self._truth.rows.shape[1], len(rows))
        there = exact(self._data.base[rows], self._data.queries[queries], k, self._data.metric)
        return Group(queries, rows, Truth(rows[there.rows], there.distances))

    def _drawn(self, n: int) -> Ids:
        rng = np.random.default_rng([self._seed, n])
        return np.sort(rng.choice(len(self._data), n, replace=False))

    def _ranked(self, n: int, kind: Kind) -> list[Ids]:
        """Return for each group the rows nearest to its middle, or farthest from it."""
        data, found = self._data, []
        assert self._middles is not None  # noqa: S101 - asked for correlated filters only
        for _, distances in to_all(data.base, data.queries[self._middles], data.metric):
            order = np.argsort(distances, axis=1, kind="stable")
            found += [np.sort(row[:n] if kind == "near" else row[-n:]) for row in order]
        return found


def _grouped(data: VectorData, seed: int) -> tuple[Ids, list[Ids]]:
    """Return the numbers of the middle queries, and the numbers of the queries of each group."""
    n = min(_GROUPS, len(data.queries))
    middles = np.sort(np.random.default_rng(seed).choice(len(data.queries), n, replace=False))
    nearest = np.empty(len(data.queries), np.int64)
    for block, distances in to_all(data.queries[middles], data.queries, data.metric):
        nearest[block] = np.argmin(distances, axis=1)
    members = [np.flatnonzero(nearest == number) for number in range(n)]
    kept = [number for number, own in enumerate(members) if len(own)]
    return middles[kept], [members[number] for number in kept]


def filter_figures(wanted: Filter, allowed: float, rounds: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """Return recall and speed with a filter over the rounds."""
    speeds = [qps for _, qps in rounds]
    qps = statistics.median(speeds)
    return {
        "share": wanted.share,
        "kind": wanted.kind,
        "neighbours_allowed": allowed,
        "recall": min(recall for recall, _ in rounds),
        "qps": qps,
        "qps_spread": (max(speeds) - min(speeds)) / qps,
    }
