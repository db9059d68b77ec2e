"""A text's tokens as character positions that cover all of it: counting, and where a cut is clean."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..embedding.protocol import Tokenizer

SLICE = 1 << 16
"""Characters tokenized at once: what a tokenizer returns is many times its text, so memory stays flat."""

# What a tokenizer does not cut itself is measured in pieces: a "word" beyond its limit is a single unknown token, and
# white space or characters it drops are none, yet a chunk must not grow without bounds.
_LONGEST_TOKEN = 64
_PIECE = 4
_LONGEST_GAP = 64

_SPACES = [c for c in range(0x3001) if chr(c).isspace()]
_IS_SPACE = np.zeros(0x3002, dtype=bool)
_IS_SPACE[_SPACES] = True

Positions = NDArray[np.int64]


class Grid:
    """Token starts of a text.

    Attributes
    ----------
    starts
        int64, ascending: where each token begins. What the tokenizer passes over counts as tokens of its own, so that
        every character that is not white space belongs to one.
    words
        int64: for each token, the last one up to it that follows white space, the first one counting as such.
    """

    def __init__(self, text: str, tokenizer: Tokenizer) -> None:
        starts: list[Positions] = []
        fresh: list[NDArray[np.bool_]] = []
        for begin, end in _slices(text):
            part = text[begin:end]
            space = _space(part)
            found = _covering(tokenizer.offsets([part])[0], space)
            starts.append(found + begin)
            fresh.append((found == 0) | space[found - 1])
        self.starts: Positions = np.concatenate(starts) if starts else np.zeros(0, dtype=np.int64)
        index = np.arange(len(self.starts))
        at_word = np.concatenate(fresh) if fresh else np.zeros(0, dtype=bool)
        self.words: Positions = np.maximum.accumulate(np.where(at_word, index, 0))

    def index(self, position: int) -> int:
        """Return the number of tokens that begin before a character position."""
        return int(np.searchsorted(self.starts, position))

    def indices(self, positions: list[int]) -> list[int]:
        """Return `index` of each position."""
        found: list[int] = np.searchsorted(self.starts, np.asarray(positions, dtype=np.int64)).tolist()
        return found

    def count(self, start: int, end: int) -> int:
        """Return the number of tokens that begin in a span."""
        return self.index(end) - self.index(start)


def _slices(text: str) -> Iterator[tuple[int, int]]:
    begin = 0
    while begin < len(text):
        end = min(begin + SLICE, len(text))
        if end < len(text):
            clean = max(text.rfind(" ", begin, end), text.rfind("\n", begin, end)) + 1
            end = clean if clean > begin else end
        yield begin, end
        begin = end


def _space(text: str) -> NDArray[np.bool_]:
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    return _IS_SPACE[np.minimum(codes, 0x3001)]


def _covering(offsets: NDArray[np.int64], space: NDArray[np.bool_]) -> Positions:
    """Return token starts, with starts added inside very long tokens and in the gaps between tokens."""
    length = len(space)
    offsets = offsets[(offsets[:, 1] > offsets[:, 0])]
    starts = np.maximum.accumulate(offsets[:, 0])
    ends = np.maximum.accumulate(offsets[:, 1])
    gap_start = np.concatenate([[0], ends])
    gap_end = np.concatenate([starts, [length]])
    ink = np.concatenate([[0], np.cumsum(~space)])
    wide = np.flatnonzero(gap_end > gap_start)
    gap_start, gap_end = gap_start[wide], gap_end[wide]
    inked = ink[gap_end] > ink[gap_start]
    long = ends - starts > _LONGEST_TOKEN
    blank = ~inked & (gap_end - gap_start > _LONGEST_GAP)
    added = [
        _steps(gap_start[inked], gap_end[inked], _PIECE),
        _steps(gap_start[blank], gap_end[blank], _LONGEST_GAP),
        _steps(starts[long] + _PIECE, ends[long], _PIECE),
    ]
    if not any(len(extra) for extra in added):
        return starts
    return np.sort(np.concatenate([starts, *added]))


def _steps(starts: Positions, ends: Positions, step: int) -> Positions:
    """Concatenate ``arange(start, end, step)`` of each pair."""
    counts = -((starts - ends) // step)
    before = np.cumsum(counts) - counts
    within = np.arange(int(counts.sum())) - np.repeat(before, counts)
    result: Positions = np.repeat(starts, counts) + within * step
    return result
