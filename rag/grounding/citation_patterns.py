"""Regular expressions for citation marks, in all the forms that language models use, and for what surrounds them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator

OPEN, CLOSE = r"\[【［〔", r"\]】］〕"
_NAMED = (
    r"passages?|sources?|docs?|documents?|chunks?|refs?|references?|citations?|quellen?|fuentes?|来源|资料|文档|文献|段落"
    r"|出典|資料|文書"
)
_WORDS = rf"(?:and|und|y|et|see|cf|pp?|pages?|seiten?|cite|id|{_NAMED})(?![^\W\d_])|L(?=\d)"
# "[1]", "[1, 2]", "[1-3]", "[1][2]", "[[1]]", "[1, [2]]", "【4:0†source】", "[^1]", "[Passage 2, p. 3]", "\\[1\\]": a
# run of brackets that holds digits and only what may be between citation numbers, with the address of a link
# after it. Bounded, so that no text makes it slow.
RUN = re.compile(
    rf"(?:<sup>)?\\?[{OPEN}](?=[^\n{CLOSE}]{{0,160}}[{CLOSE}])"
    rf"(?:[{OPEN}{CLOSE}\s\d,;:^#&†_、，\\–-]|(?<=p)\.|{_WORDS}){{0,160}}[{CLOSE}]"
    r"(?:</sup>)?(?:\([^()\s]{0,2000}\)"
    rf"[{CLOSE}]?)?",
    re.IGNORECASE,
)
_LIST = r"\d{1,2}(?:\s?[,;&–-]\s?\d{1,2}){0,9}"
_AFTER_WORD = '(?:(?<=[^\\W\\d_]{4})|(?<=[.!?…,;:)"”’»。！？，、]))'
# "<sup>1</sup>" and "¹", as in print: after a word or a stop, so that m² and 10³ stay.
_RAISED = re.compile(
    rf"{_AFTER_WORD}\s?(?:<sup>\s?({_LIST})\s?</sup>|([¹²³⁰⁴-⁹]{{1,2}}(?:[,˒][¹²³⁰⁴-⁹]{{1,2}})*))", re.IGNORECASE
)
# "(1)" and "（1）" at the end of a clause, after a word: models that were shown no other form write so.
_ROUND = re.compile(r"(?<=[^\W\d])\s?[(（](\d{1,2})[)）](?=\s*(?:[.,;:!?。，！？]|$))")
_COUNTED = re.compile(
    r"\b(?:sections?|subsections?|articles?|art|paragraphs?|para|clauses?|items?|steps?|points?|figures?|fig|tables?"
    r"|equations?|eqs?|rules?|options?|cases?|types?|absatz|abs|satz|nummer|nr|no)\.?$",
    re.IGNORECASE,
)
# "(passage 1)", "(see sources 1 and 2)".
_ROUND_NAMED = re.compile(
    rf"\s?[(（]\s?(?:(?:see|from|cf\.?|siehe)\s)?(?:{_NAMED})(?![^\W\d_])\s?[:#]?\s?"
    rf"(\d{{1,2}}(?:\s?(?:[,;&–-]|and|und|et|y)\s?(?:(?:{_NAMED})\s?)?\d{{1,2}}){{0,9}})\s?[)）]",
    re.IGNORECASE,
)
# "According to passage 1, ..." and "Passage 1 says that ...": the prompt numbers passages, the reader never saw it.
_TAKEN = "\0"
"""Takes the place of a mark until what surrounded it is removed too."""
_ONE = rf"(?:\d{{1,2}}|{_TAKEN})"
_PASSAGES = rf"(?:(?:the\s)?passages?\s?{_ONE}|{_TAKEN})(?:\s?(?:,|and|&|,\sand)\s?{_ONE}){{0,9}}"
_LEADING_IN = re.compile(
    rf"([-*•]\s|\d{{1,2}}[.)]\s)?(?:(?:according\sto|as\s(?:stated|described|mentioned|explained|noted)\sin|as\sper|based\son|per|from|in)\s{_PASSAGES},\s"
    rf"|{_PASSAGES}\s(?:says?|states?|mentions?|explains?|notes?|indicates?|reports?|describes?)\sthat\s)(?=\w)",
    re.IGNORECASE,
)
_NO_NUMBER = re.compile(r"\b(?:pp?\.?|pages?|seiten?)\s*\d+(?:\s*[–-]\s*\d+)?|\(.*\Z", re.IGNORECASE)
_NUMBER = re.compile(
    r"(\d{1,9})(?::\d{1,4}(?=†))?(?:†(?:source|L\d+(?:[–-]L\d+)?)?)?(?:\s*[–-]\s*(\d{1,9}))?", re.IGNORECASE
)
_WIDEST = 20
_CITE_START = "[cite_start]"
"""Gemini writes it before a sentence that ends with ``[cite: 1]``."""
_EMPTIED = re.compile(
    rf"[(（]\s?(?:(?:see|from|cf\.?|siehe|{_NAMED})\s?:?\s?)?{_TAKEN}[{_TAKEN}\s,;&]{{0,40}}[)）]"
    rf"|(\*{{1,3}}|_{{1,3}}|\^)\s?{_TAKEN}[{_TAKEN}\s,]{{0,40}}\1|\$?\^\{{{_TAKEN}{{1,9}}\}}\$?"
    rf"|<sup>\s?{_TAKEN}[{_TAKEN}\s,]{{0,40}}</sup>|\[cite_start\]",
    re.IGNORECASE,
)
_SPACE_BEFORE = re.compile(rf"[ \t]*{_TAKEN}+(?=[.,;:!?)。，、！？؟،।\s]|\Z)")
_BETWEEN = (
    rf"(?:\((?:(?:see|from|cf\.?|{_NAMED})\s?:?\s?)?|\*\*)?"
    rf"(?P<run>{RUN.pattern}|<sup>\s?{_LIST}\s?</sup>|[¹²³⁰⁴-⁹]{{1,2}})(?:\)|\*\*)?"
)
# A mark after the stop and before the next sentence, where no sentence is told to end: "It is hot.[1] It is cold."
_ENDING = re.compile(rf"(?<=[.!?…])[ ]?{_BETWEEN}(?=\s{{1,9}}(?:\[cite_start\])?[^\W\d_])", re.IGNORECASE)
_LEADING = re.compile(_BETWEEN, re.IGNORECASE)
_ALONE = re.compile(rf"\W*(?:see|cited|{_NAMED})\W*{_TAKEN}[{_TAKEN}\W]*\Z", re.IGNORECASE)
"""A sentence that only lists marks: "Sources: [1], [2]"."""
_LISTED_SOURCES = re.compile(
    r"\n[ \t]*(?:(?:#{1,6} |\*\*)?(?:sources?|references?|citations?|bibliography|quellen)(?::|\*\*){0,2}[ \t]*\n\s*"
    r"(?:(?:[-*•] |\d{1,2}\. )?\\?\[\^?\d{1,2}\\?\][^\n]*(?:\n\s*|\Z)){0,40}[-*•\d. \\\[^]{0,8}"
    r"|(?:\[\^?\d{1,2}\]:[^\n]*(?:\n\s*|\Z)){1,40})\Z",
    re.IGNORECASE,
)


def without_listed_sources(text: str) -> str:
    """Return a text without a list of sources at its end, which the answer's own citations replace."""
    return _LISTED_SOURCES.sub("", text)


