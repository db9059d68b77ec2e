"""The contract of ``DenseIndex`` as pytest classes: a new engine inherits them all.

In the test file of an engine::

    import functools, pytest, indexes
    from indexes.testing import *  # or the classes by name

    @pytest.fixture(scope="module", params=["hnsw", "hnsw:storage=sq8"])
    def factory(request):
        return functools.partial(indexes.dense, request.param)

    class TestNumbers(NumbersContract): ...
    class TestChanges(ChangesContract): ...

Numbers are compared with exact search in float64, tie-aware; what an engine may do differently is read from its
``traits``, never skipped.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from . import dense
from .dense_index import DenseIndex
from .errors import EngineMissing, UnknownId
from .idset import IdSet
from .testing_crashes import CrashesContract
from .testing_files import FilesContract
from .testing_inputs import InputsContract
from .testing_oracle import DIM, Oracle, cloud, shuffled_ids
from .testing_threads import ThreadsContract
from .types import METRICS, Hits, Metric

__all__ = [
    "ChangesContract",
    "CrashesContract",
    "FilesContract",
    "FilterContract",
    "InputsContract",
    "NumbersContract",
    "ThreadsContract",
    "needs",
]

N, N_QUERIES, K = 2000, 40, 10

Factory = Callable[..., DenseIndex]


@functools.lru_cache(maxsize=12)
def _built(factory: Factory, metric: Metric) -> tuple[DenseIndex, Oracle]:
    x, ids = cloud(N), shuffled_ids(N)
    index = factory(DIM, metric=metric)
    index.build(x, ids)
    return index, Oracle(metric).add(x, ids)


def needs(spec: str) -> None:
    """Skip the test module that calls this, visibly and once, if the library under an engine is not installed.

    Where all engines are promised (``RAG_ALL_ENGINES`` is set, as ``make test-all`` does) that is an error instead.
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
    """Assert that a search has the promised form, and finds what exact search does as far as the traits say."""
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
    assert all(len(np.unique(row)) == width for row in found), "a hit stands twice in a row"
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
    """Return the recall asked for where ``recall_floor``, that of the best ten, does not fit."""
    floor = index.traits.recall_floor
    return floor - 0.03 if index.traits.exact else floor / 2


def _same_order(oracle: Oracle, expected: Hits, hits: Hits, tolerance: float) -> None:
    """Assert the oracle's ids in the oracle's places; only different vectors whose scores all but agree may swap."""
    for i, j in np.argwhere(expected.ids != hits.ids):
        wanted, found = (oracle.held[int(h.ids[i, j])] for h in (expected, hits))
        assert (wanted != found).any(), "equal vectors are not in the order of ids"
        assert abs(expected.scores[i, j] - hits.scores[i, j]) <= tolerance


