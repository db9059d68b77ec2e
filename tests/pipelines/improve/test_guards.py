"""Guards fall at their limit, by chance they do not, and a time has room."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pipelines.improve.guards import ANSWERED, GUARDED, guards


def result(values: dict[str, list[float]], p50: float | None = None) -> Any:
    """Return what guards read of a result with one row."""
    by_question = {name: {f"q{n}": value for n, value in enumerate(own)} for name, own in values.items()}
    saved = SimpleNamespace(values=lambda name: by_question.get(name, {}))
    latency = {} if p50 is None else {"p50_ms": p50}
    return SimpleNamespace(saved={"the only configuration": saved}, baseline=SimpleNamespace(latency=latency))


def fell(before: dict[str, list[float]], after: dict[str, list[float]]) -> list[str]:
    return [each.name for each in guards(result(before), result(after), seed=0, timed=False) if each.fell]


@pytest.mark.parametrize("name", [*GUARDED, ANSWERED])
@pytest.mark.parametrize(
    ("before", "after", "falls"),
    [
        ([1.0] * 100, [1.0] * 100, False),
        ([1.0] * 100, [1.0] * 98 + [0.0] * 2, False),  # two in a hundred
        ([1.0] * 100, [1.0] * 97 + [0.0] * 3, True),
        ([1.0] * 20, [1.0] * 19 + [0.0], False),  # one question
        ([1.0] * 20, [1.0] * 18 + [0.0] * 2, True),
        ([0.5] * 1000, [0.49] * 1000, True),  # little, and surely
        ([0.0] * 50, [1.0] * 50, False),
    ],
)
def test_a_metric_falls_past_its_limit_or_beyond_chance(
    name: str, before: list[float], after: list[float], *, falls: bool
) -> None:
    assert fell({name: before}, {name: after}) == ([name] if falls else [])


@pytest.mark.parametrize(
    ("before", "after", "falls"),
    [(10.0, 260.0, False), (10.0, 261.0, True), (200.0, 600.0, False), (200.0, 601.0, True), (50.0, 5.0, False)],
)
def test_a_question_may_take_three_times_as_long_or_a_quarter_of_a_second_more(
    before: float, after: float, *, falls: bool
) -> None:
    (guard,) = guards(result({}, before), result({}, after), seed=0, timed=True)
    assert (guard.name, guard.before, guard.after, guard.fell) == ("p50_ms", before, after, falls)
    assert guards(result({}, before), result({}, after), seed=0, timed=False) == []


def test_what_was_not_measured_is_no_guard() -> None:
    assert guards(result({}), result({}), seed=0, timed=True) == []
