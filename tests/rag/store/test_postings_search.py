"""Sums of what terms add to chunks."""

from __future__ import annotations

import numpy as np
import pytest

from rag.store import postings_search


@pytest.mark.parametrize("sparse", [1 << 24, 0])
def test_postings_come_in_any_order(monkeypatch: pytest.MonkeyPatch, sparse: int) -> None:
    """A joined segment has a higher number than a younger one, which it may lie before."""
    monkeypatch.setattr(postings_search, "_SPARSE", sparse)
    parts = [
        (np.array([7, 9, 2, 3], np.uint32), np.array([1.0, 2.0, 3.0, 4.0])),
        (np.array([3, 7], np.uint32), np.array([0.5, 0.25])),
    ]
    ids, sums = postings_search._summed(parts)
    assert dict(zip(ids.tolist(), sums.tolist(), strict=True)) == {2: 3.0, 3: 4.5, 7: 1.25, 9: 2.0}
    assert ids.tolist() == sorted(ids.tolist())
