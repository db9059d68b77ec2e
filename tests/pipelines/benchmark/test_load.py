"""Figures of an index under load, from simulated queues; and a small load by the worker, at whatever speed."""

from __future__ import annotations

import io
import json
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from rich.console import Console

from pipelines.benchmark import run as run_module
from pipelines.benchmark.errors import ResultsExist
from pipelines.benchmark.load import SHARES, Load, LoadStep, load_figures
from pipelines.benchmark.measurement import MeasuredIndex
from pipelines.benchmark.open_loop import Served, serve
from pipelines.benchmark.report import report_page
from pipelines.benchmark.requests import IndexRequests
from pipelines.benchmark.results import read
from pipelines.cli import run as cli
from pipelines.cli.bench_tables import show_rows
from rag.errors import InvalidInput


class Simulated:
    """A clock that stands still unless somebody works or waits."""

    def __init__(self):
        self.time = 0.0

    def now(self):
        return self.time

    def sleep_until(self, moment):
        self.time = max(self.time, moment)


def step(rate, service, *, writes=0.0, until=np.inf):
    """An even schedule of ten seconds on an index that takes ``service`` seconds a request."""
    clock = Simulated()

    def request(_):
        clock.time += service

    served = serve(request, np.arange(round(10 * rate)) / rate, clock=clock, until=until)
    is_write = np.arange(len(served.scheduled)) % 2 == 0 if writes else np.zeros(len(served.scheduled), bool)
    return LoadStep(rate, writes, served, is_write, 0.9, 0.8)


def test_the_rate_that_an_index_keeps_up_with():
    load = Load(rates=(50.0, 90.0, 110.0, 200.0))
    figures = load_figures(load, [step(rate, 0.010, until=20.0) for rate in load.rates])
    (series,) = figures["series"]
    assert series["keeps_up_to"] == 90.0
    assert [each["kept_up"] for each in series["steps"]] == [True, True, False, False]
    p99 = [each["p99_ms"] for each in series["steps"]]
    assert p99[0] == p99[1] == pytest.approx(10)
    assert 900 < p99[2] < 1000, "a queue that grows by 10 % of ten seconds"
    assert p99[3] == pytest.approx(9900, rel=0.01)
    assert [each["service_p99_ms"] for each in series["steps"]] == pytest.approx([10] * 4), (
        "a closed loop sees none of it"
    )
    assert series["steps"][3]["per_second"] == pytest.approx(100)
    assert (figures["arrivals"], figures["servers"], figures["rates"]) == ("Poisson", 1, [50.0, 90.0, 110.0, 200.0])
    json.dumps(figures, allow_nan=False)


def test_a_rate_kept_up_with_after_one_that_was_too_much_does_not_count():
    load = Load(rates=(50.0, 110.0, 120.0))
    steps = [step(50.0, 0.01), step(110.0, 0.01), step(120.0, 0.001)]
    assert load_figures(load, steps)["series"][0]["keeps_up_to"] == 50.0
    assert load_figures(load, steps[1:])["series"][0]["keeps_up_to"] is None


def test_reads_and_writes_are_told_apart():
    load = Load(rates=(10.0,), writes=0.5)
    times = np.arange(4.0)
    served = Served(times, times, times + np.array([0.5, 0.1, 0.5, 0.1]), 4.0)
    mixed = LoadStep(10.0, 0.5, served, np.array([True, False, True, False]), 0.9, 0.8)
    alone, both = load_figures(load, [step(10.0, 0.01), mixed])["series"]
    assert (alone["writes"], both["writes"]) == (0.0, 0.5)
    assert alone["steps"][0]["write_p50_ms"] is None
    assert both["steps"][0]["p50_ms"] == pytest.approx(100)
    assert both["steps"][0]["write_p50_ms"] == pytest.approx(500)
    assert (both["steps"][0]["recall"], both["steps"][0]["recall_after"]) == (0.9, 0.8)


def test_slow_systems_get_more_time():
    load = Load(seconds=2.0)
    assert load.length(1000.0) == 2.0
    assert load.length(10.0) == 5.0
    assert load.length(0.1) == 10.0


