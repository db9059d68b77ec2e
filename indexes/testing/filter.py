"""Contract of ``DenseIndex``: searching among allowed ids only."""

from __future__ import annotations

import numpy as np

from ..idset import IdSet
from .base import Contract, K, N, agree, loose
from .oracle import DIM, Oracle, cloud, shuffled_ids


class FilterContract(Contract):
    """Searching among allowed ids only."""

    def test_every_selectivity(self, built, queries):
        for share in (0.9, 0.5, 0.1, 0.01, 0.001):
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
