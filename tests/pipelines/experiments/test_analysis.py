from __future__ import annotations

import pytest

from pipelines.experiments.analysis import against_baseline, effects
from rag.evaluation import Saved, Score
from rag.evaluation.comparison import compare


def saved(name: str, values: list[float]) -> Saved:
    return Saved(name, "digest", {}, {"RR": {f"q{i}": Score(v) for i, v in enumerate(values)}})


GRID = {
    "a1": ({"a": 1, "b": 1}, [0.0, 0.5, 1.0, 0.0]),
    "a2": ({"a": 2, "b": 1}, [0.5, 0.5, 1.0, 0.5]),
    "a1b2": ({"a": 1, "b": 2}, [0.0, 0.0, 1.0, 0.0]),
    "a2b2": ({"a": 2, "b": 2}, [1.0, 0.0, 1.0, 0.5]),
}


def test_an_effect_is_the_mean_over_pairs_that_differ_in_one_part():
    found = {
        (e.part, e.value): e
        for e in effects(
            {name: saved(name, values) for name, (_, values) in GRID.items()},
            {name: parts for name, (parts, _) in GRID.items()},
            {"a": 1, "b": 1},
            "RR",
        )
    }
    a, b = found["a", 2], found["b", 2]
    assert (a.pairs, b.pairs) == (2, 2)
    assert a.comparison.difference == pytest.approx((0.5 + 0 + 0 + 0.5 + 1 + 0 + 0 + 0.5) / 8)
    assert b.comparison.difference == pytest.approx((0 - 0.5 + 0 + 0 + 0.5 - 0.5 + 0 + 0) / 8)
    assert (a.comparison.wins, a.comparison.ties, a.comparison.losses) == (2, 2, 0)


def test_a_pair_without_its_twin_is_left_out():
    grid = {name: GRID[name] for name in ("a1", "a2", "a1b2")}
    found = effects(
        {name: saved(name, values) for name, (_, values) in grid.items()},
        {name: parts for name, (parts, _) in grid.items()},
        {"a": 1, "b": 1},
        "RR",
    )
    assert [(e.part, e.value, e.pairs) for e in found] == [("b", 2, 1), ("a", 2, 1)] or [
        (e.part, e.value, e.pairs) for e in found
    ] == [("a", 2, 1), ("b", 2, 1)]


def test_comparisons_are_corrected_together_and_a_failed_baseline_has_none():
    own = {name: saved(name, values) for name, (_, values) in GRID.items()}
    found = against_baseline(own, "a1", "RR")
    alone = compare(own["a2"].values("RR"), own["a1"].values("RR"))
    assert set(found) == {"a2", "a1b2", "a2b2"}
    assert found["a2"].p == alone.p
    assert found["a2"].p_corrected >= alone.p
    assert against_baseline(own, "gone", "RR") == {}
