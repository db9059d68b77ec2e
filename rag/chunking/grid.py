"""Tokens of a text as character positions: counting tokens, and finding clean cuts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

SLICE = 1 << 16
"""Characters tokenized at once, to bound memory: the output of a tokenizer is many times its text."""

# What a tokenizer does not cut itself is measured in pieces: a "word" beyond its limit is a single unknown token, and
# white space or characters it drops are none, yet a chunk must not grow without bounds.
_LONGEST_TOKEN = 64
_PIECE = 4
LONGEST_GAP = 64

LAST_SPACE = 0x3000
IS_SPACE = np.array([chr(c).isspace() for c in range(LAST_SPACE + 2)])
"""By code point: whether Python takes a character for white space."""

Positions = NDArray[np.int64]


class TokenStarts(Protocol):
    """Finds where the tokens of a text begin."""

    def __call__(self, text: str, codes: NDArray[np.uint32], space: NDArray[np.bool_]) -> Positions:
        """Return the starts, given the text's code points and which of them are white space."""
        ...


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

    def __init__(self, text: str, tokens: TokenStarts) -> None:
        starts: list[Positions] = []
        fresh: list[NDArray[np.bool_]] = []
        for begin, end in _slices(text):
            part = text[begin:end]
            codes = np.frombuffer(part.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
            space = IS_SPACE[np.minimum(codes, LAST_SPACE + 1)]
            found = tokens(part, codes, space)
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


def covering(offsets: NDArray[np.int64], space: NDArray[np.bool_]) -> Positions:
    """Return token starts, with starts added inside very long tokens and in the gaps between tokens."""
    length = len(space)
    offsets = offsets[offsets[:, 1] > offsets[:, 0]]
    starts = np.maximum.accumulate(offsets[:, 0])
    ends = np.maximum.accumulate(offsets[:, 1])
    bare = ~space
    long = ends - starts > _LONGEST_TOKEN
    gap_start, gap_end = np.append(0, ends), np.append(starts, length)
    if not long.any():
        # The usual case: single spaces between tokens, and nothing more to do.
        wide = gap_end - gap_start
        narrow = gap_start[wide == 1]
        if wide.max() <= 1 and not bare[narrow].any():
            return starts
    ink = np.append(0, np.cumsum(bare))
    inked = ink[gap_end] > ink[np.minimum(gap_start, gap_end)]
    blank = ~inked & (gap_end - gap_start > LONGEST_GAP)
    added = [
        steps(gap_start[inked], gap_end[inked], _PIECE),
        steps(gap_start[blank], gap_end[blank], LONGEST_GAP),
        steps(starts[long] + _PIECE, ends[long], _PIECE),
    ]
    return np.sort(np.concatenate([starts, *added]))


def steps(starts: Positions, ends: Positions, step: int) -> Positions:
    """Concatenate ``arange(start, end, step)`` of each pair."""
    counts = -((starts - ends) // step)
    before = np.cumsum(counts) - counts
    within = np.arange(int(counts.sum())) - np.repeat(before, counts)
    result: Positions = np.repeat(starts, counts) + within * step
    return result
