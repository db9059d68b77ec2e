"""Token starts of a text from those of its words, each tokenized once: several times faster."""

from __future__ import annotations

import string
import threading
from array import array

import numpy as np
from numpy.typing import NDArray

from ..embedding.protocol import Tokenizer
from .grid import IS_SPACE, LAST_SPACE, LONGEST_GAP, Positions, covering, steps

_PROBE = ["the", "chunk", "of", "unbelievable", "words", "1984,", "naïve", "(tokenizers)", "x2", "3.14", "e-mail's"]
_HAN = "中国的学生在北京"
_MOST_WORDS = 200_000

# White space to Python, control characters to some tokenizers: words on both sides may then be one.
_DOUBTFUL = np.zeros(LAST_SPACE + 2, dtype=bool)
_DOUBTFUL[[0x0B, 0x0C, 0x1C, 0x1D, 0x1E, 0x1F, 0x85]] = True


class Lexicon:
    """Stores the token starts of words.

    Used if a word has the same tokens whatever surrounds it, as in WordPiece and Unigram models; otherwise
    (byte-level BPE), and where a text holds odd white space, the text itself is tokenized. Safe to share between
    threads.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._lock = threading.Lock()
        self._steady: bool | None = None
        self._isolated: dict[str, bool] = {}
        self._forget()

    @property
    def steady(self) -> bool:
        """Whether a word has as many tokens alone as among others."""
        if self._steady is None:
            alone = [len(found) for found in self._tokenizer.offsets(_PROBE)]
            joined = self._tokenizer.offsets([f"{word} {word}" for word in _PROBE] + [" ".join(_PROBE)])
            self._steady = [len(found) for found in joined] == [*(2 * count for count in alone), sum(alone)]
        return self._steady

    def isolates(self, char: str) -> bool:
        """Tell whether a character is always a token of its own, as punctuation is in BERT's tokenizers."""
        known = "Han" if "\u4e00" <= char <= "\u9fff" else char if char in string.punctuation else ""
        if known and known not in self._isolated:
            samples = _HAN if known == "Han" else known
            texts = [f"{word}{sample}{word}" for sample in samples for word in _PROBE]
            joined = [len(found) for found in self._tokenizer.offsets(texts)]
            alone = [2 * len(found) + 1 for found in self._tokenizer.offsets(_PROBE)]
            self._isolated[known] = self.steady and joined == alone * len(samples)
        return bool(known) and self._isolated[known]

    def starts(self, text: str, codes: NDArray[np.uint32], space: NDArray[np.bool_]) -> Positions:
        """Return where the tokens of a text begin; see `Grid` for what counts as one."""
        if not self.steady or _DOUBTFUL[np.minimum(codes, LAST_SPACE + 1)].any():
            return covering(self._tokenizer.offsets([text])[0], space)
        edge = np.ones(len(space) + 1, dtype=bool)
        np.not_equal(space[1:], space[:-1], out=edge[1:-1])
        edge[0], edge[-1] = not space[0], not space[-1]
        change = np.flatnonzero(edge)
        begin, end = change[::2], change[1::2]  # of the words
        with self._lock:
            counts, within = self._look_up(text.split())
        found: Positions = np.repeat(begin, counts) + within
        gap_start, gap_end = np.append(0, end), np.append(begin, len(space))
        wide = gap_end - gap_start > LONGEST_GAP
        if not wide.any():
            return found
        return np.sort(np.append(found, steps(gap_start[wide], gap_end[wide], LONGEST_GAP)))

    def count(self, line: str) -> int:
        """Return the number of tokens of a line."""
        if not line:
            return 0
        if not self.steady or not line.isprintable():
            return len(self._tokenizer.offsets([line])[0])
        with self._lock:
            words = line.split()
            unknown = [word for word in words if word not in self._ids]
            if unknown:
                self._learn(list(dict.fromkeys(unknown)))
            return sum(self._count[self._ids[word]] for word in words)

    def _forget(self) -> None:
        self._ids: dict[str, int] = {}
        self._first = array("q")  # place of each word's token starts in _starts
        self._count = array("q")
        self._starts = array("q")

    def _look_up(self, words: list[str]) -> tuple[Positions, Positions]:
        """Return how many tokens each word has, and of each token its start in its word."""
        ids = self._ids
        try:
            found = [ids[word] for word in words]
        except KeyError:
            self._learn(list(dict.fromkeys(word for word in words if word not in ids)))
            found = [ids[word] for word in words]
        index = np.array(found, dtype=np.int64)
        counts: Positions = np.frombuffer(self._count, dtype=np.int64)[index] if found else index
        if not found:
            return counts, counts
        first = np.frombuffer(self._first, dtype=np.int64)[index]
        shift = first - (np.cumsum(counts) - counts)
        where = np.repeat(shift, counts) + np.arange(int(counts.sum()))
        within: Positions = np.frombuffer(self._starts, dtype=np.int64)[where]
        if len(ids) > _MOST_WORDS or len(self._starts) > 8 * _MOST_WORDS:
            self._forget()
        return counts, within

    def _learn(self, words: list[str]) -> None:
        """Tokenize new words, all as one text."""
        text = " ".join(words)
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
        tokens = covering(self._tokenizer.offsets([text])[0], IS_SPACE[np.minimum(codes, LAST_SPACE + 1)])
        begins = np.cumsum([0, *(len(word) + 1 for word in words)])
        edges = np.searchsorted(tokens, begins)
        counts = np.diff(edges)
        self._first.extend((edges[:-1] + len(self._starts)).tolist())
        self._count.extend(counts.tolist())
        self._starts.extend((tokens - np.repeat(begins[:-1], counts)).tolist())
        self._ids.update(zip(words, range(len(self._ids), len(self._ids) + len(words)), strict=True))
