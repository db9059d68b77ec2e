"""Scales of charts: values keep their order and their distance, and ticks are where their values are."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from pipelines.reports.charts import Front, fronts


def drawn(shares: list[float], **options: object) -> tuple[list[float], dict[str, float]]:
    """Return where points are drawn, and the ticks of the axis below."""
    points = [(share, 10.0 + n, str(n)) for n, share in enumerate(shares)]
    markup = str(fronts([Front("a", points, points)], x="recall", y="speed", **options))
    places = [float(at) for at in re.findall(r'<circle cx="([\d.]+)"', markup)]
    below = re.findall(r'<text class="soft" x="([\d.]+)" y="[\d.]+" text-anchor="middle">([\d.]+)</text>', markup)
    return places, {name: float(at) for at, name in below}


def test_a_logit_scale_sets_high_shares_apart():
    places, ticks = drawn([0.9, 0.99, 0.999, 1.0], x_scale="logit")
    gaps = [b - a for a, b in pairwise(places)]
    assert min(gaps) > 0.7 * max(gaps), "what is missed falls by the same factor"
    assert ticks["0.99"] == pytest.approx(places[1], abs=0.2)
    assert ticks["1"] == pytest.approx(places[3], abs=0.2)
    linear, _ = drawn([0.9, 0.99, 0.999, 1.0])
    assert linear[3] - linear[2] < 0.02 * (linear[1] - linear[0])


def test_shares_at_the_ends_and_all_alike_are_drawn():
    for shares in ([0.0, 1.0], [1.0, 1.0], [0.5]):
        places, _ = drawn(shares, x_scale="logit")
        assert len(places) == len(shares)
        assert all(0 < place < 440 for place in places)


def test_ticks_of_a_logarithmic_scale_are_at_their_values():
    points = [(0.5, 100.0, "a"), (0.6, 10_000.0, "b")]
    markup = str(fronts([Front("a", points, points)], x="recall", y="speed"))
    at = {name: float(y) for y, name in re.findall(r'y="([\d.]+)" text-anchor="end">([\d.,k]+)</text>', markup)}
    high, low = (float(y) for y in re.findall(r'cy="([\d.]+)"', markup)[::-1])
    assert at["100"] == pytest.approx(low + 4, abs=0.2)
    assert at["10k"] == pytest.approx(high + 4, abs=0.2)
