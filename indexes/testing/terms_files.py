"""The contract of ``TermIndex`` on saving and loading, and as a random walk against the oracle."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize

from .. import load
from ..term_index import TermIndex
from .files import SavedContract
from .random_walk import RandomWalk, walk_test
from .terms import N, TermContract, agree
from .terms_oracle import Score, TermOracle, bags, questions, some_ids

_words = st.sampled_from(["a", "b", "c", "d", "e", "ü", "\ud800"])
_bags = st.one_of(
    st.lists(_words, max_size=6), st.dictionaries(_words, st.sampled_from([0.0, 0.5, 1.0, 2.0, 300.0]), max_size=4)
)


class TermFilesContract(SavedContract, TermContract):
    """Folders that are whole or refused."""

    cuts, bits = 4, 8
    least_damage, least_much_damage = 7 * 10, 7 * 80
    differing = frozenset({"rows.npy", "terms.json", "ids.npy"})

    def small(self, factory, seed=0):
        index = factory()
        index.build(bags(30, seed), some_ids(30, seed))
        return index

    @pytest.fixture
    def changed(self, own):
        """Give an index that has seen changes, and its oracle."""
        index, oracle = own
        index.add([["ünï\nçode", "\ud800", "w1"]], [2**61])
        oracle.add([["ünï\nçode", "\ud800", "w1"]], [2**61])
        index.remove(some_ids(N)[::10])
        oracle.remove(some_ids(N)[::10])
        return index, oracle

    @pytest.fixture
    def lived(self, changed):
        return changed[0]

    def test_loaded_equals_saved(self, changed, tmp_path):
        index, oracle = changed
        index.save(tmp_path / "index")
        loaded = load(tmp_path / "index")
        assert isinstance(loaded, TermIndex)
        assert loaded.spec == index.spec
        assert (loaded.ids() == index.ids()).all()
        queries = [*questions(), ["ünï\nçode"], ["\ud800"]]
        one, two = index.search(queries, 10), agree(loaded, oracle, queries)
        assert (one.ids == two.ids).all()
        assert (one.scores == two.scores).all()

    def test_loaded_goes_on(self, changed, tmp_path):
        index, oracle = changed
        index.save(tmp_path / "index")
        loaded = load(tmp_path / "index")
        assert isinstance(loaded, TermIndex)
        loaded.remove([2**61])
        oracle.remove([2**61])
        loaded.add(bags(20, 5), np.arange(20) + 2**60)
        oracle.add(bags(20, 5), np.arange(20) + 2**60)
        agree(loaded, oracle, questions())
        loaded.optimize()
        agree(loaded, oracle, questions())

    def test_saving_changes_nothing(self, changed, tmp_path):
        index, oracle = changed
        index.save(tmp_path / "a")
        agree(index, oracle, questions())

    def test_an_empty_index(self, factory, tmp_path):
        factory().save(tmp_path / "index")
        loaded = load(tmp_path / "index")
        assert isinstance(loaded, TermIndex)
        assert len(loaded) == 0
        loaded.add([["a"]], [1])
        assert loaded.search([["a"]], 1).ids.tolist() == [[1]]


class TermRandomWalk(RandomWalk):
    """Random changes and searches of an index of terms."""

    score: Score
    items = _bags

    @initialize()
    def start(self):
        self.index, self.oracle = type(self).factory(), TermOracle(type(self).score)

    def agree(self, query, k, **options):
        agree(self.index, self.oracle, [query], k, **options)


def term_model_test(factory: Callable[[], TermIndex], score: Score, *, examples: int = 25, steps: int = 20) -> Any:
    """Make the test class of an engine."""
    return walk_test(TermRandomWalk, examples, steps, factory=staticmethod(factory), score=staticmethod(score))
