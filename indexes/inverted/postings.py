"""Postings: the documents that hold each term, with frequencies; the storage of the indexes of terms.

Only term frequencies and document lengths are kept. Statistics that change with every document (document frequencies,
the mean length) are computed at query time, so adding rewrites nothing: new documents become a small
segment, and segments are merged geometrically (the logarithmic method of Bentley and Saxe, 1980, as in Lucene).
"""

from __future__ import annotations

import json
import threading
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .. import files
from ..bags import Bags
from ..errors import IndexDamaged, InvalidInput
from ..types import Ids
from .segments import Array, Segment, from_occurrences, merged, renumbered

MAX_ROWS = 2**31 - 1
ENTRY_BYTES = 120
"""Bytes of a term in a Python dictionary: its slot, its string object, its number."""


class Vocabulary(dict[str, int]):
    """Term -> number in order of first use; ``[]`` numbers a term that is new."""

    def __missing__(self, term: str) -> int:
        number = self[term] = len(self)
        return number


class Postings:
    """Term frequencies by term, lengths by row.

    Rows are numbered in the order of adding; those that were forgotten keep their number until ``compact``. Changes are
    serialised by the index that owns the postings; reading is safe from many threads.
    """

    def __init__(self) -> None:
        self.vocabulary = Vocabulary()
        self.n_rows = 0
        self.n_live = 0
        self.total_length = 0.0
        self._lengths: NDArray[np.float64] = np.zeros(0)
        self._segments: list[Segment] = []
        self._forgotten: list[Ids] = []
        self._sweeping = threading.Lock()

    # ---- statistics ---------------------------------------------------------------------------------------------

    @property
    def average_length(self) -> float:
        """Mean length of the live documents; 1 when there are none, so that it can be divided by."""
        return self.total_length / self.n_live if self.total_length else 1.0

    @property
    def lengths(self) -> NDArray[np.float64]:
        """float64, shape (n_rows,): the sum of frequencies of every row, -1 if forgotten. A view: do not write."""
        return self._lengths[: self.n_rows]

    def segments(self) -> list[Segment]:
        """Return the segments, free of forgotten rows."""
        if self._forgotten:
            self._sweep()
        return self._segments

    def of(self, term: int) -> tuple[NDArray[np.int32], Array]:
        """Return the rows, ascending, and the frequencies of a term number."""
        found = [(part, span) for part in self.segments() if (span := part.span(term)).stop]
        if len(found) == 1:
            part, span = found[0]
            return part.rows[span], part.frequencies[span]
        if not found:
            return np.zeros(0, np.int32), np.zeros(0, np.uint8)
        return (
            np.concatenate([part.rows[span] for part, span in found]),
            np.concatenate([part.frequencies[span] for part, span in found]),
        )

    def document_frequencies(self) -> NDArray[np.int64]:
        """Return the document frequency of each term number: int64, shape (len(vocabulary),)."""
        counts = np.zeros(len(self.vocabulary), np.int64)
        for part in self.segments():
            counts[part.terms] += part.counts()
        return counts

    def bags(self) -> list[dict[str, float]]:
        """Return every row as term -> frequency; empty for forgotten rows."""
        words = list(self.vocabulary)
        rows: list[dict[str, float]] = [{} for _ in range(self.n_rows)]
        whole = merged(self.segments())
        names = np.repeat(whole.terms, whole.counts()).tolist()
        for name, row, count in zip(names, whole.rows.tolist(), whole.frequencies.tolist(), strict=True):
            rows[row][words[name]] = count
        return rows

    # ---- changes ------------------------------------------------------------------------------------------------

    def append(self, bags: Bags) -> None:
        """Add these documents as the next rows."""
        end = self.n_rows + len(bags)
        if end > MAX_ROWS:
            raise InvalidInput(f"one index of terms holds at most {MAX_ROWS} documents: split the corpus")
        owners = bags.owners()
        terms = np.fromiter(map(self.vocabulary.__getitem__, bags.terms), np.int64, len(bags.terms))
        lengths = np.bincount(owners, weights=bags.weights, minlength=len(bags))
        part = from_occurrences(terms, owners, bags.weights, self.n_rows, len(bags))
        if end > len(self._lengths):
            grown = np.zeros(end if not self.n_rows else max(end, self.n_rows + self.n_rows // 8 + 64))
            grown[: self.n_rows] = self.lengths
            self._lengths = grown
        self._lengths[self.n_rows : end] = lengths
        self.n_rows = end
        self.n_live += len(bags)
        self.total_length += float(lengths.sum())
        segments = [*self.segments(), part]
        while len(segments) > 1 and len(segments[-2]) < 2 * len(segments[-1]):
            segments[-2:] = [merged(segments[-2:])]
        self._segments = segments

    def forget(self, rows: Ids) -> None:
        """Drop rows from all statistics at once, and from the segments when these are next needed."""
        self._forgotten.append(rows)
        self.n_live -= len(rows)
        self._lengths[rows] = -1.0
        self.total_length = _total(self.lengths)

    def compact(self, live: Ids) -> None:
        """Renumber: the new row ``i`` is the old row ``live[i]``; terms that no document holds are dropped."""
        new_rows = np.full(self.n_rows, -1, np.int32)
        new_rows[live] = np.arange(len(live), dtype=np.int32)
        self._forgotten = []
        self._segments = [merged([renumbered(part, new_rows) for part in self._segments])]
        self._lengths = self.lengths[live]
        self.n_rows = len(live)
        words, self._segments[0] = self._held_terms(self._segments[0])
        self.vocabulary = Vocabulary(zip(words, range(len(words)), strict=True))

    def merge(self) -> None:
        """Merge all segments into one."""
        self._segments = [merged(self.segments())]

    def _sweep(self) -> None:
        with self._sweeping:
            if not self._forgotten:  # another reader was first
                return
            keep = np.arange(self.n_rows, dtype=np.int32)
            keep[np.concatenate(self._forgotten)] = -1
            self._segments = [renumbered(part, keep) for part in self._segments]
            self._forgotten = []

    def _held_terms(self, whole: Segment) -> tuple[list[str], Segment]:
        """Return the terms that a document holds, and the segment with these numbered 0, 1, 2 ..."""
        words = list(self.vocabulary)
        held = [words[number] for number in whole.terms.tolist()]
        numbers = np.arange(len(held), dtype=np.int32)
        return held, Segment(numbers, whole.starts, whole.rows, whole.frequencies)

    # ---- on disk ------------------------------------------------------------------------------------------------

    def write(self, folder: Path) -> None:
        """Write one merged segment, the lengths and the terms that some document holds."""
        words, whole = self._held_terms(merged(self.segments()))
        (folder / "terms.json").write_text(json.dumps(words, ensure_ascii=True, indent=0), encoding="ascii")
        files.write_array(folder / "starts.npy", whole.starts)
        files.write_array(folder / "rows.npy", whole.rows)
        files.write_array(folder / "frequencies.npy", whole.frequencies)
        files.write_array(folder / "lengths.npy", self.lengths)

    def read(self, folder: Path, n_rows: int) -> None:
        """Read the files of a verified folder.

        Raises
        ------
        IndexDamaged
            The files do not fit each other, or do not hold ``n_rows`` rows.
        """
        words = _read_words(folder / "terms.json")
        starts = files.read_array(folder / "starts.npy", np.int64, (len(words) + 1,))
        rows = files.read_array(folder / "rows.npy", np.int32, (int(starts[-1]),))
        frequencies = _read_frequencies(folder / "frequencies.npy", len(rows))
        if starts[0] or (np.diff(starts) < 1).any() or (len(rows) and not 0 <= rows.min() <= rows.max() < n_rows):
            raise IndexDamaged(f"starts.npy and rows.npy in {folder} do not fit each other: rebuild the index")
        self._lengths = files.read_array(folder / "lengths.npy", np.float64, (n_rows,))
        self._segments = [Segment(np.arange(len(words), dtype=np.int32), starts, rows, frequencies)]
        self.vocabulary = Vocabulary(zip(words, range(len(words)), strict=True))
        self.n_rows = n_rows
        self.n_live = int((self.lengths >= 0).sum())
        self.total_length = _total(self.lengths)

    def memory(self) -> dict[str, int]:
        """Return bytes by part; the vocabulary is an estimate of what Python's dictionary and strings take."""
        return {
            "postings": sum(part.nbytes for part in self._segments) + sum(rows.nbytes for rows in self._forgotten),
            "lengths": self._lengths.nbytes,
            "vocabulary": ENTRY_BYTES * len(self.vocabulary) + sum(map(len, self.vocabulary)),
        }


def _total(lengths: NDArray[np.float64]) -> float:
    return float(lengths[lengths > 0].sum())


def _read_words(path: Path) -> list[str]:
    try:
        words = json.loads(path.read_text(encoding="ascii"))
    except (OSError, ValueError, RecursionError) as error:
        raise IndexDamaged(f"{path.name} in {path.parent} cannot be read: {error}") from error
    if not isinstance(words, list) or set(map(type, words)) - {str} or len(set(words)) != len(words):
        raise IndexDamaged(f"{path.name} in {path.parent} is not a list of distinct terms: rebuild the index")
    return words


def _read_frequencies(path: Path, n: int) -> Array:
    for dtype in (np.uint8, np.uint16):
        try:
            return files.read_array(path, dtype, (n,))
        except IndexDamaged:
            continue
    return files.read_array(path, np.float32, (n,))
