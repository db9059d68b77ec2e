"""Oracle of the contract of term indexes: documents scored one by one in plain Python, and data."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from ..types import Terms

Documents = Mapping[int, Mapping[str, float]]
Scored = Callable[[Mapping[str, float]], dict[int, float]]
Score = Callable[[Documents], Scored]

N_QUERIES = 20


def naive_bm25(variant: str, k1: float, b: float, delta: float = 0.0, epsilon: float = 0.25) -> Score:
    """Return BM25 as its papers write it, one document after the other."""

    def idf(df: int, n: int) -> float:
        return {
            "lucene": lambda: math.log(1 + (n - df + 0.5) / (df + 0.5)),
            "bm25+": lambda: math.log((n + 1) / df),
            "bm25l": lambda: math.log((n + 1) / (df + 0.5)),
        }.get(variant, lambda: math.log(n - df + 0.5) - math.log(df + 0.5))()

    def score(documents: Documents) -> Scored:
        n = len(documents)
        dfs = Counter(term for bag in documents.values() for term in bag)
        mean = sum(sum(bag.values()) for bag in documents.values()) / max(n, 1)
        low = epsilon * sum(idf(df, n) for df in dfs.values()) / max(len(dfs), 1)

        def one(bag: Mapping[str, float], term: str) -> float:
            norm = 1 - b + b * sum(bag.values()) / mean
            tf, value = bag[term], idf(dfs[term], n)
            if variant == "okapi":
                return (low if value < 0 else value) * tf * (k1 + 1) / (tf + k1 * norm)
            if variant == "bm25+":
                return value * (tf * (k1 + 1) / (tf + k1 * norm) + delta)
            if variant == "bm25l":
                return value * (k1 + 1) * (tf / norm + delta) / (k1 + tf / norm + delta)
            return value * tf / (tf + k1 * norm)

        return lambda query: {
            id_: sum(weight * one(bag, term) for term, weight in query.items() if term in bag)
            for id_, bag in documents.items()
            if not query.keys().isdisjoint(bag)
        }

    return score


def naive_dot(documents: Documents) -> Scored:
    """Return the dot product of term weights."""
    return lambda query: {
        id_: sum(weight * bag[term] for term, weight in query.items() if term in bag)
        for id_, bag in documents.items()
        if not query.keys().isdisjoint(bag)
    }


class TermOracle:
    """A dictionary of documents, scored one by one."""

    def __init__(self, score: Score) -> None:
        self.score = score
        self._scored: Scored | None = None  # of the documents held now
        self.held: dict[int, dict[str, float]] = {}

    def add(self, documents: Iterable[Terms], ids: Iterable[int]) -> TermOracle:
        """Add documents."""
        self._scored = None
        for bag, id_ in zip(documents, ids, strict=True):
            self.held[int(id_)] = _weights(bag)
        return self

    def remove(self, ids: Iterable[int]) -> None:
        """Remove documents."""
        self._scored = None
        for id_ in ids:
            del self.held[int(id_)]

    def search(self, query: Terms, allow: Iterable[int] | None = None) -> list[tuple[int, float]]:
        """Return all hits, best first."""
        allowed = None if allow is None else {int(i) for i in allow}
        self._scored = self._scored or self.score(self.held)
        found = self._scored(_weights(query))
        hits = [(id_, value) for id_, value in found.items() if allowed is None or id_ in allowed]
        return sorted(hits, key=lambda hit: (-hit[1], hit[0]))


def _weights(bag: Terms) -> dict[str, float]:
    counts = bag if isinstance(bag, Mapping) else Counter(bag)
    return {term: float(value) for term, value in counts.items() if value}


def bags(n: int, seed: int = 0) -> list[list[str]]:
    """Return documents of 0 to 40 words with Zipf's frequencies; some are empty, some equal, w0 is in most."""
    rng = np.random.default_rng(seed)
    made = [[f"w{int(min(w, 400)) - 1}" for w in rng.zipf(1.4, int(size))] for size in rng.integers(0, 40, n)]
    for i in range(7, n, 13):
        made[i] = list(made[i - 5])
    return made


def questions(seed: int = 1) -> list[list[str]]:
    """Return queries with frequent, rare, repeated and unknown words."""
    rng = np.random.default_rng(seed)
    made = [[f"w{int(min(w, 500)) - 1}" for w in rng.zipf(1.25, int(size))] for size in rng.integers(1, 9, N_QUERIES)]
    return [*made[:-2], ["w1", "nowhere", "w1"], ["w0"]]


def some_ids(n: int, seed: int = 0) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return ``n`` distinct ids in random order, some of them huge."""
    ids = np.random.default_rng(seed).permutation(10 * n)[:n].astype(np.int64)
    ids[::7] += 2**62 - 10 * n
    return ids
