"""Impact lists that are kept between searches: made once, and bounded."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from indexes.inverted import impacts
from indexes.inverted.impacts import ImpactCache, ImpactList


@pytest.fixture
def made() -> list[int]:
    return []


class Cache(ImpactCache[int]):
    """Notes what it had to have made."""

    def __init__(self, made: list[int], room: int) -> None:
        super().__init__(room)
        self.made = made

    def make(self, terms: Sequence[int]) -> list[ImpactList]:
        self.made += terms
        return [ImpactList(np.arange(100, dtype=np.int32), np.ones(100, np.float32), 100) for _ in terms]


def asked(kept: Cache, *terms: int) -> list[ImpactList]:
    with kept.of(terms, kept.make) as found:
        return found


def test_a_list_is_made_once(made: list[int]) -> None:
    kept = Cache(made, 1 << 20)
    first = asked(kept, 3, 1)
    assert asked(kept, 1, 3) == first[::-1]
    assert made == [3, 1]
    assert kept.nbytes == sum(each.nbytes for each in first)


def test_those_not_asked_for_longest_go(made: list[int]) -> None:
    kept = Cache(made, 2000)  # a list takes 800 bytes
    for term in (1, 2, 1, 3):
        asked(kept, term)
    assert kept.nbytes <= 2000
    asked(kept, 1)
    assert made == [1, 2, 3], "1 was asked for after 2"
    asked(kept, 2)
    assert made == [1, 2, 3, 2]


def test_a_single_one_stays_however_large(made: list[int]) -> None:
    kept = Cache(made, 10)
    asked(kept, 1)
    asked(kept, 1)
    assert made == [1]


def test_what_lists_grow_by_counts_at_once(made: list[int]) -> None:
    kept = Cache(made, 2000)
    with kept.of([1, 2], kept.make) as found:
        for each in found:
            each.at(np.arange(5))  # an array of all rows: 400 bytes more
    assert kept.nbytes <= 2000
    asked(kept, 1)
    assert made == [1, 2, 1]


@pytest.mark.parametrize("kept_rows", [0, 1 << 17])
@pytest.mark.parametrize("n", [1, 40, 5000])
def test_looking_up_rows_gives_the_same_by_every_way(kept_rows: int, n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(impacts, "_KEPT_ROWS", kept_rows)
    rng = np.random.default_rng(n)
    rows = np.sort(rng.choice(10_000, 3000, replace=False)).astype(np.int32)
    each = ImpactList(rows, rng.random(3000).astype(np.float32) + 1, 10_000)
    asked_for = rng.integers(0, 10_000, n)
    expected = dict(zip(rows.tolist(), each.impacts.tolist(), strict=True))
    assert each.at(asked_for).tolist() == [expected.get(row, 0.0) for row in asked_for.tolist()]


def test_rows_that_cannot_change_are_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    each = ImpactList(np.arange(0, 100, 2, dtype=np.int32), np.ones(50, np.float32), 100)
    sample, other = np.array([2, 3, 98]), np.array([1, 4])
    sample.flags.writeable = other.flags.writeable = False
    asked: list[int] = []
    found = ImpactList._found
    monkeypatch.setattr(ImpactList, "_found", lambda self, rows: asked.append(len(rows)) or found(self, rows))
    assert [each.at(sample).tolist() for _ in range(3)] == [[1.0, 0.0, 1.0]] * 3
    assert asked == [3]
    assert each.at(other).tolist() == [0.0, 1.0]
    assert each.at(sample.copy()).tolist() == [1.0, 0.0, 1.0], "another array, that may change"
    assert asked == [3, 2, 3]


@pytest.mark.parametrize("n_rows", [1, 63, 64, 65, 4000])
@pytest.mark.parametrize("share", [0.0, 0.1, 1.0])
def test_ranks_find_what_is_there(n_rows: int, share: float) -> None:
    rng = np.random.default_rng(n_rows)
    rows = np.flatnonzero(rng.random(n_rows) < share).astype(np.int32)
    places, there = impacts._Ranks(rows, n_rows).find(np.arange(n_rows))
    assert np.flatnonzero(there).tolist() == rows.tolist()
    assert places[there == 1].tolist() == list(range(len(rows)))
