"""Cost of a million queries by a table of one's own prices."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipelines.benchmark.prices import MachinePrices
from pipelines.benchmark.report import report_page
from pipelines.benchmark.results import good, read
from pipelines.cli import run
from rag.errors import InvalidInput


def test_time_and_memory_are_paid(tmp_path: Path):
    path = tmp_path / "prices.toml"
    path.write_text('hour = 0.36\ngigabyte_hour = 0.018\ncurrency = "EUR"\n')
    prices = MachinePrices.read(path)
    row = {"qps": 1000.0, "memory_bytes": 2_000_000_000}
    assert prices.per_million(row) == pytest.approx(1000 / 3600 * (0.36 + 2 * 0.018))
    assert prices.heading == "EUR per million"


@pytest.mark.parametrize(
    ("text", "said"),
    [("hour = -1", "0 or more"), ("hour = true", "must be a number"), ("hours = 1", "there are hour, gigabyte_hour"),
     ("currency = 3", "must be a text"), ("hour = inf", "must be a number"), ("hour = [1]", "must be a number"),
     ("hour", "is not TOML")],
)  # fmt: skip
def test_bad_prices_are_named(tmp_path: Path, text: str, said: str):
    (tmp_path / "p.toml").write_text(text)
    with pytest.raises(InvalidInput, match=said):
        MachinePrices.read(tmp_path / "p.toml")
    with pytest.raises(InvalidInput, match="cannot read"):
        MachinePrices.read(tmp_path / "none.toml")


def test_every_form_of_the_report_has_the_cost(planted_run, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "p.toml").write_text("hour = 3.6\n")
    prices = MachinePrices.read(tmp_path / "p.toml")
    rows = read(planted_run)
    assert "USD per million" in report_page(rows, None, prices)
    assert "per million" not in report_page(rows)
    assert run(["bench", "report", str(planted_run), "--prices", str(tmp_path / "p.toml"), "--json"]) == 0
    told = {row["spec"]: row.get("cost_per_million") for row in json.loads(capsys.readouterr().out)}
    for row in good(rows):
        assert told[row["spec"]] == pytest.approx(1e6 / row["qps"] * 0.001)
    assert run(["bench", "report", str(planted_run), "--prices", str(tmp_path / "p.toml")]) == 0
    assert "USD per million" in capsys.readouterr().out