class NumbersContract(Contract):
    """What is found, and its scores."""

    def test_finds_what_exact_search_finds(self, built, queries):
        agree(*built, queries)

    @pytest.mark.parametrize("k", [1, 3, 100])
    def test_other_k(self, built, queries, k):
        estimated_best = k == 1 and not built[0].traits.exact  # which of the best few is first, estimates cannot say
        agree(*built, queries, k, floor=0.0 if estimated_best else loose(built[0]))

    def test_k_of_all(self, own, queries):
        agree(*own, queries[:5], 600)

    def test_k_beyond_all_is_padded(self, own, queries):
        agree(*own, queries[:5], 700)

    def test_k_of_zero(self, built, queries):
        hits = built[0].search(queries, 0)
        assert hits.ids.shape == hits.scores.shape == (N_QUERIES, 0)

    def test_no_queries(self, built):
        hits = built[0].search(np.empty((0, DIM), np.float32), 3)
        assert hits.ids.shape == hits.scores.shape == (0, 3)

    def test_finds_each_vector_by_itself(self, built):
        index, oracle = built
        if index.metric == "ip":  # a longer vector may beat the query itself
            agree(index, oracle, cloud(N)[:50], 1, floor=loose(index))
            return
        x, ids = cloud(N)[:200], shuffled_ids(N)[:200]
        best = index.search(x, 1).ids[:, 0]
        assert (best == ids).mean() >= loose(index)

    def test_scores_by_hand(self, factory, metric):
        index = factory(2, metric=metric)
        index.build(np.array([[3.0, 4.0], [0.0, 2.0]], np.float32), [7, 9])
        hits = index.search(np.array([[0.0, 1.0]], np.float32), 2)
        best = {"cosine": (9, 1.0, 0.8), "ip": (7, 4.0, 2.0), "l2": (9, -1.0, -18.0)}[metric]
        assert hits.ids[0, 0] == best[0]
        if index.traits.exact:
            np.testing.assert_allclose(hits.scores[0], best[1:], rtol=1e-6)

    def test_one_by_one_equals_batch(self, built, queries):
        index, oracle = built
        batch = index.search(queries, K)
        single = [index.search(q[None], K) for q in queries]
        np.testing.assert_allclose(
            np.concatenate([h.scores for h in single]), batch.scores, atol=oracle.tolerance(queries)
        )

    def test_searching_twice_gives_the_same(self, built, queries):
        one, two = (built[0].search(queries, K) for _ in range(2))
        assert (one.ids == two.ids).all()
        assert (one.scores == two.scores).all()

    def test_same_seed_same_index(self, factory, metric, queries):
        answers = []
        for _ in range(2):
            index = factory(DIM, metric=metric, seed=5)
            index.build(cloud(N)[:600], shuffled_ids(N)[:600])
            answers.append(index.search(queries, K))
        assert (answers[0].ids == answers[1].ids).all()
        assert (answers[0].scores == answers[1].scores).all()

    @pytest.mark.parametrize("dim", [1, 2, 300])
    def test_other_dimensions(self, factory, metric, dim):
        x, ids = cloud(400, dim), shuffled_ids(400)
        index = factory(dim, metric=metric)
        index.build(x, ids)
        agree(index, Oracle(metric).add(x, ids), cloud(10, dim, 1), floor=0.0)

    @pytest.mark.parametrize("n", [1, 2, 9, 40])
    def test_few_vectors(self, factory, metric, queries, n):
        x, ids = cloud(N)[:n], shuffled_ids(N)[:n]
        index = factory(DIM, metric=metric)
        index.build(x, ids)
        agree(index, Oracle(metric).add(x, ids), queries, floor=0.0)

    def test_empty_index(self, factory, metric, queries):
        index = factory(DIM, metric=metric)
        agree(index, Oracle(metric), queries)
        index.build(np.empty((0, DIM), np.float32), [])
        agree(index, Oracle(metric), queries)
        assert len(index) == 0
        assert index.ids().shape == (0,)

    def test_many_identical_vectors_are_all_reachable(self, factory, metric):
        x, ids = np.repeat(cloud(N)[:1], 300, axis=0), shuffled_ids(N)[:300]
        index = factory(DIM, metric=metric)
        index.build(x, ids)
        oracle = Oracle(metric).add(x, ids)
        agree(index, oracle, x[:3], 300)
        agree(index, oracle, x[:3], 10)

    def test_ties_across_the_last_place(self, factory, metric):
        x = np.concatenate((cloud(N)[:300], np.repeat(cloud(N)[:6], 50, axis=0)))
        ids = shuffled_ids(600, 3)
        index = factory(DIM, metric=metric)
        index.build(x, ids)
        agree(index, Oracle(metric).add(x, ids), cloud(N)[:30], floor=0.0)

    def test_vectors_by_id(self, own):
        index, oracle = own
        gone, *wanted = oracle.ids()[[5, 3, 400]].tolist()
        index.remove([gone])
        found = index.vectors(wanted)
        assert found.shape == (2, DIM)
        assert found.dtype == np.float32
        true = np.array([oracle.held[i] for i in wanted])
        directions = true / np.linalg.norm(true, axis=1, keepdims=True)
        if index.traits.exact:
            np.testing.assert_allclose(found, directions if index.metric == "cosine" else true, rtol=1e-5, atol=1e-6)
        cosines = (found * directions).sum(axis=1) / np.linalg.norm(found, axis=1)
        assert cosines.min() > 0.7, "decoded to another direction"
        with pytest.raises(UnknownId, match=f"not in the index: {gone}"):
            index.vectors([*wanted, gone])

    def test_zero_vectors(self, factory, metric):
        x = cloud(N)[:100].copy()
        x[::10] = 0
        index, ids = factory(DIM, metric=metric), shuffled_ids(100)
        index.build(x, ids)
        oracle = Oracle(metric).add(x, ids)
        agree(index, oracle, cloud(5, DIM, 1), 100, floor=0.0)
        agree(index, oracle, np.zeros((1, DIM), np.float32), 100, floor=0.0)

    def test_large_and_small_numbers(self, factory, metric):
        for scale in (1e-6, 1e6):
            x = (cloud(N)[:300] * scale).astype(np.float32)
            index, ids = factory(DIM, metric=metric), shuffled_ids(300)
            index.build(x, ids)
            agree(index, Oracle(metric).add(x, ids), (cloud(10, DIM, 1) * scale).astype(np.float32), floor=0.0)

    def test_cosine_of_extreme_lengths(self, factory):
        x = cloud(N)[:100].copy()
        x[::3] *= np.float32(1e30)
        x[1::3] *= np.float32(1e-35)
        index, ids = factory(DIM, metric="cosine"), shuffled_ids(100)
        index.build(x, ids)
        oracle = Oracle("cosine").add(x, ids)
        agree(index, oracle, x[:20], 5, floor=0.0)
        agree(index, oracle, x[:1], 5, floor=0.0)  # one at a time goes another way


