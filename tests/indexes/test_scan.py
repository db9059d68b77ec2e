"""Equal scores in the order of ids, against sorting."""

from __future__ import annotations

import numpy as np
import pytest

import indexes
from indexes import scan


@pytest.mark.parametrize("levels", [1, 3, 20, 1000])
def test_ties_end_in_the_order_of_ascending_ids(levels):
    rng = np.random.default_rng(levels)
    for n, k in ((1, 1), (1, 10), (7, 2), (200, 10), (30, 40)):
        scores = -np.sort(rng.integers(0, levels, (n, k)), axis=1).astype(np.float32)
        ids = rng.permutation(3 * n * k)[: n * k].reshape(n, k)
        wanted = np.take_along_axis(ids, np.lexsort((ids, -scores), axis=1), axis=1)
        before = scores.copy()
        scan.settle_ties(scores, ids)
        assert (ids == wanted).all()
        assert (scores == before).all()


@pytest.mark.parametrize(
    "spec", ["hnsw:M=4,ef_construction=8,ef=8", "ivf:nlist=64,nprobe=1", "rabitq:bits=1,refine=true,nlist=64,nprobe=1"]
)
def test_a_filter_that_allows_few_is_answered_exactly_whatever_the_engine(spec):
    """Planted: a graph and lists so poor that their own filtered search misses most."""
    rng = np.random.default_rng(0)
    x, q = rng.standard_normal((8000, 16)).astype(np.float32), rng.standard_normal((20, 16)).astype(np.float32)
    allowed = rng.choice(8000, 800, replace=False)
    exact = indexes.dense("flat", 16)
    index = indexes.dense(spec, 16)
    for each in (exact, index):
        each.build(x, np.arange(8000))
    for start in (0, 1):  # one by one and in a batch
        some = q if start else q[:1]
        assert np.array_equal(index.search(some, 10, allow=allowed).ids, exact.search(some, 10, allow=allowed).ids)


@pytest.mark.parametrize("metric", ["cosine", "ip", "l2"])
@pytest.mark.parametrize("n_queries", [1, 2, 7])
def test_a_graph_compares_the_vectors_of_many_allowed_rows_where_they_are(metric, n_queries, monkeypatch):
    """Planted: a graph so poor that its own filtered search misses most; and rows that are gathered block by block."""
    rng = np.random.default_rng(1)
    x, q = rng.standard_normal((3000, 8)).astype(np.float32), rng.standard_normal((n_queries, 8)).astype(np.float32)
    exact, index = (indexes.dense(spec, 8, metric=metric) for spec in ("flat", "hnsw:M=4,ef_construction=8,ef=8"))
    for each in (exact, index):
        each.build(x, np.arange(3000) * 5)
    monkeypatch.setattr(scan, "_SURE", 100)
    monkeypatch.setattr(scan, "_GATHERED_BYTES", 4 * 8 * 64)
    gathered = []
    vectors = type(index)._engine_vectors
    monkeypatch.setattr(type(index), "_engine_vectors", lambda self, rows: gathered.append(1) or vectors(self, rows))
    if n_queries > 2:
        monkeypatch.setattr(type(index), "_prefers_scan", lambda *_: True)
    for allowed in (rng.choice(3000, 300, replace=False) * 5, np.arange(4, dtype=np.int64) * 5):
        found, true = index.search(q, 12, allow=allowed), exact.search(q, 12, allow=allowed)
        assert np.array_equal(found.ids, true.ids)
        np.testing.assert_allclose(found.scores, true.scores, rtol=1e-5)
        assert bool(gathered) == (n_queries > 2 or len(allowed) == 4)
