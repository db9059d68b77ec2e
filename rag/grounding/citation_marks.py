"""Find citation marks and quotations in a language model's text, in all the forms that models use."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

from ..sentences import sentences
from .citation_patterns import CLOSE, OPEN, ends_after_marks, leading_mark, unmarked, without_listed_sources
from .invisible import shown
from .words import composed

_CODE = re.compile(r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)|`[^`\n]{1,300}`", re.DOTALL)
_FENCE = re.compile(r"^[ \t]*(?:```|~~~)", re.MULTILINE)
_CUT_MARK = re.compile(rf"\\?[{OPEN}][^\n{CLOSE}]{{0,24}}\Z")
_OPEN_MARK = re.compile(rf"\\?[{OPEN}][^\n{CLOSE}]{{0,24}}(?:[{CLOSE}]+(?:\([^()\s]{{0,2000}})?)?\Z")
_QUOTATION = re.compile(r'"([^"\n]{1,2000})"|“([^“”\n]{1,2000})”|«\s?([^«»\n]{1,2000}?)\s?»|„([^„“”\n]{1,2000})[“”]')
_STOPS = (".", "!", "?", "…", "。", "！", "？", "｡", "؟", "۔", "।", "॥")
_CLOSERS = "\"'”’»)*_`」』） "
_QUOTE_WORDS = 4


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence of a model's text.

    Attributes
    ----------
    text
        Without its citation marks.
    cited
        The numbers in its marks, in order, unchecked.
    gap
        What separates it from the sentence before: a space or line breaks.
    end
        Its end in the model's text without invisible characters, marks included.
    cut
        The model was cut off in the middle of it.
    """

    text: str
    cited: tuple[int, ...]
    gap: str = " "
    end: int = 0
    cut: bool = False


def said(text: str) -> list[Said]:
    """Split a model's text into sentences and remove their marks.

    Marks at the beginning of a sentence belong to the one before it. Nothing inside code is a mark. Characters that are
    not seen are left out, see `rag.grounding.invisible`; ends are those in the text without them.
    """
    found: list[Said] = []
    text = without_listed_sources(shown(text))
    code = [match.span() for match in _CODE.finditer(text)]
    last = 0
    for start, end in _spans(text, code):
        gap = _gap(text[last:start])
        last = end
        begin, numbers = _leading(text, start, end, code)
        if found and numbers:
            found[-1] = replace(found[-1], cited=(*found[-1].cited, *numbers), end=begin)
        else:
            begin = start
        bare, cited = unmarked(text[begin:end], partial(_inside, spans=code, begin=begin))
        if bare or cited:
            found.append(Said(bare, cited, gap, end))
    return found


def said_so_far(text: str) -> tuple[list[Said], str]:
    """Split an unfinished text: the complete sentences, marks included, and the rest.

    A sentence is complete when another has begun after it; code is complete when its fence is closed.
    """
    text = shown(text, more=True)
    text_now = _OPEN_MARK.sub("", text)  # more of it may come
    fences = list(_FENCE.finditer(text_now))
    if len(fences) % 2:
        text_now = text_now[: fences[-1].start()]
    whole = said(text_now)[:-1]
    done = whole[-1].end if whole else 0
    return whole, text[done:]


def cut_mark(text: str) -> str:
    """Return a text without a mark at its end that a broken stream cut in two."""
    return _CUT_MARK.sub("", text)


def cut_off(sentences: list[Said]) -> list[Said]:
    """Return the sentences of a text that was cut off; the last is marked ``cut`` unless it ends."""
    if not sentences:
        return []
    last = sentences[-1]
    if last.text.startswith(("```", "~~~")):
        ended = last.text.endswith(last.text[:3]) and len(last.text) > 6
    else:
        bare = last.text.rstrip(_CLOSERS)
        ended = bare.endswith(_STOPS) and (bool(last.cited) or not bare[-2:-1].isdigit())  # "80." may go on as 80.5
    return sentences if ended else [*sentences[:-1], replace(last, cut=True)]


def quotations(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield (start, end, words) of texts in quotation marks that are long enough to be quotes."""
    code = [match.span() for match in _CODE.finditer(text)]
    for match in _QUOTATION.finditer(text):
        words = next(group for group in match.groups() if group is not None)
        if len(words.split()) >= _QUOTE_WORDS and not _inside(match.start(), code):
            yield match.start(), match.end(), words


def folded(text: str) -> str:
    """Return the form of a text in which quotes are compared: `composed`, single spaces, plain quotation marks."""
    plain = composed(text).translate(_PLAIN)
    return " ".join(plain.split())


_PLAIN = str.maketrans({"“": '"', "”": '"', "„": '"', "’": "'", "‘": "'", "\u00a0": " "})


def _spans(text: str, code: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield the sentences of a text; a fenced block of code is one sentence."""
    done = 0
    for start, end in sentences(text):
        if start < done:
            continue
        fenced = text.startswith(("```", "~~~"), start)
        done = next((stop for begin, stop in code if fenced and begin == start), end)
        begun = start
        for stop in () if fenced else ends_after_marks(text, start, end):
            yield begun, stop
            begun = end - len(text[stop:end].lstrip())
        yield begun, done


def _leading(text: str, start: int, end: int, code: list[tuple[int, int]]) -> tuple[int, tuple[int, ...]]:
    numbers: tuple[int, ...] = ()
    while not _inside(start, code):
        stop, own = leading_mark(text, start, end)
        if not own:
            break
        numbers += own
        start = stop
        while start < end and text[start] in " \t.,;":
            start += 1
    return start, numbers


def _gap(space: str) -> str:
    breaks = space.count("\n")
    return "\n\n" if breaks > 1 else "\n" if breaks else " "


def _inside(at: int, spans: list[tuple[int, int]], begin: int = 0) -> bool:
    at += begin
    before = bisect_right(spans, (at, 1 << 62))
    return before > 0 and at < spans[before - 1][1]
