from __future__ import annotations

import csv
import dataclasses
import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

from pipelines.cli import run as cli
from pipelines.cli.exit_codes import BAD_USAGE, OK, SOME_FILES_FAILED
from pipelines.experiments import Experiment, Result, run, stages
from pipelines.experiments.compare import compare_results
from pipelines.experiments.report import finding, html, markdown
from rag.errors import InvalidInput


@pytest.fixture
def result(toml: Path, tmp_path: Path) -> Result:
    return run(Experiment.read(toml), tmp_path / "out")


def test_what_is_written_reads_back_and_every_form_says_the_same(result: Result, tmp_path: Path):
    back = Result.load(tmp_path / "out")
    assert back.rows == result.rows
    assert [str(c) for c in back.comparisons.values()] == [str(c) for c in result.comparisons.values()]
    assert back.texts == result.texts
    with (tmp_path / "out" / "results.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [float(line["nDCG@10"]) for line in table] == [row.metrics["nDCG@10"].value for row in result.rows]
    with (tmp_path / "out" / "questions.csv").open(newline="") as file:
        matrix = list(csv.DictReader(file))
    for row in result.rows:
        mean = sum(float(line[row.name]) for line in matrix) / len(matrix)
        assert mean == pytest.approx(row.metrics["nDCG@10"].value)
    assert result.frame()["p50_ms"].tolist() == [row.latency["p50_ms"] for row in result.rows]


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.loaded += [value for name, value in attrs if name in {"src", "href", "action", "data"}]

    def handle_data(self, data):
        self.text.append(data)


def test_the_page_loads_nothing_escapes_everything_and_has_every_configuration(result: Result):
    result.card["name"] = '<img src="http://canary/">'  # type: ignore[index]
    reader = Reader()
    page = html(result)
    reader.feed(page)
    assert reader.loaded == []
    assert "<img" not in page
    words = " ".join(reader.text)
    assert finding(result) in words
    for row in result.rows:
        assert f"{row.metrics['nDCG@10'].value:.4f}" in words
    for heading in ("Leaderboard", "Quality against cost", "What each part changes", "Questions", "Stages", "Run card"):
        assert heading in words
    assert finding(result) in markdown(result)


def test_what_is_said_of_tests_is_what_they_are(result: Result):
    said = markdown(result)
    assert "| p | p Holm |" in said
    tests = len({c.rows for c in result.comparisons.values() if c.wins or c.losses})
    assert tests < 11, "some rows are identical"
    assert f"p Holm is corrected for the {tests} distinct rows that differ from it" in said
    assert f"{11 - tests} rows equal another one or the baseline in every question, and count once" in said
    if tests > 1:
        assert "four times in five (80 % power) where one row is tested alone" in said
        assert f"Holm's correction over {tests}" in said


def test_the_leaderboard_is_ordered_and_failed_rows_come_last(toml: Path, tmp_path: Path, monkeypatch):
    real = stages.make_run

    def failing(inputs, cache, key, index, configuration, **_):
        if configuration.parts["fusion"] == "rrf":
            raise OSError("planted")
        real(inputs, cache, key, index, configuration)

    monkeypatch.setattr(stages, "make_run", failing)
    result = run(Experiment.read(toml), tmp_path / "out")
    order = result.leaderboard()
    values = [row.metrics["nDCG@10"].value for row in order if not row.error]
    assert values == sorted(values, reverse=True)
    assert [bool(row.error) for row in order] == [False] * 8 + [True] * 4
    assert "planted" in html(result)
    assert "planted" in markdown(result)


def test_compare_finds_what_changed(toml: Path, result: Result, tmp_path: Path):
    toml.write_text(toml.read_text().replace('"dense"]', '"terms"]'))
    other = run(Experiment.read(toml), tmp_path / "other", cache=tmp_path / "out" / "cache")
    found = compare_results(result, other)
    assert len(found.comparisons) == 8
    assert all(c.difference == 0 for c in found.comparisons)
    assert len(found.only_first) == len(found.only_second) == 4
    smaller = Experiment.read(toml)
    few = run(type(smaller)(**{**smaller.__dict__, "sample": 3}), tmp_path / "few")
    with pytest.raises(InvalidInput, match="different questions"):
        compare_results(result, few)


def test_the_same_configuration_is_found_whatever_the_experiments_vary(toml: Path, result: Result, tmp_path: Path):
    other = toml.with_name("other.toml")
    text = toml.read_text().replace('chunker = ["tokens:32/4", "headings:32/4"]', 'chunker = "headings:32/4"')
    other.write_text(text.replace('["zscore", "rrf", "dense"]', '"rrf"\nrerank = ["none", "mmr"]'))
    second = run(Experiment.read(other), tmp_path / "second", cache=tmp_path / "out" / "cache")
    found = compare_results(result, second)
    names = {(c.baseline, c.system) for c in found.comparisons}
    assert names == {
        (f"chunker=headings:32/4 index={index} fusion=rrf", f"index={index} rerank=none") for index in ("flat", "hnsw")
    }
    assert all(c.difference == 0 for c in found.comparisons)
    assert len(found.only_second) == 2


def test_what_cannot_be_compared_is_refused_or_said(toml: Path, result: Result, tmp_path: Path):
    with pytest.raises(InvalidInput, match="did not measure P@7"):
        compare_results(result, result, metric="P@7")
    spans = {**result.card, "questions": {**result.card["questions"], "level": "span"}}
    with pytest.raises(InvalidInput, match="judges by document, the other by span"):
        compare_results(result, dataclasses.replace(result, card=spans))
    rows = tuple(
        dataclasses.replace(row, failed={"slow": 1}) if row.parts["index"] == "hnsw" else row for row in result.rows
    )
    card = {**result.card, "definitions": 1, "corpus": {**result.card["corpus"], "digest": "other"}}
    found = compare_results(result, dataclasses.replace(result, rows=rows, card=card))
    assert len(found.comparisons) == 6
    for what in ("corpora differ", "defines some metrics otherwise", "6 rows of the second failed or rest on failures"):
        assert any(what in note for note in found.notes)


@pytest.mark.slow
def test_the_command_line(toml: Path, tmp_path: Path, monkeypatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.chdir(tmp_path)
    assert cli(["experiment", "experiment.toml", "--html", "report.html", "--json"]) == OK
    card = json.loads(capsys.readouterr().out)
    assert len(card["rows"]) == 12
    assert (tmp_path / "experiment.results" / "report.md").exists()
    assert (tmp_path / "report.html").read_text().startswith("<!doctype html>")
    assert cli(["experiment", "experiment.toml", "--resume"]) == OK
    out = capsys.readouterr().out
    assert "0 stages done, 30 from the cache" in out
    assert "What each part changes" in out
    assert cli(["experiment", "compare", "experiment.results", "experiment.results"]) == OK
    assert "+0.0000" in capsys.readouterr().out
    assert cli(["experiment", "compare", "experiment.results"]) == BAD_USAGE
    assert cli(["experiment", "compare", "experiment.results", "nowhere"]) == BAD_USAGE
    assert "no experiment's results in nowhere" in capsys.readouterr().err
    monkeypatch.setattr(stages, "make_scores", lambda *_: 1 / 0)
    assert cli(["experiment", "experiment.toml", "--out", "new"]) == SOME_FILES_FAILED
    assert "ZeroDivisionError" in capsys.readouterr().err
