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

    def totals(self) -> Any:
        return self.state

    def postings(self, _: object, terms: Sequence[str]) -> Mapping[str, NDArray[np.void]]:
        self.asked += 1
        return {term: self.held.get(term, np.zeros(0, postings_search.POSTING)) for term in terms}

    def every(self, _: object) -> dict[str, int]:
        return {term: len(records) for term, records in self.held.items()}


def searches(seed: int = 4) -> tuple[Held, postings_search.PostingsSearch, indexes.TermIndex, Ids]:
    """Return postings, a search of them, and an index of the same chunks."""
    rng = np.random.default_rng(seed)
    words = [f"w{n}" for n in range(30)]
    bags = [rng.choice(words, rng.integers(1, 20)).tolist() for _ in range(200)]
    ids = np.arange(10, 410, 2)
    held = Held(ids.tolist(), bags)
    like = indexes.terms("bm25")
    like.add(bags, ids=ids)
    return held, postings_search.PostingsSearch(held, "bm25", held, lambda: ids), like, ids


@pytest.mark.parametrize("dense", [1 << 24, 0])
def test_scores_are_those_of_an_index(monkeypatch: pytest.MonkeyPatch, dense: int) -> None:
    monkeypatch.setattr(postings_search, "_DENSE", dense)
    monkeypatch.setattr(postings_search, "_TIMES", 1)
    held, search, like, ids = searches()
    queries = [["w1", "w7"], ["w3"], ["none"]]
    for allow in (None, ids[::3], ids[5:8], ids[:0], np.array([7, 10, 11, 12, 900])):
        mine, theirs = search.search(queries, 20, allow=allow), like.search(queries, 20, allow=allow)
        np.testing.assert_array_equal(mine.ids, theirs.ids)
        np.testing.assert_array_equal(mine.scores, theirs.scores)
    some = np.array([10, 11, 30, 401, 408, 10**9])
    np.testing.assert_array_equal(search.score(queries, some), like.score(queries, some))
    assert held.asked == 1, "all terms at once, and once"
    many = [[f"w{n}"] for n in range(30)]
    np.testing.assert_array_equal(search.score(many, some), like.score(many, some))
    assert search.memory()["cached impacts"] > 0


def test_postings_come_in_any_order() -> None:
    """A joined segment has a higher number than a younger one, which it may lie before."""
    held, search, like, _ = searches()
    held.held = {term: np.roll(records, 3) for term, records in held.held.items()}
    mine, theirs = search.search([["w1", "w7"]], 20), like.search([["w1", "w7"]], 20)
    np.testing.assert_array_equal(mine.ids, theirs.ids)
    np.testing.assert_array_equal(mine.scores, theirs.scores)


def test_a_change_is_seen() -> None:
    held, search, _, _ = searches()
    before = search.search([["w1"]], 200).scores[0, 0]
    held.held["w1"] = held.held["w1"][:1]
    held.state = SimpleNamespace(**{**vars(held.state), "seq": 2})
    after = search.search([["w1"]], 200)
    assert (after.ids[0] >= 0).sum() == 1
    assert after.scores[0, 0] > before, "a rarer term counts for more"
    assert len(search._scorers) == 1, "what was worked out before has gone"
