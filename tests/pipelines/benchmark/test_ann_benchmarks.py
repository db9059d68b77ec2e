"""Our results read as ann-benchmarks reads its own: its metrics on them give our figures."""

from __future__ import annotations

import dataclasses
from itertools import product

import h5py
import numpy as np
import pytest

from pipelines.benchmark.ann_benchmarks import write_dataset, write_result
from pipelines.benchmark.errors import DiskFull
from pipelines.benchmark.ground_truth import exact
from pipelines.benchmark.results import good, read
from pipelines.benchmark.rows import JudgedHits, RowMaker
from pipelines.benchmark.settings import Settings


@pytest.fixture(scope="module")
def rows(planted_run):
    return {row["spec"]: row for row in good(read(planted_run))}


@pytest.mark.slow
def test_its_metrics_on_our_files_give_our_figures(planted_run, rows):
    """As its plots do: threshold from the dataset's distances, candidates' distances from the result file."""
    folder = planted_run / "ann-benchmarks"
    with h5py.File(folder / "data" / "small.hdf5") as file:
        threshold = file["distances"][:, 9] + 1e-9
        assert file.attrs["distance"] == "euclidean"
        assert file.attrs["dimension"] == 8
        n_queries = len(file["test"])
    for spec, batch in product(("honest", "half", "padding", "boaster"), (False, True)):
        (path,) = (folder / "results" / "small" / "10" / (f"{spec}-batch" if batch else spec)).glob("*.hdf5")
        with h5py.File(path) as file:
            recall = float((file["distances"][:] <= threshold[:, None]).sum(axis=1).mean() / file.attrs["count"])
            assert recall == pytest.approx(rows[spec]["recall"], abs=1e-9)
            qps = rows[spec]["qps" if batch else "qps_one_by_one"]
            assert 1 / file.attrs["best_search_time"] == pytest.approx(qps)
            assert file.attrs["batch_mode"] == batch
            assert file.attrs["build_time"] == rows[spec]["build_s"]
            assert file.attrs["index_size"] == pytest.approx(rows[spec]["memory_bytes"] / 1024)
            assert (file.attrs["algo"], file.attrs["name"], file.attrs["dataset"]) == (spec, spec, "small")
            assert {"batch_mode", "expect_extra", "run_count", "candidates", "distance"} <= set(file.attrs)
            assert file["times"].shape == (n_queries,)
            if batch:
                assert np.allclose(file["times"], 1 / qps)
            assert file["neighbors"].dtype == np.int32


def test_the_percentiles_of_its_times_are_ours(tmp_path, vectors):
    """Its table of latencies takes percentiles of ``times``: one query at a time, they are those of the row."""
    vectors = dataclasses.replace(vectors, queries=np.resize(vectors.queries, (1001, 8)))
    maker = RowMaker(vectors, exact(vectors.base, vectors.queries, 10, "l2"), Settings(), {}, {})
    latencies = {"0": 1.0, "50": 2.0, "95": 4.0, "99": 10.0, "100": 50.0}
    row = {"spec": "flat", "engine": "flat", "k": 10, "rounds": 3, "qps": 5e5, "qps_one_by_one": 400.0,
           "latency_ms": latencies, "build_s": 1.0, "memory_bytes": 1024}  # fmt: skip
    found = maker.truth.rows
    for path in write_result(tmp_path, maker, row, JudgedHits(found, maker.judged(found))):
        with h5py.File(path) as file:
            shown = 1000 * np.percentile(file["times"], [50.0, 95.0, 99.0])
            assert shown.tolist() == pytest.approx([0.002] * 3 if file.attrs["batch_mode"] else [2.0, 4.0, 10.0])


def test_a_full_disk_leaves_no_half_file(tmp_path, vectors, full_disk):
    truth = exact(vectors.base, vectors.queries, 10, "l2")
    with full_disk(5000), pytest.raises(DiskFull, match=r"cannot write .*small\.hdf5: .*; free some space"):
        write_dataset(tmp_path, vectors, truth)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.slow
def test_no_file_for_what_failed(planted_run):
    assert not (planted_run / "ann-benchmarks" / "results" / "small" / "10" / "crasher").exists()