class ChangesContract(Contract):
    """Adding and removing at any time."""

    def test_add_to_a_new_index(self, factory, metric, queries):
        x, ids = cloud(N)[:600], shuffled_ids(N)[:600]
        index = factory(DIM, metric=metric)
        index.add(x, ids)
        agree(index, Oracle(metric).add(x, ids), queries)

    def test_added_vectors_are_found(self, own, queries):
        index, oracle = own
        more, ids = cloud(N)[600:900], shuffled_ids(N)[600:900]
        index.add(more, ids)
        agree(index, oracle.add(more, ids), queries)
        assert len(index) == 900
        assert (index.ids() == oracle.ids()).all()

    def test_adding_one_at_a_time(self, own, queries):
        index, oracle = own
        for i in range(600, 640):
            index.add(cloud(N)[i : i + 1], shuffled_ids(N)[i : i + 1])
        oracle.add(cloud(N)[600:640], shuffled_ids(N)[600:640])
        agree(index, oracle, queries)
        agree(index, oracle, cloud(N)[600:640], 1, floor=loose(index))

    def test_adding_nothing(self, own, queries):
        index, oracle = own
        index.add(np.empty((0, DIM), np.float32), [])
        agree(index, oracle, queries)

    def test_removed_vectors_are_never_found(self, own, queries):
        index, oracle = own
        gone = shuffled_ids(N)[:600:3]
        index.remove(gone)
        oracle.remove(gone)
        agree(index, oracle, queries)
        agree(index, oracle, cloud(N)[:600:3][:30], 5, floor=loose(index))
        assert len(index) == 400
        assert (index.ids() == oracle.ids()).all()
        assert gone[0] not in index
        assert shuffled_ids(N)[1] in index

    def test_removing_one_at_a_time(self, own, queries):
        index, oracle = own
        for id_ in shuffled_ids(N)[:20]:
            index.remove([id_])
            oracle.remove([id_])
            agree(index, oracle, queries[:3])

    def test_removing_nearly_all(self, own, queries):
        index, oracle = own
        index.remove(shuffled_ids(N)[3:600])
        oracle.remove(shuffled_ids(N)[3:600])
        agree(index, oracle, queries, 5)

    def test_removing_all_then_adding(self, own, queries):
        index, oracle = own
        index.remove(index.ids())
        oracle.remove(oracle.ids())
        agree(index, oracle, queries)
        index.add(cloud(N)[:100], shuffled_ids(N)[:100])
        agree(index, oracle.add(cloud(N)[:100], shuffled_ids(N)[:100]), queries)

    def test_an_id_comes_back_with_another_vector(self, own):
        index, oracle = own
        ids = shuffled_ids(N)[:50]
        index.remove(ids)
        oracle.remove(ids)
        new = cloud(50, DIM, 7)
        index.add(new, ids)
        oracle.add(new, ids)
        agree(index, oracle, new, 5, floor=loose(index))
        agree(index, oracle, cloud(N)[:50], 5, floor=loose(index))

    def test_removing_an_unknown_id_removes_nothing(self, own, queries):
        index, oracle = own
        with pytest.raises(UnknownId, match="12345"):
            index.remove([int(shuffled_ids(N)[0]), 12345678901])
        agree(index, oracle, queries)
        with pytest.raises(KeyError):
            index.remove([12345678901])

    def test_adding_a_known_id_adds_nothing(self, own, queries):
        index, oracle = own
        with pytest.raises(ValueError, match=str(shuffled_ids(N)[5])):
            index.add(cloud(2, DIM, 3), [77777777777, shuffled_ids(N)[5]])
        agree(index, oracle, queries)
        assert len(index) == 600

    def test_build_replaces_all(self, own, queries):
        index, _ = own
        x, ids = cloud(N)[900:1200], shuffled_ids(N)[:300]
        index.build(x, ids)
        agree(index, Oracle(index.metric).add(x, ids), queries)

    def test_churn_then_optimize(self, own, queries):
        index, oracle = own
        x, ids = cloud(N), shuffled_ids(N)
        for start in (600, 900, 1200):
            index.add(x[start : start + 300], ids[start : start + 300])
            oracle.add(x[start : start + 300], ids[start : start + 300])
            gone = ids[start - 600 : start - 300]
            index.remove(gone)
            oracle.remove(gone)
            agree(index, oracle, queries)
        index.optimize()
        agree(index, oracle, queries)
        assert (index.ids() == oracle.ids()).all()

    def test_optimize_an_empty_index(self, factory, metric, queries):
        index = factory(DIM, metric=metric)
        index.optimize()
        agree(index, Oracle(metric), queries)

    def test_generation_changes_with_every_change(self, own):
        index, _ = own
        seen = {index.generation}
        index.add(cloud(1, DIM, 3), [5_000_000_000_000_000_000])
        seen.add(index.generation)
        index.remove([5_000_000_000_000_000_000])
        seen.add(index.generation)
        assert len(seen) == 3

    def test_memory_grows_with_what_is_held(self, own):
        index, _ = own
        before = index.memory()
        assert all(type(v) is int and v >= 0 for v in before.values())
        index.add(cloud(N)[600:1800], shuffled_ids(N)[600:1800])
        after = index.memory()
        assert sum(after.values()) > 1.5 * sum(before.values())


