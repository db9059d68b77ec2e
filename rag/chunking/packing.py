"""Fill chunks with whole sentences."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator

from ..sentences import sentences
from .ruler import Ruler, Span

_MOST_SENTENCES = 64


def pack_sentences(
    ruler: Ruler, start: int, end: int, *, tokens: int = 0, count: int = _MOST_SENTENCES
) -> Iterator[Span]:
    """Fill chunks with whole sentences of a span, in order.

    Parameters
    ----------
    tokens, count
        What of the last chunk's whole sentences the next one repeats: at most that many tokens and sentences.
    """
    spans = list(_cut(ruler, ((start + a, start + b) for a, b in sentences(ruler.text[start:end]))))
    if not spans:
        return
    low = ruler.grid.indices([a for a, _ in spans])
    high = ruler.grid.indices([b for _, b in spans])
    first = 0
    while True:
        after = max(bisect_right(high, low[first] + ruler.room(spans[first][0])), first + 1)
        yield spans[first][0], spans[after - 1][1]
        if after == len(spans):
            return
        begin = after
        lowest = max(first + 1, after - count)
        while begin > lowest and high[after - 1] - low[begin - 1] <= tokens:
            begin -= 1
        while begin < after and high[after] - low[begin] > ruler.room(spans[begin][0]):
            begin += 1
        first = begin


def _cut(ruler: Ruler, spans: Iterable[Span]) -> Iterator[Span]:
    """Cut what does not fit a chunk: at line ends, then between words."""
    for span in spans:
        if span[1] - span[0] <= ruler.size // 4 or ruler.fits(*span):
            yield span
        else:
            for line in lines(ruler.text, *span):
                yield from ruler.windows(*line)


def lines(text: str, start: int, end: int) -> Iterator[Span]:
    """Split a span after its line ends."""
    while start < end:
        cut = text.find("\n", start, end) + 1 or end
        yield start, cut
        start = cut
