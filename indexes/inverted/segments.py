"""Segments: blocks of postings in numpy arrays, sorted by term and then by row, never changed once made."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks import distinct

Array = NDArray[Any]
_BLOCK = 1 << 21
"""Postings that are moved at once: what is worked out for each of them takes six times as much room as they do."""


@dataclass(frozen=True, slots=True)
class Segment:
    """The postings of a block of documents.

    Attributes
    ----------
    terms
        int32, shape (m,), ascending: numbers of the terms that occur in the block.
    starts
        int64, shape (m + 1,): postings ``starts[i]:starts[i + 1]`` belong to ``terms[i]``.
    rows
        int32, shape (p,), ascending within a term. Segments of one index hold ascending, disjoint ranges of rows.
    frequencies
        shape (p,), all > 0: uint8 or uint16 if all are whole numbers that fit, else float32.
    """

    terms: NDArray[np.int32]
    starts: NDArray[np.int64]
    rows: NDArray[np.int32]
    frequencies: Array

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def nbytes(self) -> int:
        """Bytes of the four arrays."""
        return self.terms.nbytes + self.starts.nbytes + self.rows.nbytes + self.frequencies.nbytes

    def counts(self) -> NDArray[np.int64]:
        """Return how many documents hold each of ``terms``: int64, shape (m,)."""
        return np.diff(self.starts)

    def span(self, term: int) -> slice:
        """Return where the postings of a term are."""
        i = int(self.terms.searchsorted(np.int32(term)))  # a plain int would have all terms copied as int64
        if i == len(self.terms) or self.terms[i] != term:
            return slice(0, 0)
        return slice(int(self.starts[i]), int(self.starts[i + 1]))


def from_occurrences(
    terms: NDArray[np.int64], rows: NDArray[np.int64], weights: NDArray[np.float64] | None, first_row: int, n_rows: int
) -> Segment:
    """Make a segment of occurrences in any order; those of one term in one row add up.

    Parameters
    ----------
    terms, rows
        int64, shape (n,): term number, and row counted from ``first_row``.
    weights
        float64, shape (n,), > 0; None if all are one.
    first_row, n_rows
        The range of rows of the segment.
    """
    bits = max(n_rows - 1, 1).bit_length()
    keys = (terms << bits) | rows  # a pair as one integer sorts several times faster than two columns
    if weights is None:
        keys.sort()
    else:
        order = np.argsort(keys, kind="stable")
        keys, weights = keys[order], weights[order]
    heads = _heads(keys)
    if weights is None:
        frequencies = np.diff(heads, append=len(keys)).astype(np.float64)
    else:
        frequencies = np.add.reduceat(weights, heads) if len(heads) else weights
    keys = keys[heads]
    rows = (keys & ((1 << bits) - 1)) + first_row
    terms = keys >> bits
    heads = _heads(terms)
    starts = np.append(heads, len(terms)).astype(np.int64)
    return Segment(terms[heads].astype(np.int32), starts, rows.astype(np.int32), _narrow(frequencies))


def merged(segments: Sequence[Segment]) -> Segment:
    """Make one segment of several whose rows ascend from one to the next; linear in their postings."""
    if len(segments) == 1:
        return segments[0]
    if not segments:
        return from_occurrences(np.zeros(0, np.int64), np.zeros(0, np.int64), None, 0, 0)
    terms = distinct(np.concatenate([part.terms for part in segments]))
    places = [terms.searchsorted(part.terms) for part in segments]
    counts = np.zeros(len(terms), np.int64)
    for part, place in zip(segments, places, strict=True):
        counts[place] += part.counts()
    starts = np.concatenate((np.zeros(1, np.int64), np.cumsum(counts)))
    free = starts[:-1].copy()  # where the next posting of each term goes
    rows = np.empty(int(starts[-1]), np.int32)
    frequencies = np.empty(len(rows), np.result_type(*(part.frequencies.dtype for part in segments)))
    for part, place in zip(segments, places, strict=True):
        sizes = part.counts()
        moves = free[place] - part.starts[:-1]
        for some in _terms_of(part, _BLOCK):
            own = slice(int(part.starts[some.start]), int(part.starts[some.stop]))
            targets = np.repeat(moves[some], sizes[some]) + np.arange(own.start, own.stop)
            rows[targets] = part.rows[own]
            frequencies[targets] = part.frequencies[own]
        free[place] += sizes
    return Segment(terms, starts, rows, frequencies)


def _terms_of(part: Segment, size: int) -> Iterator[slice]:
    """Yield the terms of a segment, so many at a time that they have about ``size`` postings."""
    cuts = part.starts[:-1].searchsorted(np.arange(size, len(part), size))
    ends = np.unique(np.append(cuts, len(part.terms)))
    yield from (slice(int(a), int(b)) for a, b in itertools.pairwise([0, *ends.tolist()]) if b > a)


def renumbered(part: Segment, new_rows: NDArray[np.int32]) -> Segment:
    """Return the segment with row ``r`` as ``new_rows[r]``, without the postings whose new row is -1."""
    rows, frequencies = np.empty_like(part.rows), np.empty_like(part.frequencies)
    counts, end = np.zeros(len(part.terms), np.int64), 0
    for some in _terms_of(part, _BLOCK):
        own = slice(int(part.starts[some.start]), int(part.starts[some.stop]))
        moved = new_rows[part.rows[own]]
        kept = moved >= 0
        counts[some] = np.add.reduceat(kept, part.starts[some] - own.start, dtype=np.int64)
        begin, end = end, end + int(kept.sum())
        rows[begin:end], frequencies[begin:end] = moved[kept], part.frequencies[own][kept]
    if end == len(part):
        return Segment(part.terms, part.starts, rows, part.frequencies)
    held = counts > 0
    starts = np.concatenate((np.zeros(1, np.int64), np.cumsum(counts[held])))
    return Segment(part.terms[held], starts, rows[:end].copy(), frequencies[:end].copy())


def ordered(part: Segment) -> Segment:
    """Return the segment with its rows ascending within each term."""
    keys = np.repeat(np.arange(len(part.terms), dtype=np.int64) << 32, part.counts()) | part.rows
    order = np.argsort(keys)
    return Segment(part.terms, part.starts, part.rows[order], part.frequencies[order])


def _heads(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the first position of each run of equal values."""
    if not len(values):
        return np.zeros(0, np.int64)
    return np.flatnonzero(np.concatenate((np.ones(1, np.bool_), values[1:] != values[:-1])))


def _narrow(frequencies: NDArray[np.float64]) -> Array:
    """Return them in the narrowest of uint8, uint16 and float32 that holds all."""
    top = float(frequencies.max(initial=0.0))
    if top <= np.iinfo(np.uint16).max and np.array_equal(frequencies, np.floor(frequencies)):
        return frequencies.astype(np.uint8 if top <= np.iinfo(np.uint8).max else np.uint16)
    return frequencies.astype(np.float32)
