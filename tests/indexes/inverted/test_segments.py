"""Segments are merged and renumbered block by block; what comes out does not depend on the blocks."""

from __future__ import annotations

import numpy as np
import pytest

from indexes.inverted import segments
from indexes.inverted.segments import Segment, from_occurrences, merged, renumbered


def made(seed: int, first: int, n_rows: int = 60, n: int = 900) -> Segment:
    rng = np.random.default_rng(seed)
    return from_occurrences(rng.zipf(1.5, n) % 40, rng.integers(0, n_rows, n), None, first, n_rows)


def table(part: Segment) -> dict[int, list[tuple[int, int]]]:
    spans = {int(term): part.span(int(term)) for term in part.terms}
    return {t: list(zip(part.rows[s].tolist(), part.frequencies[s].tolist(), strict=True)) for t, s in spans.items()}


@pytest.fixture(params=[1, 7, 100, 1 << 21], autouse=True)
def block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "_BLOCK", request.param)


def test_merged_holds_what_its_parts_hold_in_the_order_of_rows() -> None:
    parts = [made(seed, 60 * seed) for seed in range(4)]
    whole = table(merged(parts))
    assert whole.keys() == set().union(*(table(part) for part in parts))
    for term, found in whole.items():
        assert found == [posting for part in parts for posting in table(part).get(term, [])]


@pytest.mark.parametrize("share", [0.0, 0.2, 0.97, 1.0])
def test_renumbered_drops_rows_and_terms_without_any(share: float) -> None:
    part, rng = made(9, 0), np.random.default_rng(1)
    numbers = np.where(rng.random(60) < share, -1, rng.permutation(1000)[:60]).astype(np.int32)
    kept = {
        term: [(int(numbers[row]), count) for row, count in found if numbers[row] >= 0]
        for term, found in table(part).items()
    }
    after = renumbered(part, numbers)
    assert table(after) == {term: found for term, found in kept.items() if found}
    assert len(after.starts) == len(after.terms) + 1
    assert after.starts[-1] == len(after.rows) == len(after.frequencies)


def test_of_nothing() -> None:
    none = merged([])
    assert len(renumbered(none, np.zeros(0, np.int32))) == 0
