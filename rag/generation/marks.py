"""The citation marks and quotations in a language model's text, in all the shapes that models give them."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ..sentences import sentences
from .words import composed

# "[1]", "[1, 2]", "[1-3]", "[1][2]", "[[1]]", "[1, [2]]", "【4:0†source】", "[^1]", "[Passage 2, p. 3]", "\\[1\\]": a
# run of brackets that holds digits and nothing but what stands between citation numbers, with the address of a link
# after it. Bounded, so that no text makes it slow.
_OPEN, _CLOSE = r"\[【［〔", r"\]】］〕"
_WORDS = (
    r"(?:and|und|y|et|see|cf|pp?|pages?|seiten?|passages?|sources?|docs?|documents?|chunks?|refs?|references?|citations?"
    r"|quellen?|fuentes?)(?![^\W\d_])|L(?=\d)|来源|资料|文档|文献|段落|出典|資料|文書"
)
_RUN = re.compile(
    rf"(?:<sup>)?\\?[{_OPEN}](?=[^\n{_CLOSE}]{{0,160}}[{_CLOSE}])"
    rf"(?:[{_OPEN}{_CLOSE}\s\d,;:^#&†_、，\\–-]|(?<=p)\.|{_WORDS}){{0,160}}[{_CLOSE}]"
    r"(?:</sup>)?(?:\([^()\s]{0,2000}\)"
    rf"[{_CLOSE}]?)?",
    re.IGNORECASE,
)
# "(1)" and "（1）" at the end of a clause, after a word: models that were shown no other form write so.
_ROUND = re.compile(r"(?<=[^\W\d])\s?[(（](\d{1,2})[)）](?=\s*(?:[.,;:!?。，！？]|$))")
_COUNTED = re.compile(
    r"\b(?:sections?|subsections?|articles?|art|paragraphs?|para|clauses?|items?|steps?|points?|figures?|fig|tables?"
    r"|equations?|eqs?|rules?|options?|cases?|types?|absatz|abs|satz|nummer|nr|no)\.?$",
    re.IGNORECASE,
)
_NO_NUMBER = re.compile(r"\b(?:pp?\.?|pages?|seiten?)\s*\d+(?:\s*[–-]\s*\d+)?|\(.*\Z", re.IGNORECASE)
_NUMBER = re.compile(
    r"(\d{1,9})(?::\d{1,4}(?=†))?(?:†(?:source|L\d+(?:[–-]L\d+)?)?)?(?:\s*[–-]\s*(\d{1,9}))?", re.IGNORECASE
)
_CODE = re.compile(r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)|`[^`\n]{1,300}`", re.DOTALL)
_FENCE = re.compile(r"^[ \t]*(?:```|~~~)", re.MULTILINE)
_CUT_MARK = re.compile(rf"\\?[{_OPEN}][^\n{_CLOSE}]{{0,24}}\Z")
_OPEN_MARK = re.compile(rf"\\?[{_OPEN}][^\n{_CLOSE}]{{0,24}}(?:[{_CLOSE}]+(?:\([^()\s]{{0,2000}})?)?\Z")
_QUOTATION = re.compile(r'"([^"\n]{1,2000})"|“([^“”\n]{1,2000})”|«\s?([^«»\n]{1,2000}?)\s?»|„([^„“”\n]{1,2000})[“”]')
_STOPS = (".", "!", "?", "…", "。", "！", "？", "｡", "؟", "۔", "।", "॥")
_CLOSERS = "\"'”’»)*_`」』） "
_WIDEST = 20
_QUOTE_WORDS = 4


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence of a model's text.

    Attributes
    ----------
    text
        Without its citation marks.
    cited
        The numbers in its marks, in order, whatever they are worth.
    gap
        What parts it from the sentence before: a space or line breaks.
    end
        Where it ends in the model's text, marks included.
    cut
        The model was cut off in the middle of it.
    """

    text: str
    cited: tuple[int, ...]
    gap: str = " "
    end: int = 0
    cut: bool = False


def said(text: str) -> list[Said]:
    """Split a model's text into sentences and take their marks off.

    Marks that stand before a sentence belong to the one before it. What looks like a mark inside code is code.
    """
    found: list[Said] = []
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
        bare, cited = _bare(text, begin, end, code)
        if bare or cited:
            found.append(Said(bare, cited, gap, end))
    return found


