"""The commands as a person types them."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from pipelines.benchmark.results import read
from pipelines.cli import run as cli
from pipelines.cli.bench_tables import show_rows


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setenv("RAG_CACHE_DIR", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    np.save(tmp_path / "base.npy", rng.standard_normal((500, 8)).astype(np.float32))
    np.save(tmp_path / "queries.npy", rng.standard_normal((30, 8)).astype(np.float32))
    return f"{tmp_path}/base.npy,{tmp_path}/queries.npy"


@pytest.mark.slow
def test_bench_report_and_compare(data, tmp_path, capsys):
    out, page, picture = tmp_path / "out", tmp_path / "report.html", tmp_path / "pareto.png"
    arguments = ["bench", "--data", data, "--index", "flat", "--index", "ivf:nprobe=1|4", "--rounds", "2"]
    assert cli([*arguments, "--out", str(out)]) == 0
    shown = capsys.readouterr()
    assert re.search(r"^\* flat +1\.0000", shown.out, re.MULTILINE)
    assert "base.npy: 500 vectors of 8, 30 queries, cosine" in shown.err
    rows = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
    assert [row["spec"] for row in rows] == ["flat", "ivf:nprobe=1", "ivf:nprobe=4"]
    assert cli([*arguments, "--out", str(out)]) == 64
    assert "3 rows: continue with --resume" in capsys.readouterr().err
    assert cli([*arguments, "--out", str(out), "--resume", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["measured"] == 0
    assert printed["rows"] == [{k: v for k, v in row.items() if k != "found_per_query"} for row in rows]
    assert cli(["bench", "report", str(out), "--html", str(page), "--png", str(picture)]) == 0
    assert "ivf:nprobe=4" in page.read_text()
    assert picture.read_bytes().startswith(b"\x89PNG")
    capsys.readouterr()
    assert cli(["bench", "report", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == rows
    assert cli(["bench", "compare", str(out), str(out)]) == 0
    assert len(re.findall(r"same$", capsys.readouterr().out, re.MULTILINE)) == 3


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--index", "hnws"], 64, "did you mean 'hnsw'"),
        (["--index", "bm25"], 64, "measures indexes of vectors"),
        (["--index", "flat", "-k", "501"], 64, "-k 501, but base.npy has only 500"),
        (["--grid", "fast"], 64, "give one of quick, full"),
        (["--budget", "soon"], 64, "--budget 'soon' is not a duration"),
        (["--filter", "a"], 64, "not a list of numbers"),
        (["--metric", "jaccard"], 64, "cosine, ip, l2"),
    ],
)
def test_what_cannot_be_meant(data, tmp_path, capsys, arguments, code, message):
    assert cli(["bench", "--data", data, "--out", str(tmp_path / "out"), *arguments]) == code
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out" / "results.jsonl").exists()


def test_figures_are_whole_on_a_narrow_terminal(data, tmp_path):
    out, text = tmp_path / "out", io.StringIO()
    spec = "ivfpq:nlist=8,fast_scan=true,refine=true,nprobe=4,refine_factor=8"
    options = ["--threads", "1,2", "--filter", "0.1", "--churn", "0.1", "--rounds", "2"]
    assert cli(["bench", "--data", data, "--index", spec, "--out", str(out), *options]) == 0
    (row,) = read(out)
    show_rows([row], Console(file=text, width=80, force_terminal=True, color_system=None))
    shown = text.getvalue()
    assert max(map(len, shown.splitlines())) <= 80
    assert "\N{HORIZONTAL ELLIPSIS}" not in shown
    filtered, churn = row["filters"][0], row["churn"]
    assert f"{row['recall']:.4f}" in shown
    for figure in (row["qps"], filtered["qps"], churn["qps"], churn["adds_per_s"], churn["removes_per_s"]):
        assert f"{figure:,.0f}" in shown


def test_every_field_of_a_row_is_documented(planted_run):
    page = (Path(__file__).parents[3] / "docs" / "how-to" / "script-a-benchmark.md").read_text()
    names = {name for row in read(planted_run) for name in row}
    listed = re.findall(r"^\| (`.+?) \|", page, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", " ".join(listed))) == names


def test_what_is_exact_for_want_of_training_is_not_among_the_best(data, tmp_path, capsys):
    out = tmp_path / "out"
    assert cli(["bench", "--data", data, "--index", "pq", "--index", "flat", "--rounds", "1", "--out", str(out)]) == 0
    shown = capsys.readouterr().out
    assert re.search(r"^\* flat +1\.0000 +[\d,]+ +- ", shown, re.MULTILINE)  # one round has no spread
    assert re.search(r"^  pq † +1\.0000", shown, re.MULTILINE)


def test_results_that_are_not_there(tmp_path, capsys):
    assert cli(["bench", "report", str(tmp_path)]) == 64
    assert "rag bench --data" in capsys.readouterr().err
    assert cli(["bench", "--index", "flat"]) == 64
    assert "give --data and --out" in capsys.readouterr().err