def test_rates_without_a_list_are_shares_of_what_can_be_done():
    assert Load().rates_for(1000.0) == pytest.approx([1000 * share for share in SHARES])
    assert Load(rates=(5.0,)).rates_for(1000.0) == (5.0,)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rates": (0.0,)}, "rates above 0"),
        ({"rates": (20.0, 10.0)}, "rising"),
        ({"rates": (10.0, 10.0)}, "rising"),
        ({"writes": 1.0}, "share from 0 to below 1"),
        ({"writes": -0.1}, "share from 0 to below 1"),
        ({"seconds": 0.0}, "more than 0"),
    ],
)
def test_what_cannot_be_meant(options, message):
    with pytest.raises(InvalidInput, match=message):
        Load(**options)


def test_requests_search_and_replace(vectors):
    import indexes

    index = indexes.dense("flat", 8, metric="l2")
    index.build(vectors.base, vectors.ids)
    requests = IndexRequests(
        index,
        lambda q: index.search(q, 3),
        queries=vectors.queries,
        rows=vectors.base,
        ids=vectors.ids,
        n=3000,
        k=3,
        writes=0.3,
        rng=np.random.default_rng(0),
    )
    assert requests.is_write.mean() == pytest.approx(0.3, abs=0.04)
    for number in range(3000):
        requests(number)
    renewed = requests.renewed
    assert len(renewed) == requests.is_write.sum() > 2 * len(vectors), "each vector is replaced more than twice"
    assert np.bincount(renewed).min() >= 2
    latest = {int(row): 400 + n for n, row in enumerate(renewed)}
    assert index.ids().tolist() == sorted(latest.values())
    assert (index.vectors([latest[5]]) == vectors.base[5]).all()
    assert (requests.answers[requests.is_write] == -1).all()
    assert (requests.answers[~requests.is_write] >= 0).all()


def test_two_servers_may_replace_the_same_vector(vectors):
    import indexes

    class Slow:
        """The second server comes while the first one is between its removal and its addition."""

        def remove(self, ids):
            index.remove(ids)
            time.sleep(0.01)

        def add(self, rows, ids):
            index.add(rows, ids)

    index = indexes.dense("flat", 8, metric="l2")
    index.build(vectors.base[:1], vectors.ids[:1])
    requests = IndexRequests(
        Slow(),
        lambda q: index.search(q, 1),
        queries=vectors.queries,
        rows=vectors.base[:1],
        ids=vectors.ids[:1],
        n=8,
        k=1,
        writes=1.0,
        rng=np.random.default_rng(0),
    )
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(requests, range(8)))
    assert len(index) == 1


@pytest.fixture(scope="module")
def run_under_load(bench, tmp_path_factory):
    out = tmp_path_factory.mktemp("load")
    load = Load(rates=(200.0, 400.0), seconds=0.25, writes=0.4, servers=2)
    bench(["honest", "half", "undead"], out, load=load, rounds=1, churn=0.1)
    return out


@pytest.mark.slow
def test_recall_is_measured_under_load(run_under_load):
    rows = {row["spec"]: row for row in read(run_under_load)}
    for spec, recall in (("honest", 1.0), ("half", 0.5)):
        alone, mixed = rows[spec]["load"]["series"]
        assert [each["rate"] for each in alone["steps"]] == [200.0, 400.0]
        assert {each["recall"] for each in alone["steps"]} == {recall}
        assert all(each["recall"] == pytest.approx(recall, abs=0.1) for each in mixed["steps"])
        assert all(each["recall_after"] == pytest.approx(recall) for each in mixed["steps"])
        assert all(each["write_p50_ms"] > 0 for each in mixed["steps"])
        assert alone["capacity"] > 0
        assert rows[spec]["churn"]["recall"] == pytest.approx(recall), "what comes next begins with the saved index"


@pytest.mark.slow
def test_an_engine_that_returns_removed_vectors_is_found_out(run_under_load):
    rows = {row["spec"]: row for row in read(run_under_load)}
    assert rows["undead"]["error"] == "it returned an id that was removed, after writes under load"
    assert rows["undead"]["load"] is None


