"""The truth is cached by content, checked at every run, and never believed when it is wrong."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from pipelines.benchmark import ground_truth as module
from pipelines.benchmark.errors import BenchmarkError
from pipelines.benchmark.ground_truth import Truth, exact, truth_of


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("RAG_CACHE_DIR", str(tmp_path))
    return tmp_path / "truth"


def test_it_is_worked_out_once_for_the_same_content(vectors, cache, monkeypatch):
    first = truth_of(vectors, 10)
    monkeypatch.setattr(module, "exact", lambda *a: pytest.fail("worked out again"))
    again = truth_of(dataclasses.replace(vectors, name="other"), 10)
    assert (first.rows == again.rows).all()
    assert (first.distances == again.distances).all()
    assert len(list(cache.iterdir())) == 1


def test_other_content_other_truth(vectors, cache):
    truth_of(vectors, 10)
    truth_of(vectors, 5)
    truth_of(dataclasses.replace(vectors, metric="cosine"), 10)
    truth_of(dataclasses.replace(vectors, queries=vectors.queries[1:]), 10)
    assert len(list(cache.iterdir())) == 4


@pytest.mark.parametrize("damage", ["truncated", "altered rows", "altered distances", "foreign"])
def test_a_damaged_cache_is_not_believed(vectors, cache, damage):
    good = truth_of(vectors, 10)
    (path,) = cache.iterdir()
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:100])
    elif damage == "foreign":
        path.write_bytes(b"no archive")
    else:
        rows, distances = good.rows.copy(), good.distances.copy()
        if damage == "altered rows":
            rows[0, 0] = (rows[0, 0] + 1) % 400
        else:
            distances[0, 9] *= 1.1
        np.savez(path, rows=rows, distances=distances)
    again = truth_of(vectors, 10)
    assert (again.rows == good.rows).all()
    assert (again.distances == good.distances).all()


@pytest.mark.parametrize("damage", ["rows", "distances", "kind", "shape"])
def test_a_cache_that_is_damaged_only_where_no_brute_force_looks(vectors, cache, damage, monkeypatch):
    monkeypatch.setattr(module, "_CHEAP", 0)
    monkeypatch.setattr(module, "_CHECKED", 3)
    good = truth_of(vectors, 10)
    rows, distances = good.rows.copy(), good.distances.copy()
    if damage == "rows":
        rows[1] = 0
    elif damage == "distances":
        distances[1] = np.nan
    elif damage == "kind":
        rows = rows.astype(np.float64)
    else:
        distances = distances[:, :5]
    np.savez(next(cache.iterdir()), rows=rows, distances=distances)
    again = truth_of(vectors, 10)
    assert (again.rows == good.rows).all()
    assert (again.distances == good.distances).all()


def test_where_it_is_cheap_every_query_is_checked_by_brute_force(vectors, cache, monkeypatch):
    monkeypatch.setattr(module, "_CHECKED", 3)
    good = truth_of(vectors, 10)
    rows, distances = good.rows.copy(), good.distances.copy()
    rows[1, 9] = np.setdiff1d(np.arange(400), rows[1])[0]  # a farther one, with its true distance
    distances[1, 9] = np.sqrt(np.square(vectors.base[rows[1, 9]].astype(float) - vectors.queries[1]).sum())
    np.savez(next(cache.iterdir()), rows=rows, distances=distances)
    assert (truth_of(vectors, 10).rows == good.rows).all()


def test_exact_search_that_is_wrong_is_found_out(vectors, monkeypatch):
    def wrong(base, queries, k, metric):
        found = exact(base, queries, k + 1, metric)
        return Truth(found.rows[:, 1:], found.distances[:, 1:])  # misses the nearest

    monkeypatch.setattr(module, "exact", wrong)
    with pytest.raises(BenchmarkError, match="brute force"):
        truth_of(vectors, 10)


def test_a_cache_that_cannot_be_written_costs_nothing(vectors, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RAG_CACHE_DIR", str(tmp_path / "file"))
    assert truth_of(vectors, 3).rows.shape == (60, 3)
