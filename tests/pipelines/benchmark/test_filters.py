"""Filters that are correlated with the queries: what they allow, what is true among it, what engines make of it."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from rich.console import Console

from pipelines.benchmark.errors import EngineFailed, ResultsExist
from pipelines.benchmark.filters import KINDS, Filter, Filters
from pipelines.benchmark.ground_truth import exact
from pipelines.benchmark.report import report_page
from pipelines.benchmark.results import read
from pipelines.benchmark.settings import Settings
from pipelines.cli import run as cli
from pipelines.cli.bench_tables import show_rows
from pipelines.datasets import VectorData
from rag.errors import InvalidInput


@pytest.fixture(scope="module")
def clustered():
    rng = np.random.default_rng(5)
    centres = rng.standard_normal((8, 6)) * 5
    base = (centres[rng.integers(0, 8, 1000)] + rng.standard_normal((1000, 6))).astype(np.float32)
    queries = (centres[rng.integers(0, 8, 90)] + rng.standard_normal((90, 6))).astype(np.float32)
    return VectorData("clustered", base, np.arange(1000) * 3, queries, "l2")


def filters_of(data, *, correlated=True, k=10):
    truth = exact(data.base, data.queries, k, data.metric)
    return Filters(data, truth, seed=0, correlated=correlated)


@pytest.mark.parametrize("metric", ["l2", "cosine", "ip"])
@pytest.mark.parametrize("share", [0.5, 0.1, 0.01, 0.001])
def test_near_filters_hold_the_neighbours_and_far_ones_do_not(clustered, metric, share):
    import dataclasses

    filters = filters_of(dataclasses.replace(clustered, metric=metric))
    random, near, far = (filters.made(Filter(share, kind)) for kind in KINDS)
    n = round(1000 * share)
    for each in (random, near, far):
        assert {len(group.rows) for group in each.groups} == {n}
        assert np.sort(np.concatenate([group.queries for group in each.groups])).tolist() == list(range(90))
        assert all((np.diff(group.rows) > 0).all() for group in each.groups)
    assert far.neighbours_allowed <= 0.05
    assert near.neighbours_allowed > 2 * share or (share == 0.5 and near.neighbours_allowed > 0.9)
    if metric != "ip":  # by inner product a few long vectors are everybody's neighbours
        assert random.neighbours_allowed == pytest.approx(share, abs=0.06)


def test_the_truth_is_that_of_brute_force_among_the_allowed(clustered):
    for kind in KINDS:
        for group in filters_of(clustered).made(Filter(0.1, kind)).groups:
            for query, rows in zip(group.queries, group.truth.rows, strict=True):
                distances = np.square(clustered.base[group.rows] - clustered.queries[query]).sum(axis=1)
                assert rows.tolist() == group.rows[np.argsort(distances, kind="stable")[:10]].tolist()


def test_near_is_near_to_the_middle_of_the_group(clustered):
    near, far = (filters_of(clustered).made(Filter(0.05, kind)) for kind in ("near", "far"))
    for close, distant in zip(near.groups, far.groups, strict=True):
        asked = clustered.queries[close.queries].mean(axis=0)
        lengths = [np.linalg.norm(clustered.base[each.rows] - asked, axis=1).mean() for each in (close, distant)]
        assert lengths[0] < 0.5 * lengths[1]


def test_without_correlation_all_queries_have_one_filter(clustered):
    made = filters_of(clustered, correlated=False).made(Filter(0.25, "random"))
    assert len(made.groups) == 1
    assert made.groups[0].queries.tolist() == list(range(90))


def test_fewer_allowed_than_asked_for(clustered):
    (group, *_) = filters_of(clustered).made(Filter(0.002, "near")).groups
    assert group.truth.rows.shape[1] == 2
    found = np.full((len(group.queries), 10), -1)
    found[:, :2] = group.rows
    assert (group.recall(clustered, found) == 1).all()
    found[0, 5] = int(np.setdiff1d(np.arange(1000), group.rows)[0])
    with pytest.raises(EngineFailed, match="the filter excludes"):
        group.recall(clustered, found)


def test_settings():
    assert [each.name for each in Settings(filters=(0.5, 0.01)).all_filters] == ["random-0.5", "random-0.01"]
    names = [each.name for each in Settings(filters=(0.1,), correlated=True).all_filters]
    assert names == ["random-0.1", "near-0.1", "far-0.1"]
    with pytest.raises(InvalidInput, match="--correlated goes with --filter"):
        Settings(correlated=True)


@pytest.fixture(scope="module")
def correlated_run(bench, clustered, tmp_path_factory):
    out = tmp_path_factory.mktemp("correlated")
    bench(["honest", "half", "leaky"], out, data=clustered, filters=(0.5, 0.02), correlated=True, rounds=1)
    return out


def test_recall_with_correlated_filters(correlated_run):
    rows = {row["spec"]: row for row in read(correlated_run)}
    expected = [(share, kind) for kind in KINDS for share in (0.5, 0.02)]
    for spec, recall in (("honest", 1.0), ("half", 0.5)):
        assert [(each["share"], each["kind"]) for each in rows[spec]["filters"]] == expected
        assert {each["recall"] for each in rows[spec]["filters"]} == {recall}
        assert all(each["qps"] > 0 for each in rows[spec]["filters"])
    assert rows["leaky"]["error"] == "it returned an id that the filter excludes"


def test_the_page_and_the_table_show_all_three(correlated_run):
    rows = read(correlated_run)
    page = report_page(rows)
    for text in ("drawn at random", "near the query (positive correlation)", "far from the query (negative"):
        assert text in page
    assert "recall, logit scale" in page
    text = io.StringIO()
    show_rows(rows, Console(file=text, width=200))
    assert "near 0.02" in text.getvalue()


def test_rows_of_older_runs_are_shown_and_go_on(bench, vectors, tmp_path):
    bench(["honest"], tmp_path, filters=(0.25,))
    place = tmp_path / "results.jsonl"
    (row,) = read(tmp_path)
    for name in ("correlated_asked", "load_asked", "load", "ood"):
        del row[name]
    for each in row["filters"]:
        del each["kind"], each["neighbours_allowed"]
    place.write_text(json.dumps(row) + "\n")
    assert "Filtered search" in report_page(read(tmp_path))
    assert bench(["honest", "half"], tmp_path, filters=(0.25,), resume=True).measured == 1
    with pytest.raises(ResultsExist, match="measured with correlated"):
        bench(["honest", "half"], tmp_path, filters=(0.25,), correlated=True, resume=True)


@pytest.mark.slow
def test_by_the_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("RAG_CACHE_DIR", str(tmp_path / "cache"))
    arguments = ["bench", "--data", "synthetic:500x8", "--index", "flat", "--rounds", "1", "--queries", "20"]
    options = ["--filter", "0.5,0.1", "--correlated", "--json"]
    assert cli([*arguments, *options, "--out", str(tmp_path / "out")]) == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert [each["kind"] for each in row["filters"]] == ["random"] * 2 + ["near"] * 2 + ["far"] * 2
    assert {each["recall"] for each in row["filters"]} == {1.0}
    assert cli([*arguments, "--correlated", "--out", str(tmp_path / "other")]) == 64
    assert "goes with --filter" in capsys.readouterr().err
