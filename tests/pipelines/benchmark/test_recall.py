"""Recall against ann-benchmarks' own definition, and by hand where the two part."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.benchmark.distances import of_rows, to_all
from pipelines.benchmark.errors import EngineFailed
from pipelines.benchmark.ground_truth import exact
from pipelines.benchmark.recall import first_occurrences, interval, quality, rows_of


def ann_benchmarks_recall(dataset_distances, run_distances, count, epsilon=1e-3):
    """The definition of ann_benchmarks/plotting/metrics.py: knn_threshold and get_recall_values (MIT licence)."""
    recalls = np.zeros(len(run_distances))
    for i in range(len(run_distances)):
        t = dataset_distances[i][count - 1] + epsilon
        actual = 0
        for d in run_distances[i][:count]:
            if d <= t:
                actual += 1
        recalls[i] = actual
    return np.mean(recalls) / float(count)


def task(metric, ties=False, n=200, dim=6, seed=0):
    rng = np.random.default_rng(seed)
    base = rng.standard_normal((n, dim)).astype(np.float32)
    if ties:
        base[n // 2 :] = base[: n // 2]  # every vector stands twice
        base = np.round(base)  # and many distances are equal
    return base, rng.standard_normal((40, dim)).astype(np.float32)


@pytest.mark.parametrize("metric", ["l2", "cosine", "ip"])
@pytest.mark.parametrize("ties", [False, True])
def test_equal_to_ann_benchmarks_on_the_same_neighbours(metric, ties):
    """With its epsilon of a thousandth where distances are large; the cosine is never large and gets a smaller one."""
    base, queries = task(metric, ties)
    base, queries = 3000 * base, 3000 * queries
    epsilon = 1e-9 if metric == "cosine" else 1e-3
    truth = exact(base, queries, 10, metric)
    rng = np.random.default_rng(1)
    everything = np.argsort(np.concatenate([d for _, d in to_all(base, queries, metric)]), axis=1, kind="stable")
    for reach in (10, 13, 30):  # answers drawn from the nearest so many: from perfect to poor
        rows = np.stack([rng.choice(everything[i, :reach], 10, replace=False) for i in range(len(queries))])
        distances = of_rows(base, queries, rows, metric)
        mine = quality(rows, distances, truth.rows, truth.distances)
        theirs = ann_benchmarks_recall(truth.distances, distances, 10, epsilon)
        assert mine.recall == pytest.approx(theirs, abs=1e-12)
        assert mine.recall_by_id <= mine.recall + 1e-12
    assert mine.recall < 0.9  # not everything was perfect


def test_fixed_arrays_with_ties():
    true_rows = np.array([[0, 1, 2]])
    true_distances = np.array([[1.0, 2.0, 2.0]])
    found, distances = np.array([[0, 7, 8]]), np.array([[1.0, 2.0, 2.5]])  # 7 is as near as 1 and 2
    mine = quality(found, distances, true_rows, true_distances)
    assert mine.recall == pytest.approx(2 / 3) == ann_benchmarks_recall(true_distances, distances, 3)
    assert mine.recall_by_id == pytest.approx(1 / 3)
    assert mine.distance_error == pytest.approx(0.5 / 5)


def test_one_neighbour_ten_times_scores_a_tenth():
    base, queries = task("l2")
    truth = exact(base, queries, 10, "l2")
    rows = np.repeat(truth.rows[:, :1], 10, axis=1)
    distances = of_rows(base, queries, rows, "l2")
    assert quality(rows, distances, truth.rows, truth.distances).recall == pytest.approx(0.1)
    assert ann_benchmarks_recall(truth.distances, distances, 10) == 1.0  # where this definition parts from it


def test_half_of_the_neighbours_keep_the_denominator():
    base, queries = task("cosine")
    truth = exact(base, queries, 10, "cosine")
    rows = truth.rows[:, :5]
    found = quality(rows, of_rows(base, queries, rows, "cosine"), truth.rows, truth.distances)
    assert found.recall == found.recall_by_id == pytest.approx(0.5)
    assert found.distance_error == pytest.approx(0.0, abs=1e-9)


def test_nothing_found_scores_nothing_and_has_no_error():
    base, queries = task("l2")
    truth = exact(base, queries, 10, "l2")
    rows = np.full((len(queries), 10), -1)
    found = quality(rows, of_rows(base, queries, rows, "l2"), truth.rows, truth.distances)
    assert (found.recall, found.recall_by_id, found.distance_error) == (0.0, 0.0, None)


def test_a_tie_is_relative_to_the_distance():
    """An absolute epsilon of a thousandth takes everything for found where distances are small."""
    true_rows, true = np.array([[0]]), np.array([[1e-5]])
    found, distances = np.array([[1]]), np.array([[2e-5]])
    assert quality(found, distances, true_rows, true).recall == 0.0
    assert ann_benchmarks_recall(true, distances, 1) == 1.0


@pytest.mark.parametrize("metric", ["l2", "cosine", "ip"])
def test_exact_search_finds_what_float64_finds(metric):
    base, queries = task(metric, ties=True)
    base[3] = 0
    truth = exact(base, queries, 10, metric)
    wide, asked = base.astype(np.float64), queries.astype(np.float64)
    for i, q in enumerate(asked):
        if metric == "l2":
            every = np.linalg.norm(wide - q, axis=1)
        elif metric == "ip":
            every = -(wide @ q)
        else:
            lengths = np.linalg.norm(wide, axis=1) * np.linalg.norm(q)
            every = 1 - np.divide(wide @ q, lengths, out=np.zeros(len(wide)), where=lengths > 0)
        assert np.allclose(np.sort(every)[:10], truth.distances[i], atol=1e-9)
        assert np.allclose(every[truth.rows[i]], truth.distances[i], atol=1e-9)


def test_ids_become_rows():
    ids = np.array([5, 9, 2**61])
    assert rows_of(np.array([[9, -1, 2**61]]), ids).tolist() == [[1, -1, 2]]
    for foreign in (4, 6, 2**62, -2):
        with pytest.raises(EngineFailed, match="not in the data"):
            rows_of(np.array([[foreign]]), ids)


def test_first_occurrences():
    assert first_occurrences(np.array([[3, 1, 3, -1, -1]])).tolist() == [[True, True, False, True, False]]


def test_the_interval_is_wilsons():
    low, high = interval(0.8, 50)  # statsmodels: proportion_confint(40, 50, method="wilson")
    assert (low, high) == (pytest.approx(0.66963, abs=1e-4), pytest.approx(0.88762, abs=1e-4))
    assert interval(1.0, 100)[1] == 1.0
    assert interval(1.0, 100)[0] < 0.97
    assert interval(0.0, 100)[0] == 0.0
    assert interval(0.0, 100)[1] > 0.03
