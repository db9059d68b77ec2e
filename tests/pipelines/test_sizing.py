"""The arithmetic of sizes."""

from __future__ import annotations

import pytest

from pipelines import sizing


def test_sizes_follow_from_the_figures(monkeypatch):
    way = sizing.Way("mine", memory=1000, disk=5000, build_s=0.001)
    assert sizing.machines(10**7, way) == 1
    assert sizing.machines(10**9, way) == 6, "1,000 GB in machines of 179 GB"
    gigabytes = 1000 / 0.7
    paid = 730 * gigabytes * (0.005 + 0.035 / 8) + 5000 * 0.08
    assert sizing.monthly_dollars(10**9, way) == pytest.approx(paid)
    monkeypatch.setattr(sizing, "WAYS", (way,))
    monkeypatch.setattr(sizing, "SIZES", (10**8,))
    assert sizing.sizing_table().splitlines()[-1] == "| 10^8 | mine | 100 GB | 500 GB | 1 | 28 | $1,000 |"
    assert sizing.embedding_table().splitlines()[-1].startswith("| 10^8 | 1,250 | 19.5 h |")


def test_a_small_one_takes_a_small_machine():
    assert sizing.monthly_dollars(1000, sizing.WAYS[0]) == pytest.approx(730 * (8 * 0.005 + 2 * 0.035), rel=0.01)
