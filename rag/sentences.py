"""Split a text into sentences by rules, as exact spans that can be quoted verbatim.

The lists here serve English, and what is written alike elsewhere; other languages add theirs (`rag.languages`). Where a
word is an abbreviation in one of them alone, the text's own language is asked for, and else never.

Two steps: separate lines (headings, list items, table rows, paragraphs) are told from lines that a
writer merely wrapped; then each of these blocks is cut where a sentence ends. Every rule looks at a bounded number of
characters, so the time is linear in the text, whatever the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from .languages import RULES, language, rules

Span = tuple[int, int]


def _listed(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Followed by a name or number: never the end of a sentence.
_BEFORE_NAME = _listed(
    "mr mrs ms dr prof rev fr gen col maj sgt capt lt cmdr adm hon sen rep gov pres messrs mme mlle mgr st mt ft "
    "vs v proc natl acad biol appl soc assoc eur int e.g i.e eg ie cf viz fig figs eq eqs approx resp "
    "dipl ing sra srta dra z.b d.h u.a bzw p.ej"
)
# Abbreviations only where a number follows.
_BEFORE_NUMBER = _listed("no nos nr vol vols p pp sec sect ch chap art ref refs par c ca b d n pl tab")
# May end a sentence: they do where the next word is one that sentences start with.
_EITHER = _listed(
    "etc max min inc ltd corp co jr sr bros esq al dept univ assn ave blvd rd est ed eds jan feb mar apr jun jul aug "
    "sep chem sci med res phys sept oct nov dec mon tue tues wed thu thurs fri sat sun ph.d m.d b.a m.a b.sc m.sc sp "
    "spp subsp op cit ibid"
)
_STARTERS = _listed(
    "the a an this that these those it its he she they we you i his her their our my there here in on at by for "
    "from with as if when while where after before during since although though because however but and or so yet "
    "then thus therefore also both each all some many most no not one two what who why how which is are was were "
    "do does did can could will would should may to of under over between among such other another further "
    "furthermore moreover finally first second next later today according despite unlike using based our to"
)
_GERMAN_MONTHS = _listed("Januar Februar März April Mai Juni Juli August September Oktober November Dezember")

# Words that a single letter or numeral completes.
_LETTERED = _listed(
    "type class vitamin phase stage grade group category hepatitis figure table appendix part section metaphase "
    "war panel level point factor protein complex model chapter volume influenza schedule option plan"
)

_CLOSERS = "\"'”’»›)\\]}*_`」』）》】〉"
_OPENERS = "\"'“‘«‹(\\[{*_`¿¡„「『（《【〈"
# A run of stops with what closes after it; never fails once begun, so a scan cannot start over inside a run.
_STOP = re.compile(rf"([.!?…]+|[。！？｡؟۔।॥።։။។‼⁇⁈⁉]+)([{_CLOSERS}]*(?:\[[\w ]{{1,20}}\])*(?:[^\S\n][\"”»](?=\s|$))?)")
_FREE_STOPS = frozenset("。！？｡؟۔।॥።։။។‼⁇⁈⁉")  # need no space after them
_NEXT = re.compile(rf"(\s*)((?:«[ \u00a0\u202f])?[{_OPENERS}]*)((?:[^\W\d_]['’]?){{0,15}})")
_LAST_WORD = re.compile(r"[^\W_]+(?:\.[^\W_]+)*$")
_WORD_BEFORE = re.compile(r"([^\W_]+)([- ])$")
_YEAR = re.compile(r"\d{4};")  # JAMA. 2000;284:993
_WORD = re.compile(r"[^\W_]")
_QUOTE_GOES_ON = frozenset("とっのはがをにでも")
_BRACKET = re.compile("[（「『【《〈“]|[）」』】》〉”]")
_OPENING = frozenset("（「『【《〈“")
_LONGEST_ASIDE = 300
_LOOK_BACK = 24
_ELSEWHERE = frozenset().union(*(each.abbreviations | each.before_number | each.may_end for each in RULES.values()))
_ENDINGS = tuple(ending for each in RULES.values() for ending in each.before_number_endings)

_BLANK_LINE = re.compile(r"\n[^\S\n]*+\n\s*|[\f\u2029]\s*")
_FENCE = re.compile(r"^[ \t]*(```|~~~)[^\n]*", re.MULTILINE)
_MARKED = re.compile(
    r"[-*+•‣◦▪·–—][ \t]|\(?(?:\d{1,3}|[a-zA-Z]|[ivx]{1,4})[.)][ \t]|#{1,6}[ \t]|[|>]"
    r"|///|:::|\.\. |<[a-zA-Z/!]|!!!|\[\^?\w{1,20}\]:"
)
_ALONE = re.compile(r"#{1,6}[ \t]|\||///|:::|<[^\n]*>[ \t]*$|\{\*[^\n]*\*\}[ \t]*$")
_ROW = re.compile(r"\||[^\n`]{1,200} \| ")  # of a table
_VALUE = re.compile(r"[($€£¥+-]{0,3}\d[\d.,'’]*\d?[%)]{0,2}|[-–—]|n/?a", re.IGNORECASE)
_MONEY = _listed("$ € £ ¥ usd eur gbp chf % )")
_LONGEST_ROW = 200
_RULE = re.compile(r"([=\-~^\"'*+#_`])\1{2,}[ \t]*$")
_NARROW = 30


def sentences(text: str) -> list[Span]:
    """Split text into sentences.

    Parameters
    ----------
    text
        Any text; Markdown, reStructuredText and wrapped plain text are understood.

    Returns
    -------
    list of (start, end)
        Half-open character spans, ascending, disjoint, without white space at their ends. Together they hold every
        character that is not white space. A sentence is never cut for its length.

    Notes
    -----
    A blank line always ends a sentence. So does the line before a list item, heading or table row, and a line that
    is far shorter than its neighbours when a capital follows. Code between fences is one span per paragraph.

    Examples
    --------
    >>> text = "Dr. Smith paid 3.5 million. Did he? Yes."
    >>> [text[start:end] for start, end in sentences(text)]
    ['Dr. Smith paid 3.5 million.', 'Did he?', 'Yes.']
    """
    spans: list[Span] = []
    for start, end, is_code in _regions(text):
        for paragraph in _paragraphs(text, start, end):
            if is_code:
                spans.append(paragraph)
                continue
            for block in _blocks(text, *paragraph):
                if _ROW.match(text, *block):
                    spans.append(block)
                else:
                    _cut(text, *block, spans)
    return spans


def _regions(text: str) -> Iterator[tuple[int, int, bool]]:
    """Yield prose and fenced code in turn; a fence that nothing closes is prose."""
    done = 0
    opened: re.Match[str] | None = None
    for fence in _FENCE.finditer(text):
        if opened is None:
            opened = fence
        elif fence[1] == opened[1]:
            yield done, opened.start(), False
            yield opened.start(), fence.end(), True
            done, opened = fence.end(), None
    yield done, len(text), False


def _paragraphs(text: str, start: int, end: int) -> Iterator[Span]:
    for gap in _BLANK_LINE.finditer(text, start, end):
        yield from _stripped(text, start, gap.start())
        start = gap.end()
    yield from _stripped(text, start, end)


def _stripped(text: str, start: int, end: int) -> Iterator[Span]:
    part = text[start:end]
    left = len(part) - len(part.lstrip())
    kept = part.strip()
    if kept:
        yield start + left, start + left + len(kept)


def _blocks(text: str, start: int, end: int) -> Iterator[Span]:
    """Split a paragraph at the line ends that are more than wrapping."""
    if text.find("\n", start, end) < 0:
        yield start, end
        return
    lines = text[start:end].split("\n")
    width = max(map(len, lines))
    position = begun = start
    for line, following in pairwise(lines):
        position += len(line) + 1
        if _ends_block(line, following.strip(), width):
            yield from _stripped(text, begun, position)
            begun = position
    yield from _stripped(text, begun, end)


def _ends_block(line: str, following: str, width: int) -> bool:
    if _MARKED.match(following) or _ROW.match(following):
        return True
    bare = line.strip()
    if _RULE.match(following):
        return bool(_RULE.match(bare))
    if _RULE.match(bare) or _ALONE.match(bare) or line.endswith(("  ", "\\")) or "\t" in bare or _ROW.match(bare):
        return True
    if _is_row_of_figures(bare) or _is_row_of_figures(following):
        return True
    capital = not following[:1].islower() and following[:1].isalpha()
    return capital and (width < _NARROW or len(line) < 0.6 * width)


def figures(line: str) -> list[str]:
    """Return the values that a line ends with, as a row of a table without bars does: ``Revenue 4,512 (12) 5,011``."""
    values: list[str] = []
    for word in reversed(line[-_LONGEST_ROW:].split()):
        if _VALUE.fullmatch(word):
            values.append(word)
        elif word.lower() not in _MONEY:
            break
    return values[::-1]


def _is_row_of_figures(line: str) -> bool:
    """Tell whether a line is a row of a table: words, then two values at least."""
    if len(line) > _LONGEST_ROW or not (line[-1:].isdigit() or line[-1:] in ")%-–—"):
        return False
    values = figures(line)
    return len(values) > 1 and any(value[-1:].isdigit() for value in values) and not line.startswith(values[0])


def _cut(text: str, start: int, end: int, spans: list[Span]) -> None:
    """Append the sentences of a block."""
    for stop in _STOP.finditer(text, start, end):
        if stop.end() >= end:
            break
        after = _NEXT.match(text, stop.end(), end)
        if after and _is_end(text, start, stop, after, end) and _WORD.search(text, start, stop.start()):
            spans.append((start, stop.end()))
            start = stop.end() + len(after[1])
    if start < end:
        spans.append((start, end))


def _is_end(text: str, start: int, stop: re.Match[str], after: re.Match[str], end: int) -> bool:
    marks, closers = stop[1], stop[2]
    space, openers, word = after.groups()
    if marks[0] in _FREE_STOPS:
        goes_on = closers and not space and word[:1] in _QUOTE_GOES_ON
        return not goes_on and not _is_inside(text, start, stop.end(), end)
    if not space:
        return False
    first = text[after.start(3) : after.start(3) + 1] if after.start(3) < end else ""
    if not first.isalnum() and not (first and first in "#$€£@<"):
        return False
    if first.islower() and "`" not in openers and not _is_symbol(text, after):
        return False
    if len(marks) > 1 or marks == "…":
        return not (first.isdigit() and marks[-1] in ".…")
    return marks != "." or not _is_abbreviation(text, start, stop, after)


def _is_inside(text: str, start: int, at: int, end: int) -> bool:
    """Tell whether a place is between brackets or quotation marks that are closed soon: （…。…）, 「…。…」."""
    depth = 0
    for mark in _BRACKET.finditer(text, max(start, at - _LONGEST_ASIDE), at):
        depth = depth + 1 if mark[0] in _OPENING else max(0, depth - 1)
    closing = _BRACKET.search(text, at, min(end, at + _LONGEST_ASIDE)) if depth else None
    return closing is not None and closing[0] not in _OPENING


def _is_symbol(text: str, after: re.Match[str]) -> bool:
    """Tell whether the word is one like p53, mRNA or iPhone, which start sentences as they are."""
    head = text[after.start(3) : after.start(3) + 4].split(" ", 1)[0]
    return any(char.isupper() or char.isdigit() for char in head)


def _is_abbreviation(text: str, start: int, stop: re.Match[str], after: re.Match[str]) -> bool:
    """Tell whether the full stop belongs to the word before it and the sentence goes on."""
    dot = stop.start()
    found = _LAST_WORD.search(text, max(start, dot - _LOOK_BACK), dot)
    if not found or (found.start() == start and len(found[0]) <= 3 and (found[0].isdigit() or len(found[0]) == 1)):
        return found is not None  # the number of a list item
    last, word = found[0], after[3]
    numbered = text[after.start(3)].isdigit()
    if last.isdigit():
        return (last == "0" and numbered) or (len(last) <= 2 and _is_ordinal(text, start, found.start(), word))
    folded = last.lower() if len(last) > 1 else last
    in_brackets = (
        text[found.start() - 1 : found.start()] == "(" and found.start() > start and not stop[2]
    )  # (approx. 3)
    before_number = numbered and (folded in _BEFORE_NUMBER or _YEAR.match(text, after.start(3)))
    if folded in _BEFORE_NAME or before_number or in_brackets:
        return True
    if folded in _EITHER or _is_initials(text, start, found):
        begins = word.lower() in _STARTERS or (len(last) > 1 and word.lower() in rules(language(text)).starters)
        return stop[2][:1] == ")" or not begins
    if len(last) == 1 and "\u0590" <= last <= "\u08ff":  # Hebrew and Arabic, where a mark may part a word's last letter
        return found.start() == start or text[found.start() - 1] in " (\u00a0"
    return _is_own_abbreviation(text, folded, word.lower(), numbered=numbered)


def _is_own_abbreviation(text: str, last: str, word: str, *, numbered: bool) -> bool:
    """Tell whether a word is an abbreviation in the text's own language."""
    letter = len(last) == 1 and last.islower()
    if not (letter or last in _ELSEWHERE or last.endswith(_ENDINGS)):
        return False
    own = rules(language(text))
    if last in own.abbreviations:
        return True
    if numbered and (last in own.before_number or last.endswith(own.before_number_endings)):
        return True
    return (last in own.may_end or (letter and bool(own.starters))) and word not in own.starters


def _is_ordinal(text: str, start: int, at: int, word: str) -> bool:
    """Tell whether a number with a full stop counts what follows: the 19. Jahrhundert."""
    if word in _GERMAN_MONTHS:
        return True
    own = rules(language(text))
    return (
        bool(own.ordinal)
        and word.lower() not in own.starters
        and bool(re.search(own.ordinal, text[max(start, at - 12) : at], re.IGNORECASE))
    )


def _is_initials(text: str, start: int, found: re.Match[str]) -> bool:
    """J. (Smith) or U.S., but not Hi-C., vitamin C. or World War I."""
    word = found[0]
    if len(word) > 1:
        return len(word) > 2 and all(len(part) == 1 for part in word.split("."))
    before = _WORD_BEFORE.search(text, max(start, found.start() - _LOOK_BACK), found.start())
    return word.isupper() and not (before and (before[2] == "-" or before[1].lower() in _LETTERED))
