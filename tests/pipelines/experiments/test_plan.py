"""What an experiment would do is said before, and done as it was said; so is what it could show."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipelines.cli import run as cli
from pipelines.experiments import Experiment, run
from pipelines.experiments.plan import SPREADS, plan
from rag.evaluation.comparison import detectable_difference


def test_what_is_planned_is_done(toml: Path, tmp_path: Path):
    toml.write_text(toml.read_text().replace('["tokens:32/4", "headings:32/4"]', '"headings:32/4"'))
    out = tmp_path / "out"
    before = plan(Experiment.read(toml), out)
    assert not out.exists(), "planning does nothing"
    assert (before.configurations, before.questions, before.comparisons) == (6, 16, 5)
    result = run(Experiment.read(toml), out)
    assert before.to_do == result.card["stages_done"]
    assert [power.spread for power in before.powers] == list(SPREADS)
    for power in before.powers:
        assert power.alone == pytest.approx(detectable_difference(16, power.spread))
        assert power.corrected == pytest.approx(detectable_difference(16, power.spread, level=0.01))

    after = plan(Experiment.read(toml), out)
    assert not sum(after.to_do.values())
    (power,) = after.powers
    assert power.measured
    spreads = sorted(c.difference / c.effect for c in result.comparisons.values() if c.effect)
    assert min(spreads) <= power.spread <= max(spreads)
    toml.write_text(toml.read_text().replace('"dense"]', '"dense", "terms"]'))
    more = plan(Experiment.read(toml), out)
    assert more.to_do == {"store": 0, "index": 0, "run": 2, "scores": 2}


def test_the_command_line(toml: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    command = ["experiment", str(toml), "--out", str(tmp_path / "out"), "--plan"]
    assert cli(command) == 0
    said = capsys.readouterr().out
    assert "12 configurations, 16 questions" in said
    assert "run: 12 to do, 0 in the cache" in said
    assert "four times in five" in said
    assert "Holm's correction over 11 comparisons" in said
    assert cli([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["to_do"]["index"] == 4
    assert not (tmp_path / "out").exists()
