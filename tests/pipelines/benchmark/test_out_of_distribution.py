"""Out-of-distribution queries in a run: the recall of either kind, the gap, and where they are shown."""

from __future__ import annotations

import dataclasses
import io
import json

import numpy as np
import pytest
from rich.console import Console

import indexes
from pipelines.benchmark.distances import of_rows
from pipelines.benchmark.errors import ResultsExist
from pipelines.benchmark.ground_truth import truth_of
from pipelines.benchmark.out_of_distribution import OodQueries, gap_interval
from pipelines.benchmark.recall import quality
from pipelines.benchmark.report import report_page
from pipelines.benchmark.results import read
from pipelines.cli import run as cli
from pipelines.cli.bench_tables import show_rows
from pipelines.datasets import open_vectors


@pytest.fixture(scope="module")
def shifted(vectors):
    """Own queries to the right of zero, the others to its left, where the engine ``partial`` answers badly."""
    right = vectors.queries.copy()
    right[:, 0] = np.abs(right[:, 0]) + 0.1
    left = right[:40] * np.float32([-1, *[1] * 7])
    return dataclasses.replace(vectors, queries=right, ood=left, ood_name="mirrored")


@pytest.fixture(scope="module")
def rows(bench, shifted, tmp_path_factory):
    out = tmp_path_factory.mktemp("ood")
    bench(["honest", "partial:level=1|8", "foreign"], out, data=shifted)
    return read(out)


def test_an_engine_that_is_bad_elsewhere_shows_a_gap(rows):
    found = {row["spec"]: row for row in rows}
    honest, partial, whole = (found[spec] for spec in ("honest", "partial", "partial:level=8"))
    assert honest["ood"]["recall"] == whole["ood"]["recall"] == 1.0
    assert honest["ood"]["gap"] == 0.0
    assert partial["recall"] == 1.0
    assert partial["ood"]["recall"] < 0.2
    assert partial["ood"]["gap"] == pytest.approx(1 - partial["ood"]["recall"])
    low, high = partial["ood"]["gap_interval"]
    assert 0.5 < low < partial["ood"]["gap"] <= high
    assert partial["ood"]["qps"] > 0
    assert found["foreign"]["ood"] is None
    assert "not in the data" in found["foreign"]["error"]


def test_the_rows_say_how_far_off_they_are(rows):
    ood = rows[0]["data"]["ood"]
    assert (ood["name"], ood["n_queries"]) == ("mirrored", 40)
    assert set(ood["shift"]) == {"mahalanobis", "mahalanobis_ood", "nearest", "nearest_ood", "separation"}
    assert 0 <= ood["shift"]["separation"] <= 1


def test_the_page_and_the_table_show_the_gap(rows):
    page = report_page(rows)
    assert "Queries from another distribution" in page
    assert "40 queries (mirrored)" in page
    assert "stroke-dasharray" in page
    text = io.StringIO()
    show_rows(rows, Console(file=text, width=200))
    partial = next(row for row in rows if row["spec"] == "partial")
    assert f"{partial['ood']['gap']:+.3f}" in text.getvalue()
    assert "Queries from another distribution" not in report_page([{**row, "ood": None} for row in rows])


def test_runs_with_and_without_them_are_not_mixed(bench, shifted, tmp_path):
    bench(["honest"], tmp_path, data=dataclasses.replace(shifted, ood=None))
    with pytest.raises(ResultsExist):
        bench(["honest", "half"], tmp_path, data=shifted, resume=True)


def test_newcombes_interval_of_a_difference():
    # Newcombe 1998, table II, method 10
    assert gap_interval(56 / 70, 70, 48 / 80, 80) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert gap_interval(9 / 10, 10, 3 / 10, 10) == pytest.approx((0.1705, 0.8090), abs=5e-5)
    assert gap_interval(1.0, 10, 1.0, 10) == pytest.approx((-0.2775, 0.2775), abs=5e-5)


def test_claims_that_search_abstracts_of_another_field(shared_data, tmp_path, monkeypatch):
    monkeypatch.setenv("RAG_CACHE_DIR", str(tmp_path))
    folder = shared_data / "vectors_minilm"
    gaps, separations = [], []
    for name in ("scidocs", "scifact"):
        data = open_vectors(str(folder / "chunk_24000.npy"), ood=str(folder / f"{name}_qemb.npy"))
        truth = truth_of(data, 10)
        ood = OodQueries.of(data, truth, 10, 0)
        assert ood is not None
        index = indexes.dense("annoy:search_k=200", data.dim, metric=data.metric)
        index.build(data.base, data.ids)
        own, other = (index.search(x, 10).ids for x in (data.queries, ood.data.queries))
        found = quality(own, of_rows(data.base, data.queries, own, data.metric), truth.rows, truth.distances)
        gaps.append(found.recall - ood.judged(other).recall)
        separations.append(ood.shift.separation)
    assert separations[0] < 0.85 < 0.95 < separations[1]
    assert gaps[0] < 0.05 < 0.2 < gaps[1]


def test_by_the_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("RAG_CACHE_DIR", str(tmp_path / "cache"))
    arguments = ["bench", "--data", "synthetic:500x8", "--index", "flat", "--rounds", "1", "--queries", "20"]
    assert cli([*arguments, "--ood", "generated", "--out", str(tmp_path / "out"), "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert row["ood"]["recall"] == 1.0
    assert row["data"]["ood"]["shift"]["separation"] > 0.9
    assert cli([*arguments, "--ood", "own", "--out", str(tmp_path / "other")]) == 64
    assert "give --ood generated" in capsys.readouterr().err