def said_so_far(text: str) -> tuple[list[Said], str]:
    """Split what a model has written so far: the sentences that are whole, marks included, and the rest.

    A sentence is whole when another has begun after it; code is whole when its fence is closed.
    """
    text_now = _OPEN_MARK.sub("", text)  # more of it may come
    fences = list(_FENCE.finditer(text_now))
    if len(fences) % 2:
        text_now = text_now[: fences[-1].start()]
    whole = said(text_now)[:-1]
    done = whole[-1].end if whole else 0
    return whole, text[done:]


def cut_mark(text: str) -> str:
    """Return text without a mark that a broken stream cut in two at its end."""
    return _CUT_MARK.sub("", text)


def cut_off(sentences: list[Said]) -> list[Said]:
    """Return the sentences of a text that was cut off, with the last marked where it does not end."""
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
    """Yield (start, end, words) of what stands in quotation marks and is long enough to be taken for a quote."""
    code = [match.span() for match in _CODE.finditer(text)]
    for match in _QUOTATION.finditer(text):
        words = next(group for group in match.groups() if group is not None)
        if len(words.split()) >= _QUOTE_WORDS and not _inside(match.start(), code):
            yield match.start(), match.end(), words


def folded(text: str) -> str:
    """Return text in the form in which quotes are compared: `composed`, single spaces, plain quotation marks."""
    plain = composed(text).translate(_PLAIN)
    return " ".join(plain.split())


_PLAIN = str.maketrans({"“": '"', "”": '"', "„": '"', "’": "'", "‘": "'", "\u00a0": " "})


def _spans(text: str, code: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield the sentences of a text; a fenced block of code is one."""
    done = 0
    for start, end in sentences(text):
        if start < done:
            continue
        fenced = text.startswith(("```", "~~~"), start)
        done = next((stop for begin, stop in code if fenced and begin == start), end)
        yield start, done


def _leading(text: str, start: int, end: int, code: list[tuple[int, int]]) -> tuple[int, tuple[int, ...]]:
    numbers: tuple[int, ...] = ()
    while (match := _RUN.match(text, start, end)) and not _inside(match.start(), code):
        own = _numbers(match.group())
        if not own:
            break
        numbers += own
        start = match.end()
        while start < end and text[start] in " \t.,;":
            start += 1
    return start, numbers


def _bare(text: str, start: int, end: int, code: list[tuple[int, int]]) -> tuple[str, tuple[int, ...]]:
    """Return a span without its marks, and their numbers."""
    parts: list[str] = []
    numbers: tuple[int, ...] = ()
    at = start
    for match in _RUN.finditer(text, start, end):
        own = _numbers(match.group())
        if not own or _inside(match.start(), code) or match.start() < at:
            continue
        parts.append(text[at : match.start()])
        at = match.end()
        following = text[at : at + 1]
        if not following or following in ".,;:!?)。，、！？؟،।" or following.isspace():
            parts[-1] = parts[-1].rstrip(" \t")
        numbers += own
    parts.append(text[at:end])
    bare = "".join(parts).strip()
    return (bare, numbers) if numbers else _without_round(bare)


def _without_round(text: str) -> tuple[str, tuple[int, ...]]:
    if "`" in text:
        return text, ()
    marks = [
        match for match in _ROUND.finditer(text) if not _COUNTED.search(text, max(0, match.start() - 16), match.start())
    ]
    for match in reversed(marks):
        text = text[: match.start()] + text[match.end() :]
    return text, tuple(dict.fromkeys(int(match[1]) for match in marks))


def _numbers(run: str) -> tuple[int, ...]:
    numbers: list[int] = []
    for match in _NUMBER.finditer(_NO_NUMBER.sub("", run)):
        first, last = int(match[1]), int(match[2] or match[1])
        numbers += range(first, last + 1) if first <= last <= first + _WIDEST else (first, last)
    return tuple(dict.fromkeys(numbers))


def _gap(space: str) -> str:
    breaks = space.count("\n")
    return "\n\n" if breaks > 1 else "\n" if breaks else " "


def _inside(at: int, spans: list[tuple[int, int]]) -> bool:
    before = bisect_right(spans, (at, 1 << 62))
    return before > 0 and at < spans[before - 1][1]
