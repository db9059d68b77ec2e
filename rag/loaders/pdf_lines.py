"""Lines of printed pages become text again: hyphens at line ends, line ends inside paragraphs, ends of pages."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Sequence
from functools import cache

from .common_words import language_by_words

HYPHEN = "\ufffe"
"""What PDFium puts in place of a hyphen that ends a line; it takes the line end away."""

_PIECES = re.compile(rf"(?:[^\W_]|[-'’.])+{HYPHEN}[^\W_]+")
_LETTERS = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_BULLET = re.compile(r"[•▪●◦‣–—*-]\s|\(?[\dA-Za-z]{1,3}[.)]\s|\[\d+\]")
_HYPHENATING = frozenset({"en", "es", "fr", "it", "pt"})
_SAMPLE = 20_000
_ENDS = frozenset('.!?:…。！？"”»)]')
_SHORTEST_FULL = 40


class Hyphens:
    """Decides whether a hyphen at a line's end belongs to the word: price-determining, but climate.

    Parameters
    ----------
    texts
        Of the whole document, whose words show how it writes them.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        whole = [
            _PIECES.sub(" ", text.replace(f"{HYPHEN}\n", HYPHEN)) for text in texts
        ]  # the halves of a word are no words that the document uses
        self._seen = {word.lower() for text in whole for word in _LETTERS.findall(text)}
        self._language = language_by_words(" ".join(whole)[:_SAMPLE])

    def mend(self, text: str) -> str:
        """Return a text without marks of hyphens at line ends."""
        return _PIECES.sub(self._joined, text).replace(HYPHEN, "-") if HYPHEN in text else text

    def ending(self, text: str, following: str) -> str | None:
        """Return a page's text with its last hyphen kept or dropped, as its word goes on in the next page's line."""
        if not text.endswith(HYPHEN):
            return None
        word, rest = re.split(r"\s", text)[-1], re.match(r"[^\W_]*", following)
        mended = self.mend(word + (rest[0] if rest else ""))
        return text[:-1] + ("-" if mended.startswith(f"{word[:-1]}-") else "")

    def _joined(self, match: re.Match[str]) -> str:
        left, _, right = match[0].partition(HYPHEN)
        last = re.split(r"[-'’.]", left)[-1]
        return f"{left}-{right}" if self._is_compound(last, right) else left + right

    def _is_compound(self, left: str, right: str) -> bool:
        if not left or left[-1:].isdigit() or right[0].isdigit() or (right[0].isupper() and not left.isupper()):
            return True
        whole, parts = (left + right).lower(), {left.lower(), right.lower()}
        if f"{left}-{right}".lower() in self._seen:
            return True
        known = _dictionary(self._language)
        if known is None or whole in self._seen or whole in known:
            return False
        return all(part in self._seen or part in known for part in parts)


@cache
def _dictionary(code: str) -> Container[str] | None:
    """Return the words of a language whose compounds keep their hyphen; None for others, which write them as one."""
    if code not in _HYPHENATING:
        return None
    try:
        from spellchecker import SpellChecker
    except ModuleNotFoundError:
        return frozenset()
    words: Container[str] = SpellChecker(language=code, distance=1).word_frequency
    return words


def page_lines(text: str) -> list[str]:
    """Return the lines of a page's text as PDFium gives it."""
    text = re.sub("[\ufffe\x02](?:\r?\n)?", f"{HYPHEN}\n", text).replace("\u00ad", "")
    return [line.strip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]


def rejoin(lines: Sequence[str]) -> str:
    """Undo the line ends inside paragraphs.

    A line that is nearly as long as the page's long lines goes on in the next one, unless that begins like a list item
    or either looks like a row of a table.
    """
    full = _full(lines)
    out: list[str] = []
    before = ""
    for line in lines:
        joined = bool(out) and bool(line) and (out[-1].endswith(HYPHEN) or _joins_number(out[-1], line))
        if joined:
            out.append(line)
        elif line and not _begins(line) and (len(before) >= full or _goes_on(before, line)):
            out.append(" " + line)
        else:
            out.append("\n" + line)
        before = "" if _tabular(line) else before + line if joined else line
    return "".join(out).strip("\n")


def _joins_number(before: str, line: str) -> bool:
    """Say whether a line end parts a span of numbers, as in 2019-2024."""
    return bool(re.search(r"\d[-–]$", before) and line[0].isdigit())


def _begins(line: str) -> bool:
    return bool(_BULLET.match(line)) or _tabular(line)


def _goes_on(before: str, line: str) -> bool:
    """Say whether a line that is not full goes on in the next one."""
    return len(before) >= _SHORTEST_FULL and before[-1] not in _ENDS and line[0].islower()


def _tabular(line: str) -> bool:
    return sum(map(str.isdecimal, line)) > 0.3 * len(line)


def _full(lines: Sequence[str]) -> float:
    """Return the length from which on a line counts as full."""
    lengths = sorted(map(len, lines)) or [0]
    return max(0.75 * lengths[int(0.9 * (len(lengths) - 1))], _SHORTEST_FULL)


def runs_on(lines: Sequence[str], following: Sequence[str]) -> bool:
    """Say whether a sentence at the end of a page goes on at the beginning of the next one."""
    if not lines or not following:
        return False
    last, first = lines[-1], following[0]
    if last.endswith(HYPHEN):
        return True
    if last[-1] in _ENDS or _tabular(last) or _begins(first):
        return False
    return _goes_on(last, first) or (len(last) >= _full(lines) and len(first) >= _full(following))
