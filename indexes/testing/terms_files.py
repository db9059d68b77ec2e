"""The contract of ``TermIndex`` on saving and loading, and as a random walk against the oracle."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from .. import load
from ..errors import IndexDamaged, InvalidInput, UnknownId
from ..term_index import TermIndex
from .damage import REPLACEMENTS, refused, survivors
from .terms import N, TermContract, agree
from .terms_oracle import Score, TermOracle, bags, questions, some_ids

_words = st.sampled_from(["a", "b", "c", "d", "e", "ü", "\ud800"])
_bags = st.one_of(
    st.lists(_words, max_size=6), st.dictionaries(_words, st.sampled_from([0.0, 0.5, 1.0, 2.0, 300.0]), max_size=4)
)
_ids = st.one_of(st.integers(0, 30), st.sampled_from([2**31, 2**62, 2**63 - 1]))


class TermFilesContract(TermContract):
    """Folders that are whole or refused."""

    @pytest.fixture
    def lived(self, own):
        """Give an index that has seen changes, and its oracle."""
        index, oracle = own
        index.add([["ünï\nçode", "\ud800", "w1"]], [2**61])
        oracle.add([["ünï\nçode", "\ud800", "w1"]], [2**61])
        index.remove(some_ids(N)[::10])
        oracle.remove(some_ids(N)[::10])
        return index, oracle

    @pytest.fixture
    def saved(self, factory, tmp_path):
        index = factory()
        index.build(bags(30), some_ids(30))
        index.save(tmp_path / "index")
        return tmp_path / "index"

    def test_loaded_equals_saved(self, lived, tmp_path):
        index, oracle = lived
        index.save(tmp_path / "index")
        loaded = load(tmp_path / "index")
        assert isinstance(loaded, TermIndex)
        assert loaded.spec == index.spec
        assert (loaded.ids() == index.ids()).all()
        queries = [*questions(), ["ünï\nçode"], ["\ud800"]]
        one, two = index.search(queries, 10), agree(loaded, oracle, queries)
        assert (one.ids == two.ids).all()
        assert (one.scores == two.scores).all()

    def test_loaded_goes_on(self, lived, tmp_path):
        index, oracle = lived
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

    def test_saving_changes_nothing(self, lived, tmp_path):
        index, oracle = lived
        index.save(tmp_path / "a")
        agree(index, oracle, questions())
        index.save(tmp_path / "b")
        for file in (tmp_path / "a").iterdir():
            assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()

    def test_an_empty_index(self, factory, tmp_path):
        factory().save(tmp_path / "index")
        loaded = load(tmp_path / "index")
        assert isinstance(loaded, TermIndex)
        assert len(loaded) == 0
        loaded.add([["a"]], [1])
        assert loaded.search([["a"]], 1).ids.tolist() == [[1]]

    def test_an_emptied_index(self, factory, tmp_path):
        index = factory()
        index.build(bags(20), range(20))
        index.remove(range(20))
        index.save(tmp_path / "index")
        assert len(load(tmp_path / "index")) == 0

    def test_damaged_bytes_are_refused_by_name(self, saved, tmp_path):
        tried, accepted = survivors(saved, tmp_path, load, cuts=4, bits=8)
        assert accepted == []
        assert tried >= 7 * 10

    @pytest.mark.slow
    def test_much_damage_is_refused_by_name(self, saved, tmp_path):
        tried, accepted = survivors(saved, tmp_path, load, cuts=60, bits=300)
        assert accepted == []
        assert tried >= 7 * 300

    @pytest.mark.parametrize("what", REPLACEMENTS)
    def test_something_else_in_the_place_of_a_file(self, saved, what):
        REPLACEMENTS[what](saved / "rows.npy")
        assert refused(saved, "rows.npy", load)

    def test_files_of_another_index(self, factory, saved, tmp_path):
        other = factory()
        other.build(bags(30, 8), some_ids(30, 8))
        other.save(tmp_path / "other")
        for name in ("rows.npy", "terms.json", "ids.npy"):
            mine = (saved / name).read_bytes()
            (saved / name).write_bytes((tmp_path / "other" / name).read_bytes())
            with pytest.raises(IndexDamaged, match=name):
                load(saved)
            (saved / name).write_bytes(mine)

    def test_a_full_disk_leaves_the_old_index(self, lived, saved, full_disk):
        before = {p.name: p.read_bytes() for p in saved.iterdir()}
        with full_disk(1000), pytest.raises(OSError, match="too large"):
            lived[0].save(saved)
        assert {p.name: p.read_bytes() for p in saved.iterdir()} == before


class TermRandomWalk(RuleBasedStateMachine):
    """Random changes and searches of one index, each mirrored in the oracle."""

    factory: Callable[[], TermIndex]
    score: Score

    @initialize()
    def start(self):
        self.index: Any = type(self).factory()
        self.oracle = TermOracle(type(self).score)

    @rule(items=st.dictionaries(_ids, _bags, max_size=10))
    def add(self, items):
        if self.oracle.held.keys() & items.keys():
            with pytest.raises(InvalidInput):
                self.index.add(list(items.values()), list(items))
            return
        self.index.add(list(items.values()), np.array(list(items), np.int64))
        self.oracle.add(items.values(), items)

    @rule(items=st.dictionaries(_ids, _bags, max_size=10))
    def build(self, items):
        self.index.build(list(items.values()), np.array(list(items), np.int64))
        self.oracle = TermOracle(type(self).score).add(items.values(), items)

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

    @rule(data=st.data(), query=_bags, k=st.integers(0, 40))
    def search(self, data, query, k):
        allow = data.draw(st.one_of(st.none(), st.sets(_ids, max_size=12)))
        agree(self.index, self.oracle, [query], k, **({} if allow is None else {"allow": sorted(allow)}))

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


def term_model_test(factory: Callable[[], TermIndex], score: Score, *, examples: int = 25, steps: int = 20) -> Any:
    """Make the test class of an engine."""
    members = {"factory": staticmethod(factory), "score": staticmethod(score)}
    case: Any = type("TermRandomWalkOfOne", (TermRandomWalk,), members).TestCase  # type: ignore[attr-defined]
    case.settings = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    return case
