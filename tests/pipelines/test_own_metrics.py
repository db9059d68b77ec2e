"""``rag evaluate --metrics module:function``: metrics of one's own on the command line."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from pipelines.cli import run

METRICS = """
def depth(row):
    return float(len(row.ranked))

class Missed:
    name = "missed"
    lower = True
    def __init__(self, *, weight: float = 1.0):
        self.weight = weight
    def score(self, row):
        return self.weight * (1 + len(row.relevant - set(row.context)))

class Words:
    name, needs = "words", ("answer",)
    def score(self, row):
        return float(len(row.text.split()))

made = Missed(weight=3.0)
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "installed"
    folder.mkdir()
    (folder / "my_cli_metrics.py").write_text(METRICS)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setitem(sys.modules, "my_cli_metrics", None)
    monkeypatch.delitem(sys.modules, "my_cli_metrics")
    return folder / "my_cli_metrics.py"


@pytest.fixture
def questions(tmp_path: Path, kb: str) -> str:
    path = tmp_path / "q.jsonl"
    row = {"id": "1", "text": "When does the ferry leave?", "documents": {str(tmp_path / "docs/boats.md"): 1}}
    path.write_text(json.dumps(row) + "\n")
    return str(path)


def evaluated(kb: str, questions: str, capsys: pytest.CaptureFixture[str], *more: str) -> dict[str, Any]:
    code = run(["evaluate", kb, questions, "--json", *more])
    printed = capsys.readouterr()
    assert code == 0, printed.err
    return json.loads(printed.out)


def test_functions_classes_and_objects_are_metrics(kb: str, questions: str, module: Path, capsys: Any):
    named = ["depth", "Missed", "Missed:weight=2", "made", "Words"]
    asked = ",".join(["nDCG@10", *(f"my_cli_metrics:{name}" for name in named)])
    found = evaluated(kb, questions, capsys, "--metrics", asked)["metrics"]
    values = [found[f"my_cli_metrics:{name}"]["value"] for name in named]
    assert values[:4] == [1.0, 1.0, 2.0, 3.0]
    assert values[4] > 3, "a metric that needs answers has the bot asked"
    assert found["nDCG@10"]["value"] == 1.0


def test_a_baseline_with_other_code_is_not_compared(kb: str, questions: str, module: Path, tmp_path: Path, capsys: Any):
    saved = str(tmp_path / "before.json")
    asked = ("--metrics", "my_cli_metrics:Missed,my_cli_metrics:depth,R@10")
    evaluated(kb, questions, capsys, *asked, "--save", saved)
    same = evaluated(kb, questions, capsys, *asked, "--baseline", saved)
    assert {each["metric"] for each in same["comparisons"]} >= {"my_cli_metrics:Missed", "my_cli_metrics:depth"}
    module.write_text(METRICS.replace("1 + len", "2 + len"))
    del sys.modules["my_cli_metrics"]
    found = evaluated(kb, questions, capsys, *asked, "--baseline", saved)
    assert not [each for each in found["comparisons"] if ":" in each["metric"]]
    assert sum("whose code or parameters differ" in note for note in found["comparison_notes"]) == 2


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("my_cli_metrics:dept", "has no 'dept', which should be a metric"),
        ("my_cli_metrics:Missed:wight=2", "did you mean 'weight'"),
        ("my_cli_metrics:made:weight=2", "takes no options"),
        ("no_such_module:depth", "no module of that name"),
        ("my_cli_metrics:METRICS", "has no 'METRICS'"),
    ],
)
def test_what_is_no_metric_is_refused_before_a_question_is_asked(
    kb: str, questions: str, module: Path, capsys: Any, name: str, said: str
):
    assert run(["evaluate", kb, questions + ".not-there", "--metrics", name]) == 64
    assert said in " ".join(capsys.readouterr().err.split())


def test_no_code_of_the_current_folder_is_run(
    kb: str, questions: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
):
    (tmp_path / "lying_here.py").write_text("raise SystemExit('it ran')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])  # as `python -m pipelines.cli` begins
    assert run(["evaluate", kb, questions, "--metrics", "lying_here:depth"]) == 64
    assert "the current folder is not searched" in " ".join(capsys.readouterr().err.split())
