"""Climbing an arm: the least effort that reaches a recall, in few steps."""

from __future__ import annotations

import pytest

from pipelines.tuning.search_space import Arm, first_arms, more_arms
from pipelines.tuning.trial import climb


def arm(n: int, start: int) -> Arm:
    return Arm(None, tuple(range(n)), start)  # type: ignore[arg-type] - climbing looks at neither


@pytest.mark.parametrize("start", [0, 7, 20, 39])
@pytest.mark.parametrize("least", [0, 1, 6, 7, 8, 21, 38, 39])
def test_the_least_rung_is_found_in_few_steps(start, least):
    asked = []

    def recall_at(rung):
        asked.append(rung)
        return 0.9 if rung >= least else 0.8 + rung * 0.002

    assert climb(arm(40, start), recall_at, 0.9) == (least, 0.9)
    assert len(asked) <= 17


def test_out_of_reach_at_the_top_and_where_recall_levels_off():
    assert climb(arm(40, 3), lambda rung: rung / 100, 0.9) == (None, 0.39)
    asked = []
    assert climb(arm(400, 3), lambda rung: asked.append(rung) or 0.6, 0.9) == (None, 0.6)
    assert len(asked) == 3


def test_one_step_without_gain_is_not_the_end():
    """annoy looks at the same few vectors for its first efforts, and finds more afterwards."""
    assert climb(arm(40, 0), lambda rung: max(60, 56 + rung) / 100, 0.8) == (24, 0.8)


def test_near_the_goal_it_does_not_give_up():
    assert climb(arm(400, 3), lambda rung: 0.89 + rung * 0.0001, 0.9)[0] == 100


def test_a_failure_ends_the_climb():
    assert climb(arm(40, 3), lambda rung: None, 0.9) == (None, 0.0)


def test_arms_of_every_engine_rise_and_begin_at_its_default():
    import indexes

    for name, row in indexes.engines.items():
        if row.family != "dense":
            continue
        for each in (*first_arms(name), *more_arms(name)):
            assert len(set(each.rungs)) == len(each.rungs) > 0
            assert 0 <= each.start < len(each.rungs)
            assert indexes.parse(each.task.configuration(each.rungs[-1])).search == each.rungs[-1]
    (first, _) = first_arms("hnsw")
    assert [search.ef for search in first.rungs[:6]] == [8, 10, 11, 13, 16, 19]
    assert first.rungs[first.start].ef == 128