class FilterContract(Contract):
    """Searching among allowed ids only."""

    @pytest.mark.parametrize("share", [0.9, 0.5, 0.1, 0.01, 0.001])
    def test_every_selectivity(self, built, queries, share):
        allow = shuffled_ids(N)[: int(N * share)]
        agree(*built, queries, allow=allow)
        agree(*built, queries[:1], allow=allow, floor=0.0)

    def test_the_far_side(self, built, queries):
        """The allowed vectors are those farthest from the query: where a graph or a list search would never come."""
        index, oracle = built
        far = oracle.search(queries[:1], N).ids[0, -100:]
        agree(index, oracle, queries[:1], allow=far, floor=min(0.9, loose(index)))

    def test_id_set_equals_array(self, built, queries):
        allow = shuffled_ids(N)[100:500]
        one, two = built[0].search(queries, K, allow=allow), built[0].search(queries, K, allow=IdSet(allow))
        assert (one.ids == two.ids).all()

    def test_nothing_allowed(self, built, queries):
        agree(*built, queries, allow=[])

    def test_only_unknown_ids_allowed(self, built, queries):
        agree(*built, queries, allow=[4_000_000_000_000_000_001])

    def test_one_allowed(self, built, queries):
        agree(*built, queries, allow=[shuffled_ids(N)[3], 4_000_000_000_000_000_001])

    def test_all_allowed_is_no_filter(self, built, queries):
        index, oracle = built
        filtered, free = index.search(queries, K, allow=oracle.ids()), index.search(queries, K)
        np.testing.assert_allclose(filtered.scores[:, 0], free.scores[:, 0], atol=oracle.tolerance(queries))
        agree(index, oracle, queries, allow=oracle.ids())

    def test_k_beyond_the_allowed(self, built, queries):
        agree(*built, queries, 50, allow=shuffled_ids(N)[:20])
        agree(*built, queries, 1500, allow=shuffled_ids(N)[:1000])

    def test_id_set_follows_changes(self, own, queries):
        index, oracle = own
        allow = IdSet(shuffled_ids(N)[:900:2])
        agree(index, oracle, queries, allow=allow)
        index.add(cloud(N)[600:900], shuffled_ids(N)[600:900])
        oracle.add(cloud(N)[600:900], shuffled_ids(N)[600:900])
        agree(index, oracle, queries, allow=allow)
        index.remove(shuffled_ids(N)[:200])
        oracle.remove(shuffled_ids(N)[:200])
        agree(index, oracle, queries, allow=allow)
        index.optimize()
        agree(index, oracle, queries, allow=allow)

    def test_one_id_set_for_two_indexes(self, factory, metric, own, queries):
        index, oracle = own
        allow = IdSet(shuffled_ids(N)[:100])
        x, ids = cloud(N)[:60][::-1], shuffled_ids(N)[40:100]
        other = factory(DIM, metric=metric)
        other.build(x, ids)
        for _ in range(2):
            agree(index, oracle, queries, allow=allow)
            agree(other, Oracle(metric).add(x, ids), queries, allow=allow)
