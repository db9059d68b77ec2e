"""Contract of ``DenseIndex``: adding and removing at any time."""

from __future__ import annotations

import numpy as np
import pytest

from ..errors import UnknownId
from .base import Contract, N, agree, loose
from .oracle import DIM, Oracle, cloud, shuffled_ids


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
