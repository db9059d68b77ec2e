"""Base of the contract classes of ``DenseIndex``: fixtures, and the comparison of a search with the oracle."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from .. import dense
from ..dense_index import DenseIndex
from ..errors import EngineMissing
from ..idset import IdSet
from ..types import METRICS, Hits, Metric
from .oracle import DIM, Oracle, cloud, shuffled_ids

N, N_QUERIES, K = 2000, 40, 10

Factory = Callable[..., DenseIndex]


@functools.lru_cache(maxsize=12)
def _built(factory: Factory, metric: Metric) -> tuple[DenseIndex, Oracle]:
    x, ids = cloud(N), shuffled_ids(N)
    index = factory(DIM, metric=metric)
    index.build(x, ids)
    return index, Oracle(metric).add(x, ids)


def needs(spec: str) -> None:
    """Skip the calling test module, visibly and once, if the library of an engine is not installed.

    If all engines are required (``RAG_ALL_ENGINES`` is set, as by ``make test-all``), that is an error instead.
    """
    try:
        dense(spec, 2)
    except EngineMissing as error:
        if os.environ.get("RAG_ALL_ENGINES"):
            raise
        pytest.skip(str(error), allow_module_level=True)


class Contract:
    """Fixtures of all contract classes; the test file gives ``factory(dim, metric=..., seed=...)``."""

    @pytest.fixture(params=METRICS)
    def metric(self, request):
        return request.param

    @pytest.fixture
    def built(self, factory, metric) -> tuple[DenseIndex, Oracle]:
        """Give an index of ``cloud(N)`` and its oracle, shared by all tests: not to be changed."""
        return _built(factory, metric)

    @pytest.fixture
    def own(self, factory, metric) -> tuple[DenseIndex, Oracle]:
        """Give an index of the first 600 of ``cloud(N)`` and its oracle, for the test to change."""
        x, ids = cloud(N)[:600], shuffled_ids(N)[:600]
        index = factory(DIM, metric=metric)
        index.build(x, ids)
        return index, Oracle(metric).add(x, ids)

    @pytest.fixture
    def queries(self) -> np.ndarray[Any, Any]:
        return cloud(N_QUERIES, DIM, 1)


def agree(index: DenseIndex, oracle: Oracle, q, k: int = K, *, floor: float | None = None, **options) -> None:
    """Assert that a search has the right form, and finds what exact search finds as far as the traits promise."""
    hits = index.search(q, k, **options)
    allow = options.get("allow")
    allow = allow.ids if isinstance(allow, IdSet) else allow
    eligible = oracle.ids(allow)
    width = min(k, len(eligible))
    assert hits.ids.shape == hits.scores.shape == (len(q), k)
    assert hits.ids.dtype == np.int64
    assert hits.scores.dtype == np.float32
    assert (hits.ids[:, width:] == -1).all()
    assert np.isneginf(hits.scores[:, width:]).all()
    found, scores = hits.ids[:, :width], hits.scores[:, :width]
    assert np.isin(found, eligible).all(), "a hit that is not held or not allowed"
    assert all(len(np.unique(row)) == width for row in found), "a hit occurs twice in a row"
    assert np.isfinite(scores).all()
    assert (scores[:, :-1] >= scores[:, 1:]).all(), "a row does not descend"
    if not width:
        return
    traits = index.traits
    if traits.exact:
        true = oracle.scores(q, eligible)
        theirs = np.take_along_axis(true, np.searchsorted(eligible, found), axis=1)
        assert np.abs(theirs - scores).max() <= oracle.tolerance(q), "scores are not those of exact search"
        tied = scores[:, :-1] == scores[:, 1:]
        assert (found[:, :-1] < found[:, 1:])[tied].all(), "equal scores are not in the order of ids"
    if traits.exhaustive and traits.exact:
        assert oracle.recall(q, hits, k, allow) == 1.0
        _same_order(oracle, oracle.search(q, k, allow), hits, oracle.tolerance(q))
    else:
        assert oracle.recall(q, hits, width, allow) >= (traits.recall_floor if floor is None else floor)


def loose(index: DenseIndex) -> float:
    """Return the recall to demand where ``recall_floor``, that of the best ten, does not apply."""
    floor = index.traits.recall_floor
    return floor - 0.03 if index.traits.exact else floor / 2


def _same_order(oracle: Oracle, expected: Hits, hits: Hits, tolerance: float) -> None:
    """Assert the oracle's ids in the oracle's places; only different vectors whose scores all but agree may swap."""
    for i, j in np.argwhere(expected.ids != hits.ids):
        wanted, found = (oracle.held[int(h.ids[i, j])] for h in (expected, hits))
        assert (wanted != found).any(), "equal vectors are not in the order of ids"
        assert abs(expected.scores[i, j] - hits.scores[i, j]) <= tolerance
