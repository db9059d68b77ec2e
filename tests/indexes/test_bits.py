"""The index of bits against the Hamming distance, counted by numpy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import indexes
from indexes import InvalidInput

KINDS = ["bits", "bits:kind=hnsw", "bits:kind=ivf"]


def bits(n: int, dim: int, seed: int = 0) -> Any:
    """Return bits around forty patterns, as hashes of real things are."""
    rng = np.random.default_rng(seed)
    patterns = np.random.default_rng(99).integers(0, 2, (40, dim))
    return (patterns[rng.integers(0, 40, n)] ^ (rng.random((n, dim)) < 0.15)).astype(np.float32)


def hamming(q: Any, x: Any) -> Any:
    return (q[:, None, :] != x[None, :, :]).sum(axis=2)


def recall(index: Any, q: Any, x: Any, k: int = 10) -> float:
    """Return the share of hits that are at most as far as the k-th nearest."""
    true = hamming(q, x)
    limit = np.sort(true, axis=1)[:, k - 1 : k]
    hits = index.search(q, k)
    found = np.take_along_axis(true, hits.ids, axis=1)
    assert (hits.scores == -found).all(), "scores are minus the number of bits that differ"
    return float((found <= limit).mean())


@pytest.mark.parametrize("spec", KINDS)
@pytest.mark.parametrize("dim", [7, 64, 100])
def test_distances_are_exact_and_recall_is_above_the_floor(spec: str, dim: int):
    x, q = bits(2000, dim), bits(50, dim, 1)
    index = indexes.dense(spec, dim, metric="l2")
    index.build(x, np.arange(2000))
    assert recall(index, q, x) >= index.traits.recall_floor
    assert index.traits.exact
    assert index.traits.exhaustive is (spec == "bits")
    assert (index.vectors([5, 3]) == x[[5, 3]]).all()


@pytest.mark.parametrize("spec", KINDS)
def test_it_grows_shrinks_filters_and_comes_back_from_disk(spec: str, tmp_path: Path):
    x, q = bits(1500, 72), bits(40, 72, 1)
    index = indexes.dense(spec, 72, metric="l2")
    for at in range(0, 1500, 250):
        index.add(x[at : at + 250], np.arange(at, at + 250))
    gone = np.arange(0, 1500, 5)
    index.remove(gone)
    left = np.setdiff1d(np.arange(1500), gone)
    hits = index.search(q, 10)
    assert np.isin(hits.ids, left).all()
    allowed = left[:100]
    exact = np.sort(hamming(q, x[allowed]), axis=1)[:, :10]
    assert (-index.search(q, 10, allow=allowed).scores == exact).mean() > 0.95
    if spec == "bits":
        assert (-hits.scores == np.sort(hamming(q, x[left]), axis=1)[:, :10]).all()
    index.save(tmp_path / "index")
    again = indexes.load(tmp_path / "index")
    assert (again.search(q, 10).scores == hits.scores).all()
    again.add(x[gone], gone)
    again.optimize()
    assert recall(again, q, x) >= again.traits.recall_floor
    assert len(again) == 1500


@pytest.mark.parametrize("spec", KINDS)
def test_packed_bits_take_a_thirty_second(spec: str):
    index = indexes.dense(spec, 256, metric="l2")
    index.build(bits(2000, 256), np.arange(2000))
    assert index.memory()["codes"] <= 2 * 2000 * 256 / 8


@pytest.mark.parametrize("spec", KINDS)
def test_other_numbers_are_refused(spec: str):
    index = indexes.dense(spec, 8, metric="l2")
    x = bits(50, 8)
    bad = x.copy()
    bad[4, 2] = 0.5
    with pytest.raises(InvalidInput, match=r"x\[4\] holds other numbers than 0 and 1"):
        index.add(bad, np.arange(50))
    assert len(index) == 0
    index.add(x, np.arange(50))
    with pytest.raises(InvalidInput, match=r"queries\[4\]"):
        index.search(bad, 3)
    with pytest.raises(InvalidInput, match="Hamming distance"):
        indexes.dense(spec, 8, metric="cosine")


def test_growth_into_other_patterns_costs_lists_no_recall():
    index = indexes.dense("bits:kind=ivf", 64, metric="l2")
    first = bits(1000, 64)
    later = (1 - bits(3000, 64, 3)).astype(np.float32)
    x = np.concatenate((first, later))
    index.build(first, np.arange(1000))
    for at in range(1000, 4000, 250):
        index.add(x[at : at + 250], np.arange(at, at + 250))
    fresh = indexes.dense("bits:kind=ivf", 64, metric="l2")
    fresh.build(x, np.arange(4000))
    q = later[:100]
    assert recall(index, q, x) >= recall(fresh, q, x) - 0.15
    index.optimize()
    assert recall(index, q, x) >= recall(fresh, q, x) - 0.02
