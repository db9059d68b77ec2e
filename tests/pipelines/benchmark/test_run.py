"""Runs that are stopped and go on, refuse what cannot be meant, and keep what is finished."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from indexes import EngineMissing, UnknownParameter
from pipelines.benchmark import run as run_module
from pipelines.benchmark.errors import DiskFull, ResultsExist
from pipelines.benchmark.results import FILE, alone, read
from pipelines.benchmark.settings import Settings
from pipelines.benchmark.sweep import plan
from rag.errors import InvalidInput


def lines(folder):
    return [json.loads(line) for line in (folder / FILE).read_text().splitlines()]


def test_more_neighbours_than_vectors_are_refused(bench, tmp_path):
    with pytest.raises(InvalidInput, match="-k 401, but small has only 400 vectors"):
        bench(["honest"], tmp_path, k=401)
    assert not (tmp_path / FILE).exists()


def test_results_are_not_mixed_up(bench, vectors, tmp_path):
    bench(["honest"], tmp_path)
    with pytest.raises(ResultsExist, match="1 rows: continue with --resume"):
        bench(["half"], tmp_path)
    with pytest.raises(ResultsExist, match="measured with k 10, not 5"):
        bench(["half"], tmp_path, resume=True, k=5)
    other = dataclasses.replace(vectors, base=vectors.base + 1)
    with pytest.raises(ResultsExist, match="rows of other data"):
        bench(["half"], tmp_path, resume=True, data=other)
    cosine = dataclasses.replace(vectors, metric="cosine")
    with pytest.raises(ResultsExist, match="measured with metric 'l2', not 'cosine'"):
        bench(["half"], tmp_path, resume=True, data=cosine)
    fewer = dataclasses.replace(vectors, queries=vectors.queries[:30])
    with pytest.raises(ResultsExist, match="measured with queries 60, not 30"):
        bench(["half"], tmp_path, resume=True, data=fewer)
    assert [row["spec"] for row in lines(tmp_path)] == ["honest"]


def test_two_runs_do_not_write_into_one_folder(bench, tmp_path):
    with alone(tmp_path), pytest.raises(ResultsExist, match="another rag bench is writing into"):
        bench(["honest"], tmp_path)
    assert bench(["honest"], tmp_path).measured == 1


def test_resume_measures_only_what_is_missing(bench, tmp_path):
    bench(["honest"], tmp_path)
    before = (tmp_path / FILE).read_text()
    report = bench(["honest", "half"], tmp_path, resume=True)
    assert report.measured == 1
    assert len(report.rows) == 2
    assert (tmp_path / FILE).read_text().startswith(before)


def test_a_line_that_was_cut_off_is_measured_again(bench, tmp_path):
    bench(["honest"], tmp_path)
    text = (tmp_path / FILE).read_text()
    (tmp_path / FILE).write_text(text + text[: len(text) // 2].replace("honest", "half"))
    report = bench(["honest", "half"], tmp_path, resume=True)
    assert report.measured == 1
    assert [row["spec"] for row in lines(tmp_path)] == ["honest", "half"]


@pytest.fixture
def no_memory(monkeypatch):
    """Let builds fail as where memory is short."""

    def build(turn, seconds):
        turn._error = "needed more memory"
        return True

    @contextlib.contextmanager
    def failing():
        with monkeypatch.context() as patch:
            patch.setattr(run_module.MeasuredIndex, "build", build)
            yield

    return failing


def test_resume_tries_again_what_failed_after_what_is_new(bench, tmp_path, no_memory, monkeypatch):
    with no_memory():
        bench(["half"], tmp_path)
    bench(["honest"], tmp_path, resume=True, budget=1e-9)  # no time for either: what is known of half stays
    assert [(row["spec"], row["error"]) for row in lines(tmp_path)] == [("half", "needed more memory")]
    monkeypatch.setattr(run_module, "_TOGETHER", 1)
    measured = []
    monkeypatch.setattr(run_module._Runner, "_finish", _noting(measured, run_module._Runner._finish))
    report = bench(["half", "honest"], tmp_path, resume=True)
    assert measured == ["honest", "half"]
    assert (report.measured, report.left) == (2, [])
    assert [(row["spec"], row["error"], row["recall"]) for row in lines(tmp_path)] == [
        ("half", None, 0.5), ("honest", None, 1.0),
    ]  # fmt: skip
    assert lines(tmp_path) == report.rows
    assert bench(["half", "honest"], tmp_path, resume=True).measured == 0


def test_what_fails_again_keeps_one_row(bench, tmp_path, no_memory):
    bench(["honest"], tmp_path)
    for _ in range(2):
        with no_memory():
            report = bench(["half"], tmp_path, resume=True)
        assert report.measured == 1
        assert [row["spec"] for row in lines(tmp_path)] == ["honest", "half"]


def test_a_full_disk_keeps_the_row_that_was_to_be_replaced(bench, tmp_path, no_memory, monkeypatch):
    monkeypatch.setattr(run_module.ann_benchmarks, "is_possible", lambda: False)
    with no_memory():
        bench(["half"], tmp_path)
    before = (tmp_path / FILE).read_text()
    monkeypatch.setattr("pipelines.benchmark.results._write", _no_room)
    with pytest.raises(DiskFull, match="1 rows are kept"):
        bench(["half"], tmp_path, resume=True)
    assert (tmp_path / FILE).read_text() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == [FILE]


def _noting(names, original):
    def noted(runner, turn):
        names.append(turn.task.spec)
        original(runner, turn)

    return noted


def _no_room(path, mode, rows):
    path.open(mode).close()
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_damaged_line_in_the_middle_is_named(bench, tmp_path):
    bench(["honest"], tmp_path)
    (tmp_path / FILE).write_text("{nothing\n" + (tmp_path / FILE).read_text())
    with pytest.raises(InvalidInput, match="line 1 is damaged"):
        bench(["honest"], tmp_path, resume=True)


def test_ctrl_c_keeps_finished_rows_and_ends_the_workers(bench, tmp_path, monkeypatch):
    monkeypatch.setattr(run_module, "_TOGETHER", 1)
    seen = []

    def interrupt(turn, search, number, original=run_module.MeasuredIndex.measure):
        seen.append(turn.task.spec)
        if turn.task.engine == "half":
            raise KeyboardInterrupt
        original(turn, search, number)

    monkeypatch.setattr(run_module.MeasuredIndex, "measure", interrupt)
    with pytest.raises(KeyboardInterrupt):
        bench(["honest", "half"], tmp_path)
    monkeypatch.undo()
    assert seen == ["honest", "honest", "half"]
    assert [row["spec"] for row in lines(tmp_path)] == ["honest"]
    assert not list(tmp_path.glob(".work-*"))
    assert bench(["honest", "half"], tmp_path, resume=True).measured == 1


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"spec": "flat", "recall": 1}', "line 2 is not a row of rag bench: it lacks engine, build, search, k, qps"),
        ('{"spec": "flat", "recall": NaN}', "line 2 is damaged"),
        ("[1]", "line 2 is damaged"),
    ],
)
def test_lines_of_others_are_refused(bench, tmp_path, line, message):
    bench(["honest"], tmp_path)
    with (tmp_path / FILE).open("a") as file:
        file.write(line + "\n")
    with pytest.raises(InvalidInput, match=message):
        read(tmp_path)


def test_a_full_disk_keeps_whole_rows(bench, tmp_path, monkeypatch, full_disk):
    monkeypatch.setattr(run_module.ann_benchmarks, "is_possible", lambda: False)
    bench(["honest"], tmp_path)
    filler = (tmp_path / FILE).read_text() * 20
    (tmp_path / FILE).write_text(
        filler
    )  # larger than an index of the small data, so that the row is what finds no room
    with full_disk(len(filler) + 100), pytest.raises(DiskFull, match=r"20 rows are kept.*--resume"):
        bench(["honest", "half"], tmp_path, resume=True)
    assert (tmp_path / FILE).read_text() == filler
    assert bench(["honest", "half"], tmp_path, resume=True).measured == 1


def test_a_disk_that_is_full_for_the_vectors(bench, tmp_path, full_disk, monkeypatch):
    monkeypatch.setattr(run_module.ann_benchmarks, "is_possible", lambda: False)
    with full_disk(2000), pytest.raises(DiskFull, match=r"cannot write 0 MB of vectors .*File too large; free some"):
        bench(["honest"], tmp_path)


def test_a_disk_that_is_full_for_an_index_stops_the_run(bench, tmp_path):
    with pytest.raises(DiskFull, match="free some space"):
        bench(["filler"], tmp_path)
    assert not (tmp_path / FILE).exists()
    assert not list(tmp_path.glob(".work-*"))


@pytest.mark.slow
def test_the_budget_ends_a_run_and_says_what_is_left(bench, tmp_path, monkeypatch):
    monkeypatch.setattr(run_module, "_TOGETHER", 1)
    monkeypatch.setattr(run_module._Runner, "_left", lambda self: -1.0 if self.results.rows else 60.0)
    report = bench(["honest", "half", "tenfold"], tmp_path, budget=60.0)
    assert [row["spec"] for row in report.rows] == ["honest"]
    assert report.left == ["half", "tenfold"]
    monkeypatch.undo()
    assert bench(["honest", "half", "tenfold"], tmp_path, resume=True).left == []


@pytest.mark.slow
def test_a_build_that_the_budget_cuts_short_costs_the_others_nothing_and_is_tried_again(bench, tmp_path, monkeypatch):
    monkeypatch.setattr(run_module._Runner, "_left", lambda self: 8.0)  # the honest one needs a fraction of a second
    monkeypatch.setenv("MASON_SECONDS", "300")
    report = bench(["mason", "honest"], tmp_path, budget=60.0)
    assert [row["spec"] for row in lines(tmp_path)] == ["honest"]  # no row says that the other one hung
    assert report.left == report.cut == ["mason"]
    monkeypatch.undo()
    report = bench(["mason", "honest"], tmp_path, resume=True)
    assert [(row["spec"], row["error"]) for row in lines(tmp_path)] == [("honest", None), ("mason", None)]
    assert report.left == report.cut == []


@pytest.mark.slow
def test_configurations_take_turns(bench, tmp_path, monkeypatch):
    seen = []
    original = run_module.MeasuredIndex.measure
    monkeypatch.setattr(
        run_module.MeasuredIndex, "measure", lambda *a: (seen.append((a[0].task.engine, a[2])), original(*a))
    )
    bench(["honest", "half", "chatty"], tmp_path)
    assert seen == [(engine, number) for number in (0, 1) for engine in ("honest", "half", "chatty")]


@pytest.mark.slow
def test_filters_take_turns_too(bench, tmp_path, monkeypatch):
    seen = []
    original = run_module.MeasuredIndex.filtered
    monkeypatch.setattr(run_module.MeasuredIndex, "filtered", lambda *a: (seen.append(a[0].task.engine), original(*a)))
    rows = bench(["honest", "half"], tmp_path, filters=(0.25, 0.5), rounds=3).rows
    assert seen == 3 * ["honest", "half"]
    assert [[each["share"] for each in row["filters"]] for row in rows] == [[0.25, 0.5]] * 2
    assert [[each["recall"] for each in row["filters"]] for row in rows] == [[1.0, 1.0], [0.5, 0.5]]


def test_threads_are_measured_beside_each_other(bench, tmp_path):
    (row,) = bench(["honest"], tmp_path, threads=(2, 1)).rows
    assert set(row["threads"]) == {"1", "2"}
    assert row["qps"] == row["threads"]["2"]  # the first number asked for is the headline


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k": 0}, "-k 0"),
        ({"threads": (0,)}, "--threads 0"),
        ({"filters": (1.5,)}, "1.5 is not between 0 and 1"),
        ({"filters": (0.1, 0.1)}, "--filter 0.1,0.1: none twice"),
        ({"seed": -1}, "--seed -1"),
        ({"churn": 0.0}, "0.0 is not between 0 and 1"),
        ({"rounds": 0}, "more than 0"),
    ],
)
def test_settings_that_cannot_be_meant(options, message):
    with pytest.raises(InvalidInput, match=message):
        Settings(**options)


def test_engines_that_do_not_exist_or_are_not_installed(monkeypatch):
    import indexes.registry

    with pytest.raises(UnknownParameter, match="did you mean 'hnsw'"):
        plan(["hnws"])
    row = indexes.registry.Engine("indexes.nowhere:Missing", "dense", "pip install nowhere", "not installed")
    monkeypatch.setitem(indexes.registry._TABLE, "nowhere", row)
    with pytest.raises(EngineMissing, match="pip install nowhere"):
        plan(["nowhere"])
    with pytest.raises(InvalidInput, match="measures indexes of vectors"):
        plan(["bm25"])


def test_the_very_index_of_the_bot_is_measured(tmp_path, vectors, bench):
    """Recall of a real engine equals that of the same index, built and searched here."""
    import indexes
    from pipelines.benchmark.ground_truth import exact

    pytest.importorskip("annoy")
    (row,) = bench(["annoy:n_trees=3,search_k=60"], tmp_path).rows
    index = indexes.dense("annoy:n_trees=3,search_k=60", 8, metric="l2")
    index.build(vectors.base, vectors.ids)
    truth = exact(vectors.base, vectors.queries, 10, "l2")
    found = index.search(vectors.queries, 10).ids
    hits = [len(np.intersect1d(a, b)) for a, b in zip(found, truth.rows, strict=True)]
    assert row["error"] is None
    assert row["recall_by_id"] == pytest.approx(sum(hits) / 600)
    assert 0.2 < row["recall"] < 0.99


@pytest.mark.slow
def test_a_real_interrupt_from_the_terminal(tmp_path):
    """SIGINT in the second group: exit 130, the first group's rows stay, no process does."""
    pytest.importorskip("annoy")
    out = tmp_path / "out"
    # A terminal's foreground takes SIGINT; a shell's background job (`make test &`) hands on that it is ignored.
    foreground = "import pipelines.cli, signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    command = [sys.executable, "-c", foreground + "pipelines.cli.main()", "bench", "--data", "synthetic:2kx16",
               "--out", str(out), "--index", "annoy:n_trees=1..20..1", "--rounds", "2"]  # fmt: skip
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    end = time.monotonic() + 200
    while not (out / FILE).exists() and time.monotonic() < end:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, complaint = process.communicate(timeout=200)
    assert process.returncode == 130
    assert b"interrupted" in complaint
    assert b"--resume continues" in complaint
    assert 1 <= len(lines(out)) < 20
    assert not list(out.glob(".work-*"))
    end = time.monotonic() + 60
    while left := [p for p in Path("/proc").glob("[0-9]*") if _works_on(p, out)]:
        assert time.monotonic() < end, left
        time.sleep(0.1)


def _works_on(process, out):
    with contextlib.suppress(OSError):
        return str(out).encode() in (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
    return False
