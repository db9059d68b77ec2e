"""Contract of ``DenseIndex``: hits and their scores."""

from __future__ import annotations

import numpy as np
import pytest

from ..errors import UnknownId
from .base import N_QUERIES, Contract, K, N, agree, loose
from .oracle import DIM, Oracle, cloud, shuffled_ids


class NumbersContract(Contract):
    """Hits and their scores."""

    def test_finds_what_exact_search_finds(self, built, queries):
        agree(*built, queries)

    def test_other_k(self, built, queries):
        for k in (1, 3, 100):
            estimated_best = k == 1 and not built[0].traits.exact  # estimates cannot say which of the best few is first
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

    def test_other_dimensions(self, factory, metric):
        for dim in (1, 2, 300):
            x, ids = cloud(400, dim), shuffled_ids(400)
            index = factory(dim, metric=metric)
            index.build(x, ids)
            agree(index, Oracle(metric).add(x, ids), cloud(10, dim, 1), floor=0.0)

    def test_few_vectors(self, factory, metric, queries):
        for n in (1, 2, 9, 40):
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

    def test_scores_of_ids_are_those_of_a_search(self, built, queries):
        index, oracle = built
        wanted = np.random.default_rng(2).permutation(oracle.ids())[:40].tolist()
        hits = index.search(queries[:4], 40, allow=wanted)
        room = max(oracle.tolerance(queries), 0.0 if index.traits.exact else 1e-4 * float(np.abs(hits.scores).max()))
        for n in (1, 4):  # one query alone may go another way
            scores = index.score(queries[:n], [*wanted, 2**62 + 1])
            assert scores.shape == (n, 41)
            assert scores.dtype == np.float32
            assert np.isnan(scores[:, -1]).all()
            for i in range(n):
                found = dict(zip(*(row.tolist() for row in hits.row(i)), strict=True))
                np.testing.assert_allclose(scores[i, :-1], [found[id_] for id_ in wanted], atol=room)

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