def test_rates_at_which_nobody_read_or_nothing_was_served(run_under_load):
    times = np.arange(3.0)
    nothing = Served(times, times * np.nan, times * np.nan, 3.0)
    only_writes = LoadStep(10.0, 0.5, Served(times, times, times + 0.1, 3.1), np.ones(3, bool), None, None)
    figures = load_figures(
        Load(rates=(10.0, 20.0), writes=0.5),
        [step(10.0, 0.01), LoadStep(20.0, 0.0, nothing, np.zeros(3, bool), None, None), only_writes],
    )
    assert figures["series"][0]["steps"][1]["per_second"] == 0
    assert figures["series"][0]["steps"][1]["service_p99_ms"] is None
    rows = [{**row, "load": figures} for row in read(run_under_load) if row["error"] is None]
    assert "Under load" in report_page(rows)
    show_rows(rows, Console(file=io.StringIO(), width=200))


def test_the_page_shows_latency_against_load(run_under_load):
    page = report_page(read(run_under_load))
    assert "Under load" in page
    assert "40% of the requests are writes" in page
    assert "2 threads serve them" in page
    assert "p99 of latency, ms" in page


def _with_little_time(build):
    """Leave an index that is built too little time for the load, but for that of its schedule."""

    def built(index, seconds):
        done = build(index, seconds)
        measure = index.loaded

        def loaded(search):
            index._seconds = 0.3
            measure(search)
            index._seconds = 60.0

        index.loaded = loaded
        return done

    return built


def test_a_schedule_may_be_longer_than_the_time_limit(bench, tmp_path, monkeypatch):
    load = Load(rates=(200.0,), seconds=0.4)
    monkeypatch.setattr(MeasuredIndex, "build", _with_little_time(MeasuredIndex.build))
    bench(["honest"], tmp_path, load=load, rounds=1)
    (row,) = read(tmp_path)
    assert row["error"] is None
    assert row["load"]["series"][0]["steps"][0]["n"] > 0


def test_no_load_is_begun_after_the_time(bench, tmp_path, monkeypatch):
    monkeypatch.setattr(run_module._Runner, "_left", lambda self: 1e9 if not self.measured_once() else 0.0)
    monkeypatch.setattr(run_module._Runner, "measured_once", lambda self: bool(begun), raising=False)
    begun = []
    measure = run_module.MeasuredIndex.measure
    monkeypatch.setattr(run_module.MeasuredIndex, "measure", lambda *a: (begun.append(1), measure(*a)))
    (row,) = bench(["honest"], tmp_path, load=Load(rates=(5.0,), seconds=0.2), rounds=1).rows
    assert row["recall"] == 1.0
    assert row["load"] is None


def test_runs_with_other_loads_are_not_mixed(bench, run_under_load):
    with pytest.raises(ResultsExist, match="measured with load"):
        bench(["honest"], run_under_load, rounds=1, churn=0.1, resume=True)


@pytest.mark.slow
def test_by_the_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("RAG_CACHE_DIR", str(tmp_path / "cache"))
    arguments = ["bench", "--data", "synthetic:500x8", "--index", "flat", "--rounds", "1", "--queries", "20"]
    load = ["--load", "500,1000", "--load-time", "100ms", "--writes", "0.2"]
    assert cli([*arguments, *load, "--out", str(tmp_path / "out"), "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert row["load"]["rates"] == [500.0, 1000.0]
    assert [each["writes"] for each in row["load"]["series"]] == [0.0, 0.2]
    assert cli(["bench", "report", str(tmp_path / "out")]) == 0
    assert "keeps up to, 20% writes" in capsys.readouterr().out
    for wrong, message in (
        (["--writes", "0.2"], "goes with --load"),
        (["--load", ""], "give rates such as"),
        (["--load", "fast"], "not a list of numbers"),
    ):
        assert cli([*arguments, *wrong, "--out", str(tmp_path / "other")]) == 64
        assert message in capsys.readouterr().err
