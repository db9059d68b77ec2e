"""Planted defects: every one of these broken engines has to fail the contract."""

import functools
import time

import numpy as np
import pytest

from indexes import testing
from indexes.flat import FlatIndex
from indexes.rows import Keep
from indexes.scan import blocks
from indexes.testing.base import N_QUERIES, N
from indexes.testing.oracle import DIM, Oracle, cloud, shuffled_ids
from indexes.types import Hits
from indexes.vectors import checked_vectors


class IgnoresAllow(FlatIndex):
    def _keep(self, allow):
        return super()._keep(None)


class DoesNotSort(FlatIndex):
    def _search(self, q, k, params, keep):
        scores, rows = super()._search(q, k, params, keep)
        return scores[:, ::-1].copy(), rows[:, ::-1].copy()


class FindsTheWorst(FlatIndex):
    """Returns well-formed rows with recall 0."""

    def _search(self, q, k, params, keep):
        scores, rows = super()._search(-q, k, params, keep)
        return scores, rows


class FindsLess(FlatIndex):
    """Looks at nine vectors of ten."""

    def _search(self, q, k, params, keep):
        nine = np.flatnonzero(np.arange(len(self._x)) % 10)
        allowed = nine if keep is None else np.intersect1d(nine, keep.rows)
        if len(allowed) < k:
            return super()._search(q, k, params, keep)
        return super()._search(q, k, params, Keep(allowed, len(self._x)))


class ForgetsToRemove(FlatIndex):
    def remove(self, ids):
        return None


class ReturnsDistances(FlatIndex):
    """Lower is better: the sign that is easily forgotten."""

    def search(self, queries, k, **options):
        hits = super().search(queries, k, **options)
        return Hits(hits.ids, np.where(np.isfinite(hits.scores), -hits.scores, hits.scores))


class ForgetsToNormalise(FlatIndex):
    def _ready(self, x, name):
        vectors, squares = checked_vectors(x, self.dim, name, bounded=True)
        return vectors, float(squares.max()) if len(squares) else 0.0


class BreaksTiesByRow(FlatIndex):
    def _search(self, q, k, params, keep):
        return blocks(q, self._vectors, np.arange(len(self._x)) if keep is None else keep.rows, k, self.metric)


class PadsTooMuch(FlatIndex):
    def search(self, queries, k, **options):
        hits = super().search(queries, k, **options)
        hits.ids[:, -1:] = -1
        hits.scores[:, -1:] = -np.inf
        return hits


class RepeatsHits(FlatIndex):
    def search(self, queries, k, **options):
        hits = super().search(queries, k, **options)
        hits.ids[:, 1:2] = hits.ids[:, :1]
        return hits


class WritesToItsInput(FlatIndex):
    def build(self, x, ids):
        super().build(x, ids)
        if isinstance(x, np.ndarray) and x.flags.writeable:
            x[:1] += 1


class KeepsItsInput(FlatIndex):
    def _build(self, items):
        self._x._buffer, self._x._n = items, len(items)


class AddsHalfOfABadBatch(FlatIndex):
    def add(self, x, ids):
        if len(x) > 1:
            super().add(x[:1], ids[:1])
            super().add(x[1:], ids[1:])
        else:
            super().add(x, ids)


class HasNoLock(FlatIndex):
    """Adds in two steps, and lets go of the lock in between."""

    def _insert(self, items, ids):
        half = len(ids) // 2
        super()._insert(items[:half], ids[:half])
        time.sleep(0.002)
        super()._insert(items[half:], ids[half:])


def _own(factory, metric):
    index = factory(DIM, metric=metric)
    x, ids = cloud(N)[:600], shuffled_ids(N)[:600]
    index.build(x, ids)
    return index, Oracle(metric).add(x, ids)


QUERIES = cloud(N_QUERIES, DIM, 1)

CASES = {
    IgnoresAllow: lambda f: testing.FilterContract().test_every_selectivity(_own(f, "ip"), QUERIES),
    DoesNotSort: lambda f: testing.NumbersContract().test_finds_what_exact_search_finds(_own(f, "l2"), QUERIES),
    FindsTheWorst: lambda f: testing.NumbersContract().test_finds_what_exact_search_finds(_own(f, "ip"), QUERIES),
    FindsLess: lambda f: testing.NumbersContract().test_finds_what_exact_search_finds(_own(f, "l2"), QUERIES),
    ForgetsToRemove: lambda f: testing.ChangesContract().test_removed_vectors_are_never_found(_own(f, "l2"), QUERIES),
    ReturnsDistances: lambda f: testing.NumbersContract().test_scores_by_hand(f, "l2"),
    ForgetsToNormalise: lambda f: testing.NumbersContract().test_finds_what_exact_search_finds(
        _own(f, "cosine"), QUERIES
    ),
    BreaksTiesByRow: lambda f: testing.NumbersContract().test_many_identical_vectors_are_all_reachable(f, "l2"),
    PadsTooMuch: lambda f: testing.NumbersContract().test_k_of_all(_own(f, "l2"), QUERIES),
    RepeatsHits: lambda f: testing.NumbersContract().test_finds_what_exact_search_finds(_own(f, "l2"), QUERIES),
    WritesToItsInput: lambda f: testing.InputsContract().test_inputs_are_neither_written_nor_kept(f, "l2"),
    KeepsItsInput: lambda f: testing.InputsContract().test_inputs_are_neither_written_nor_kept(f, "l2"),
    AddsHalfOfABadBatch: lambda f: testing.ChangesContract().test_adding_a_known_id_adds_nothing(
        _own(f, "l2"), QUERIES
    ),
    HasNoLock: lambda f: testing.ThreadsContract().test_readers_never_see_half_a_change(f),
}


@pytest.mark.parametrize("broken", CASES, ids=lambda c: c.__name__)
def test_a_broken_engine_is_caught(broken):
    with pytest.raises(AssertionError):
        CASES[broken](functools.partial(broken))


def test_parameters_that_leak_are_caught():
    from indexes.hnsw import HNSWIndex

    class Leaks(HNSWIndex):
        def _chosen(self, params):
            self.search_params = super()._chosen(params)
            return self.search_params

    small = Leaks(DIM)
    small.build(cloud(50), np.arange(50))
    with pytest.raises(AssertionError):
        testing.InputsContract().test_search_parameters_of_a_call_stay_in_it(small)


@pytest.mark.parametrize("broken", CASES, ids=lambda c: c.__name__)
def test_the_same_check_passes_on_the_sound_engine(broken):
    CASES[broken](FlatIndex)
