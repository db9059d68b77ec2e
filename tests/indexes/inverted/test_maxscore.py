"""The pruned search finds what scoring every document finds, however the groups fall."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from indexes.inverted import maxscore
from indexes.inverted.impacts import ImpactList
from indexes.rows import Keep


def make_query(rng, n_rows, n_terms, *, levels, signed=False):
    """Terms from rare to in nearly all rows; few levels of impact, so that many sums tie."""
    query = []
    for _ in range(n_terms):
        size = int(np.ceil(n_rows * rng.random() ** 3))
        rows = np.sort(rng.choice(n_rows, size, replace=False)).astype(np.int32)
        impacts = (rng.integers(1, levels + 1, size) / 4 * np.log(1 + n_rows / size)).astype(np.float32)
        if signed and rng.random() < 0.5:
            impacts -= np.float32(0.5)
        query.append((ImpactList(rows, impacts, n_rows), float(rng.choice([1.0, 2.0, 0.3]))))
    return query


def brute(query, n_rows, k, allowed):
    sums, matched = np.zeros(n_rows), np.zeros(n_rows, np.bool_)
    for term, weight in sorted(query, key=lambda e: e[0].upper * e[1], reverse=True):
        sums[term.rows] += term.impacts.astype(np.float64) * weight
        matched[term.rows] = True
    rows = np.flatnonzero(matched & allowed)
    scores = sums[rows].astype(np.float32)
    order = np.lexsort((rows, -scores))[:k]
    return rows[order].tolist(), scores[order].tolist()


def pruned(query, n_rows, k, keep):
    sums = maxscore.working_space(n_rows)
    rows, scores = maxscore.best(query, k, sums, keep)
    assert not sums.any(), "the working space is left dirty"
    assert len(set(rows.tolist())) == len(rows)
    order = np.lexsort((rows, -scores))[:k]
    return rows[order].tolist(), scores[order].tolist()


@pytest.mark.parametrize("exact_rows", [0, 1 << 17])
@pytest.mark.parametrize("first_group", [1, 40, 300, 16384])
@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_rows=st.sampled_from([1, 2, 30, 500, 3000]),
    n_terms=st.integers(1, 9),
    k=st.sampled_from([1, 3, 10, 200]),
    levels=st.sampled_from([1, 2, 1000]),
    share=st.sampled_from([None, None, 0.0, 0.003, 0.2, 0.9]),
    signed=st.sampled_from([False, False, False, True]),
)
def test_pruning_changes_nothing(exact_rows, first_group, seed, n_rows, n_terms, k, levels, share, signed):
    rng = np.random.default_rng(seed)
    query = make_query(rng, n_rows, n_terms, levels=levels, signed=signed)
    allowed = np.ones(n_rows, np.bool_) if share is None else rng.random(n_rows) < share
    keep = None if share is None else Keep(np.flatnonzero(allowed), n_rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(maxscore, "_FIRST_GROUP", first_group)
        patch.setattr(maxscore, "_EXACT_ROWS", exact_rows)
        assert pruned(query, n_rows, k, keep) == brute(query, n_rows, k, allowed)


def test_pruning_does_prune():
    """Documents that hold only the frequent word are not even touched once ten better ones are known."""
    n_rows, touched = 50_000, []
    everywhere = ImpactList(np.arange(n_rows, dtype=np.int32), np.full(n_rows, 0.1, np.float32), n_rows)
    rare = ImpactList(np.arange(0, n_rows, 500, dtype=np.int32), np.full(100, 5.0, np.float32), n_rows)

    class Spy(np.ndarray):
        def take(self, indices, *args, **kwargs):
            touched.append(len(indices))
            return np.asarray(self).take(indices, *args, **kwargs)

    rows, scores = maxscore.best([(everywhere, 1.0), (rare, 1.0)], 10, np.zeros(n_rows).view(Spy), None)
    assert set(rows.tolist()) == set(range(0, n_rows, 500))
    assert scores.tolist() == pytest.approx([5.1] * 100)
    assert sum(touched) <= 100


@pytest.mark.parametrize("lookups", [0, 16, 10**9])
def test_sums_in_float32_lose_no_document(lookups, monkeypatch):
    """Scores that differ by less than float32 rounds away while it adds: the exact order decides."""
    monkeypatch.setattr(maxscore, "_EXACT_ROWS", 0)
    monkeypatch.setattr(maxscore, "_FIRST_GROUP", 500)
    monkeypatch.setattr(maxscore, "_LOOKUPS", lookups)
    rng, n_rows = np.random.default_rng(2), 4000
    query = []
    for size in (300, 2000, 3500, 4000):
        rows = np.sort(rng.choice(n_rows, size, replace=False)).astype(np.int32)
        near = 1 + rng.integers(0, 3, size) * 2.0**-23
        query.append((ImpactList(rows, (near * 7 / np.sqrt(size)).astype(np.float32), n_rows), 0.3))
    for k in (1, 10, 100, 900):
        assert pruned(query, n_rows, k, None) == brute(query, n_rows, k, np.ones(n_rows, np.bool_))


def test_no_terms():
    rows, scores = maxscore.best([], 3, np.zeros(5), None)
    assert (len(rows), len(scores)) == (0, 0)