def unmarked(text: str, is_code: Callable[[int], bool]) -> tuple[str, tuple[int, ...]]:
    """Return a sentence without its marks and the brackets they leave empty, and their numbers.

    Parameters
    ----------
    is_code
        Whether a position in the text is inside code, where nothing is a mark.

    Examples
    --------
    >>> unmarked("It is hot (see [2]).", lambda at: False)
    ('It is hot.', (2,))
    """
    numbers: list[int] = []

    def take(found: re.Match[str]) -> str:
        own = numbers_in(found[0])
        if not own or is_code(found.start()):
            return found[0]
        numbers.extend(own)
        return _TAKEN

    bare = RUN.sub(take, text.replace(_TAKEN, ""))
    if "`" not in bare:  # else places have moved, and what follows is rare beside code
        bare = _without_rare(bare, numbers)
    if not numbers:
        return bare.replace(_CITE_START, "").strip(), ()
    if _ALONE.match(bare):
        return "", tuple(dict.fromkeys(numbers))
    bare = _EMPTIED.sub(_TAKEN, bare)
    return _SPACE_BEFORE.sub("", bare).replace(_TAKEN, "").strip(), tuple(dict.fromkeys(numbers))


def ends_after_marks(text: str, start: int, end: int) -> Iterator[int]:
    """Yield the places in a span at which a sentence ends with marks after its stop."""
    for found in _ENDING.finditer(text, start, end):
        following = text[found.end() :].lstrip().removeprefix(_CITE_START)
        if not following[:1].islower() and numbers_in(found["run"]):
            yield found.end()


def leading_mark(text: str, start: int, end: int) -> tuple[int, tuple[int, ...]]:
    """Return the end of the mark at the beginning of a span, and its numbers; no numbers if there is no mark."""
    found = _LEADING.match(text, start, end)
    return (found.end(), numbers_in(found["run"])) if found else (start, ())


def numbers_in(run: str) -> tuple[int, ...]:
    """Return the numbers of a mark; a range gives all its numbers."""
    numbers: list[int] = []
    for match in _NUMBER.finditer(_NO_NUMBER.sub("", unicodedata.normalize("NFKC", run))):
        first, last = int(match[1]), int(match[2] or match[1])
        numbers += range(first, last + 1) if first <= last <= first + _WIDEST else (first, last)
    return tuple(dict.fromkeys(numbers))


def _without_rare(text: str, numbers: list[int]) -> str:
    """Remove the marks that are not square brackets."""

    def take(found: re.Match[str]) -> str:
        digits = next(group for group in found.groups() if group)
        numbers.extend(numbers_in(digits))
        return _TAKEN

    if led := _LEADING_IN.match(text):
        numbers.extend(numbers_in(led[0].removeprefix(led[1] or "")))
        text = (led[1] or "") + text[led.end()].upper() + text[led.end() + 1 :] + _TAKEN
    text = _RAISED.sub(take, _ROUND_NAMED.sub(take, text))
    if numbers:
        return text
    return _ROUND.sub(
        lambda found: found[0] if _COUNTED.search(text, max(0, found.start() - 16), found.start()) else take(found),
        text,
    )
