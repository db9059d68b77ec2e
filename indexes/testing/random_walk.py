"""The contract as a random walk: any order of changes, searches and reloads, against an oracle.

In the test file of an engine: ``TestModel = model_test(factory)`` with ``factory(dim, metric=...)``.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from .. import load
from ..errors import InvalidInput, UnknownId
from ..types import METRICS
from .base import agree
from .oracle import Oracle

_DIM = 3
_coordinates = st.sampled_from([-2.0, -1.0, 0.0, 0.5, 1.0, 3.0])  # few values: many ties
_ids = st.one_of(st.integers(0, 30), st.sampled_from([2**31, 2**62, 2**63 - 1]))


class RandomWalk(RuleBasedStateMachine):
    """Random changes and searches of one index, each mirrored in the oracle.

    A family gives ``items``, a strategy of one item, and methods that make index and oracle, and compare a search.
    """

    factory: ClassVar[Any]
    items: ClassVar[Any]
    index: Any
    oracle: Any

    def given(self, items: list[Any]) -> Any:
        """Return items as the index takes them."""
        return items

    def agree(self, query: Any, k: int, **options: Any) -> None:
        raise NotImplementedError

    def drawn(self, data: Any) -> tuple[Any, np.ndarray[Any, Any]]:
        items = data.draw(st.dictionaries(_ids, type(self).items, max_size=12))
        return self.given(list(items.values())), np.array(list(items), np.int64)

    @rule(data=st.data())
    def add(self, data):
        items, ids = self.drawn(data)
        if self.oracle.held.keys() & set(ids.tolist()):
            with pytest.raises(InvalidInput):
                self.index.add(items, ids)
            return
        self.index.add(items, ids)
        self.oracle.add(items, ids)

    @rule(data=st.data())
    def build(self, data):
        items, ids = self.drawn(data)
        self.index.build(items, ids)
        self.oracle.remove(list(self.oracle.held))
        self.oracle.add(items, ids)

    @rule(data=st.data(), wild=st.sets(_ids, max_size=2))
    def remove(self, data, wild):
        held = sorted(self.oracle.held)
        ids = set(data.draw(st.lists(st.sampled_from(held), max_size=8))) if held else set()
        if wild - self.oracle.held.keys():
            with pytest.raises(UnknownId):
                self.index.remove(sorted(ids | wild))
            return
        self.index.remove(sorted(ids | wild))
        self.oracle.remove(ids | wild)

    @rule(data=st.data(), k=st.integers(0, 40))
    def search(self, data, k):
        query, allow = data.draw(type(self).items), data.draw(st.one_of(st.none(), st.sets(_ids, max_size=12)))
        self.agree(query, k, **({} if allow is None else {"allow": sorted(allow)}))

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
            assert self.index.ids().tolist() == sorted(self.oracle.held)
            assert len(self.index) == len(self.oracle.held)


class VectorRandomWalk(RandomWalk):
    """Random changes and searches of an index of vectors."""

    items = st.lists(_coordinates, min_size=_DIM, max_size=_DIM)

    @initialize(metric=st.sampled_from(METRICS))
    def start(self, metric):
        self.index, self.oracle = type(self).factory(_DIM, metric=metric), Oracle(metric)

    def given(self, items):
        return np.array(items, np.float32).reshape(-1, _DIM)

    def agree(self, query, k, **options):
        agree(self.index, self.oracle, self.given([query]), k, floor=0.0, **options)


def walk_test(walk: type[RandomWalk], examples: int, steps: int, **members: Any) -> Any:
    """Make the test class of an engine from the random walk of its family."""
    case: Any = type(f"{walk.__name__}OfOne", (walk,), members).TestCase  # type: ignore[attr-defined]
    case.settings = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    return case


def model_test(factory: Any, *, examples: int = 15, steps: int = 20) -> Any:
    """Make the test class of an engine of vectors."""
    return walk_test(VectorRandomWalk, examples, steps, factory=staticmethod(factory))
