"""The contract as a random walk: any order of changes, searches and reloads, against a dictionary and numpy.

In the test file of an engine: ``TestModel = model_test(factory)`` with ``factory(dim, metric=...)``.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from .. import load
from ..dense_index import DenseIndex
from ..errors import InvalidInput, UnknownId
from ..types import METRICS
from .base import agree
from .oracle import Oracle

_DIM = 3
_coordinates = st.sampled_from([-2.0, -1.0, 0.0, 0.5, 1.0, 3.0])  # few values: many ties
_vectors = st.lists(_coordinates, min_size=_DIM, max_size=_DIM)
_ids = st.one_of(st.integers(0, 30), st.sampled_from([2**31, 2**62, 2**63 - 1]))


class RandomWalk(RuleBasedStateMachine):
    """Random changes and searches of one index, each mirrored in the oracle."""

    factory: Callable[..., DenseIndex]

    @initialize(metric=st.sampled_from(METRICS))
    def start(self, metric):
        self.index, self.oracle = type(self).factory(_DIM, metric=metric), Oracle(metric)

    @rule(items=st.dictionaries(_ids, _vectors, max_size=12))
    def add(self, items):
        x, ids = np.array(list(items.values()), np.float32).reshape(-1, _DIM), np.array(list(items), np.int64)
        if self.oracle.held.keys() & items.keys():
            try:
                self.index.add(x, ids)
            except InvalidInput:
                return
            raise AssertionError("a known id was added again")
        self.index.add(x, ids)
        self.oracle.add(x, ids)

    @rule(items=st.dictionaries(_ids, _vectors, max_size=12))
    def build(self, items):
        x, ids = np.array(list(items.values()), np.float32).reshape(-1, _DIM), np.array(list(items), np.int64)
        self.index.build(x, ids)
        self.oracle = Oracle(self.oracle.metric).add(x, ids)

    @rule(ids=st.sets(_ids, max_size=6))
    def remove(self, ids):
        if not ids <= self.oracle.held.keys():
            try:
                self.index.remove(sorted(ids))
            except UnknownId:
                return
            raise AssertionError("an unknown id was removed")
        self.index.remove(sorted(ids))
        self.oracle.remove(ids)

    @rule(data=st.data(), q=_vectors, k=st.integers(0, 40))
    def search(self, data, q, k):
        allow = data.draw(st.one_of(st.none(), st.sets(_ids, max_size=12)))
        chosen = {} if allow is None else {"allow": sorted(allow)}
        agree(self.index, self.oracle, np.array([q], np.float32), k, floor=0.0, **chosen)

    @rule()
    def optimize(self):
        self.index.optimize()

    @rule()
    def reload(self):
        with tempfile.TemporaryDirectory() as folder:
            self.index.save(Path(folder) / "index")
            self.index = load(Path(folder) / "index")

    @invariant()
    def holds_the_same_ids(self):
        if hasattr(self, "index"):
            assert (self.index.ids() == self.oracle.ids()).all()
            assert len(self.index) == len(self.oracle.held)


def model_test(factory, *, examples: int = 15, steps: int = 20) -> Any:
    """Make the test class of an engine."""
    case: Any = type("RandomWalkOfOne", (RandomWalk,), {"factory": staticmethod(factory)}).TestCase  # type: ignore[attr-defined]
    case.settings = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    return case
