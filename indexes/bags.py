"""Bags of terms, the documents and queries of an index of terms: checked and laid flat."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import InvalidInput
from .types import Terms

_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True, slots=True)
class Bags:
    """Several documents, one after the other.

    Attributes
    ----------
    sizes
        int64, shape (n,): how many entries of ``terms`` belong to each document.
    terms
        The terms of all documents; a term may occur several times in one.
    weights
        float64, shape (len(terms),), all > 0: the frequency of each entry; None if all are one.
    """

    sizes: NDArray[np.int64]
    terms: list[str]
    weights: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.sizes)

    def owners(self) -> NDArray[np.int64]:
        """Return the document of every entry, int64, shape (len(terms),)."""
        return np.repeat(np.arange(len(self.sizes)), self.sizes)


def checked_documents(documents: Iterable[Terms]) -> Bags:
    """Check documents: lists of terms, or mappings of term -> frequency.

    Raises
    ------
    InvalidInput
        A document is not a bag of terms, a term is not a string, or a frequency is negative or not finite.
    """
    bags = _sequence(documents, "documents")
    for i, bag in enumerate(bags):
        _check_bag(bag, "document", i)
    sizes = np.fromiter(map(len, bags), np.int64, len(bags))
    terms = list(chain.from_iterable(bags))
    _check_strings(terms, sizes, "document")
    if not any(isinstance(bag, Mapping) for bag in bags):
        return Bags(sizes, terms)
    weights = _weights(bags, sizes)
    kept = weights > 0
    if kept.all():
        return Bags(sizes, terms, weights)
    owners = np.repeat(np.arange(len(bags)), sizes)[kept]
    left = [terms[i] for i in np.flatnonzero(kept).tolist()]
    return Bags(np.bincount(owners, minlength=len(bags)).astype(np.int64), left, weights[kept])


def checked_queries(queries: Iterable[Terms]) -> list[dict[str, float]]:
    """Check queries and return term -> weight for each: a repeated term weighs as much as it is repeated.

    Terms of weight zero are left out.

    Raises
    ------
    InvalidInput
        A query is not a bag of terms, a term is not a string, or a weight is not finite.
    """
    checked: list[dict[str, float]] = []
    for i, query in enumerate(_sequence(queries, "queries")):
        _check_bag(query, "query", i)
        for term in query:
            if not isinstance(term, str):
                raise InvalidInput(f"query {i} has the term {term!r}: terms are strings")
        if isinstance(query, Mapping):
            weights = {term: _weight(weight, i, term) for term, weight in query.items() if weight != 0}
        else:
            weights = dict.fromkeys(query, 1.0)
            if len(weights) < len(query):
                weights = {term: float(count) for term, count in Counter(query).items()}
        checked.append(weights)
    return checked


def _sequence(bags: Iterable[Terms], what: str) -> Sequence[Terms]:
    if isinstance(bags, (str, bytes, Mapping)) or not isinstance(bags, Iterable):
        raise InvalidInput(f"{what} must be a list of bags of terms, got a {type(bags).__name__}: put it into a list")
    return bags if isinstance(bags, (list, tuple)) else list(bags)


def _check_bag(bag: object, what: str, i: int) -> None:
    if isinstance(bag, (list, tuple, Mapping)):
        return
    if isinstance(bag, (str, bytes)) or not isinstance(bag, Sequence):
        raise InvalidInput(
            f"{what} {i} is of type {type(bag).__name__}: give a list of terms, or a mapping of term to weight"
        )


def _check_strings(terms: list[Any], sizes: NDArray[np.int64], what: str) -> None:
    """Refuse terms that are not strings; look at types only, since this runs over every word of a corpus."""
    if all(issubclass(kind, str) for kind in set(map(type, terms))):
        return
    at = next(i for i, term in enumerate(terms) if not isinstance(term, str))
    owner = int(np.searchsorted(np.cumsum(sizes), at, side="right"))
    raise InvalidInput(f"{what} {owner} has the term {terms[at]!r}: terms are strings")


def _weights(bags: Sequence[Terms], sizes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the frequency of every entry, rounded to float32, in which they are stored."""
    values = (bag.values() if isinstance(bag, Mapping) else repeat(1.0, len(bag)) for bag in bags)
    try:
        weights = np.fromiter(chain.from_iterable(values), np.float64, int(sizes.sum()))
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"a frequency is not a number: {error}") from None
    bad = ~((weights >= 0) & (weights <= _LARGEST))
    if bad.any():
        at = int(bad.argmax())
        owner = int(np.searchsorted(np.cumsum(sizes), at, side="right"))
        raise InvalidInput(f"document {owner} has the frequency {weights[at]}: give finite numbers >= 0")
    return weights.astype(np.float32).astype(np.float64)


def _weight(weight: object, query: int, term: str) -> float:
    try:
        value = float(weight)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        value = math.nan
    if isinstance(weight, (str, bytes)) or not math.isfinite(value):
        raise InvalidInput(f"query {query} gives {term!r} the weight {weight!r}: weights are finite numbers")
    return value
