"""What other tools take over, the chart of differences, and interactions."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import ir_measures
import pytest

from pipelines.experiments import Experiment, Measure, Result, run
from pipelines.experiments.difference_chart import differences
from pipelines.experiments.interactions import interactions
from pipelines.experiments.outputs import latex
from pipelines.experiments.report import html, markdown


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("outputs") / "out"


@pytest.fixture(scope="module")
def result(same_beir: Path, folder: Path) -> Result:
    tried = Experiment(
        corpus=f"beir:{same_beir}",
        questions=f"beir:{same_beir}",
        vary={
            "embedder": ("hashing-64",),
            "chunker": ("tokens:32/4", "headings:32/4"),
            "fusion": ("terms", "dense"),
            "k": (1, 3),
        },
        measure=Measure(metrics=("nDCG@10", "RR", "P@1"), latency=0),
        name="50% of R&D_1",
    )
    return run(tried, folder)


def test_another_tool_finds_the_same_figures_in_each_row_s_run(result: Result, folder: Path):
    with (folder / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 8
    measures = [ir_measures.parse_measure(name) for name in ("nDCG@10", "RR", "P@1")]
    for row in rows:
        path = folder / row["run"]
        found = ir_measures.calc_aggregate(
            measures,
            list(ir_measures.read_trec_qrels(str(path.with_suffix(".qrels")))),
            list(ir_measures.read_trec_run(str(path))),
        )
        for each in measures:
            assert found[each] == pytest.approx(float(row[str(each)]), abs=1e-12), row["configuration"]


def test_every_value_of_every_metric_is_written(result: Result, folder: Path):
    lines = [json.loads(line) for line in (folder / "values.jsonl").read_text().splitlines()]
    assert len(lines) == 8 * 16
    for row in result.rows:
        own = [line for line in lines if line["configuration"] == row.name]
        for metric in ("nDCG@10", "RR", "context_recall"):
            assert sum(line[metric] for line in own) / 16 == pytest.approx(row.metrics[metric].value)
    with (folder / "values.csv").open(newline="") as file:
        assert [float(line["RR"]) for line in csv.DictReader(file)] == [line["RR"] for line in lines]


def test_an_id_with_white_space_costs_the_run_only_and_is_said(beir: Path, tmp_path: Path):
    for name in ("corpus.jsonl", "qrels/test.tsv"):
        path = beir / name
        path.write_text(path.read_text().replace("otter", "sea otter"))
    (beir / "queries.jsonl").write_text((beir / "queries.jsonl").read_text().replace("otter-", "sea otter-"))
    tried = Experiment(
        corpus=f"beir:{beir}",
        questions=f"beir:{beir}",
        vary={"embedder": ("hashing-64",)},
        measure=Measure(metrics=("RR",), latency=0),
    )
    result = run(tried, tmp_path / "out")
    assert result.rows[0].sound
    assert any("no TREC run" in note and "white space" in note for note in result.card["notes"])
    assert not (tmp_path / "out" / "runs").exists() or not any((tmp_path / "out" / "runs").iterdir())


def test_the_table_for_latex_is_balanced_escaped_and_marks_the_best(result: Result, folder: Path):
    text = latex(result)
    assert (folder / "leaderboard.tex").read_text() == text
    assert r"50\% of R\&D\_1" in text
    body = text[text.index(r"\toprule") : text.index(r"\bottomrule")]
    rows = [line for line in body.splitlines() if line.endswith(r"\\")]
    assert len(rows) == 9
    head = text.partition("\n")[2].partition("\n")[0]
    columns = len(re.fullmatch(r"\\begin\{tabular\}\{([lr]+)\}", head)[1])  # type: ignore[index]
    assert {row.count("&") for row in rows} == {columns - 1}
    best = max(row.metrics["nDCG@10"].value for row in result.rows)
    assert rf"\textbf{{{best:.4f}}}" in rows[1]
    assert not re.search(r"(?<!\\)[%_#]", body)


def test_interactions_are_means_by_pairs(result: Result):
    pairs = {each.parts: each for each in interactions(result)}
    assert len(pairs) == 3
    each = next(own for parts, own in pairs.items() if set(parts) == {"chunker", "fusion"})
    for (a, b), mean in each.means.items():
        own = [
            row.metrics["nDCG@10"].value
            for row in result.rows
            if row.parts[each.parts[0]] == a and row.parts[each.parts[1]] == b
        ]
        assert len(own) == each.counts[a, b] == 2
        assert mean == pytest.approx(sum(own) / 2)
    means = each.means
    (a, b), (c, d) = each.values(0), each.values(1)
    contrast = means[a, c] - means[a, d] - means[b, c] + means[b, d]
    assert each.strength == pytest.approx(abs(contrast) / 4)
    assert "## chunker and fusion" in markdown(result) or "## fusion and chunker" in markdown(result)


def test_the_report_shows_interactions_and_differences_question_by_question(result: Result):
    page = html(result)
    assert "Interactions" in page
    assert "Question by question" in page
    best = next(row for row in result.leaderboard() if row.name != result.baseline.name)
    mine, base = (result.saved[name].values("nDCG@10") for name in (best.name, result.baseline.name))
    differing = sum(abs(mine[q] - base[q]) > 1e-9 for q in mine)
    assert f"{len(mine) - differing} of {len(mine)} questions do not differ" in page


def test_the_chart_of_differences_draws_gains_and_losses():
    chart = str(differences({"a <b>": 0.5, "c": -0.25, "d": 0.0}))
    assert chart.count("<rect") == 2
    assert "a &lt;b&gt;: +0.500" in chart
    assert "1 of 3 questions do not differ" in chart
    assert "<rect" not in str(differences({"d": 0.0}))
    less = str(differences({"a": 0.5}, better="less"))
    assert "--two" in less
    assert "--one" not in less
