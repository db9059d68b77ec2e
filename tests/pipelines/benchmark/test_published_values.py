"""What faiss's contrib and vicinity publish of recall, fronts and exact neighbours in their tests holds of ours."""

from __future__ import annotations

import numpy as np
import pytest

from indexes import Metric
from pipelines.benchmark import distances
from pipelines.benchmark.ground_truth import exact
from pipelines.benchmark.pareto import speed_front
from pipelines.benchmark.recall import quality

contrib = pytest.importorskip("faiss.contrib.evaluation")
datasets = pytest.importorskip("faiss.contrib.datasets")
searching = pytest.importorskip("faiss.contrib.exhaustive_search")


@pytest.mark.parametrize(("metric", "name"), [("l2", "L2"), ("ip", "IP")])
def test_exact_neighbours_are_faiss_contribs(metric: Metric, name: str) -> None:
    """tests/test_contrib.py, TestComputeGT and TestDatasets."""
    made = datasets.SyntheticDataset(32, 1000, 2000, 10, name)
    ours = exact(made.get_database(), made.get_queries(), 100, metric)
    assert (ours.rows == made.get_groundtruth(100)).mean() > 0.999  # ties may fall the other way


def test_recall_is_faiss_contribs_intersection_and_vicinitys_share() -> None:
    """contrib's knn_intersection_measure; vicinity's `evaluate` takes the mean share of the true ids found."""
    rng = np.random.default_rng(0)
    base, queries = rng.standard_normal((500, 16)).astype("f4"), rng.standard_normal((40, 16)).astype("f4")
    truth = exact(base, queries, 10, "l2")
    found = np.array([rng.choice(np.r_[row, rng.integers(0, 500, 10)], 10, replace=False) for row in truth.rows])
    found = np.array([np.r_[np.unique(row), np.full(10, -1)][:10] for row in found]).astype(np.int64)
    ours = quality(found, distances.of_rows(base, queries, found, "l2"), truth.rows, truth.distances)
    vicinity = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(truth.rows.tolist(), found.tolist(), strict=True)])
    assert 0.2 < ours.recall_by_id < 0.9
    assert ours.recall_by_id == pytest.approx(contrib.knn_intersection_measure(truth.rows, found))
    assert ours.recall_by_id == pytest.approx(vicinity)


def test_a_front_keeps_faiss_contribs_operating_points() -> None:
    """tests/test_contrib.py, TestOperatingPoints: of two that take the same time the better one stays, alone."""
    ours = [{"name": "A", "recall": 0.5, "qps": 1.0}, {"name": "B", "recall": 0.9, "qps": 1.0}]
    assert [row["name"] for row in speed_front(ours)] == ["B"]
    rng = np.random.default_rng(1)
    points = [(f"p{n}", float(recall), float(t)) for n, (recall, t) in enumerate(rng.random((60, 2)) + 0.01)]
    theirs = contrib.OperatingPoints()
    for name, recall, seconds in points:
        theirs.add_operating_point(name, recall, seconds)
    front = speed_front([{"name": name, "recall": recall, "qps": 1 / t} for name, recall, t in points])
    assert {row["name"] for row in front} == {name for name, _, _ in theirs.operating_points}
