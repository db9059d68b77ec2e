"""Sums of what terms add to chunks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import indexes
from rag.store import postings_search

Ids = NDArray[np.int64]


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


def test_terms_come_in_their_order_with_their_postings() -> None:
    bags = [["tea", "an", "tea"], [], ["an", "oak"]]
    found = {term: records.tolist() for term, records in postings_search.grouped([3, 4, 9], bags)}
    assert list(found) == ["an", "oak", "tea"]
    assert found == {"an": [(3, 3 << 12 | 1), (9, 2 << 12 | 1)], "oak": [(9, 2 << 12 | 1)], "tea": [(3, 3 << 12 | 2)]}


class Held:
    """The postings of some bags, and how often they were asked for."""

    nbytes = 0

    def __init__(self, chunks: Sequence[int], bags: Sequence[Sequence[str]]) -> None:
        self.state = SimpleNamespace(seq=1, version=1, chunks=len(chunks), terms=sum(map(len, bags)))
        self.held = dict(postings_search.grouped(chunks, bags))
        self.asked = 0

    @contextmanager
    def reading(self) -> Iterator[Any]:
        yield self

    def postings(self, _: object, terms: Sequence[str]) -> Mapping[str, NDArray[np.void]]:
        self.asked += 1
        return {term: self.held.get(term, np.zeros(0, postings_search.POSTING)) for term in terms}

    def every(self, _: object) -> dict[str, int]:
        return {term: len(records) for term, records in self.held.items()}


def test_scores_are_those_of_a_search() -> None:
    rng = np.random.default_rng(4)
    words = [f"w{n}" for n in range(30)]
    bags = [rng.choice(words, rng.integers(1, 20)).tolist() for _ in range(200)]
    ids = np.arange(10, 410, 2)
    held = Held(ids.tolist(), bags)
    search = postings_search.PostingsSearch(held, "bm25", held, lambda: ids)
    like = indexes.terms("bm25")
    like.add(bags, ids=ids)
    queries = [["w1", "w7"], ["w3"], ["none"]]
    for allow in (None, ids[::3], ids[5:8], ids[:0]):
        mine, theirs = search.search(queries, 20, allow=allow), like.search(queries, 20, allow=allow)
        np.testing.assert_array_equal(mine.ids, theirs.ids)
        np.testing.assert_allclose(mine.scores, theirs.scores, atol=1e-6)
    assert held.asked == 1  # all of a search's parts are scored once
    some = np.array([10, 11, 30, 401, 408, 10**9])
    np.testing.assert_allclose(search.score(queries, some), like.score(queries, some), atol=1e-6)
    assert held.asked == 1
    many = [[word] for word in words]
    np.testing.assert_allclose(search.score(many, some), like.score(many, some), atol=1e-6)
