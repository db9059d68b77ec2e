"""Numbers of lists and headings in DOCX files, which are not in their text."""

from __future__ import annotations

import re
from collections import defaultdict

from .office import Package
from .xml_text import Element, attribute, local

_ROMAN = ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x"),
          (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))  # fmt: skip
_MAX_LEVEL = 9


class Numbering:
    """Counts the paragraphs of each list, level by level."""

    def __init__(self, package: Package) -> None:
        abstract: dict[str, dict[int, Element]] = {}
        self._lists: dict[str, str] = {}
        for tree in package.related(package.main, "numbering"):
            for node in tree:
                own = attribute(node, "abstractNumId")
                if local(node.tag) == "abstractNum":
                    abstract[own] = {
                        int(level): lvl
                        for lvl in node.iterchildren("{*}lvl")
                        if (level := attribute(lvl, "ilvl") or "0").isdecimal()
                    }
                elif local(node.tag) == "num":
                    for child in node.iterchildren("{*}abstractNumId"):
                        self._lists[attribute(node, "numId")] = attribute(child, "val")
        self._levels = abstract
        self._counts: defaultdict[str, list[int | None]] = defaultdict(lambda: [None] * _MAX_LEVEL)

    def label(self, place: tuple[str, int] | None) -> str | None:
        """Return what stands before the next paragraph of a list; "-" for bullets, None outside of lists."""
        if place is None or not 0 <= place[1] < _MAX_LEVEL:
            return None
        number, level = place
        name = self._lists.get(number, "")
        levels = self._levels.get(name, {})
        if level not in levels or _child(levels[level], "numFmt") in ("bullet", "none", ""):
            return "-" if number in self._lists else None
        counts = self._counts[name]
        now = counts[level]
        counts[level] = now + 1 if now is not None else _start(levels[level])
        counts[level + 1 :] = [None] * (_MAX_LEVEL - level - 1)

        def value(match: re.Match[str]) -> str:
            at = int(match[1]) - 1
            if at not in levels:
                return ""
            count = counts[at]
            return _shown(count if count is not None else _start(levels[at]), _child(levels[at], "numFmt"))

        return re.sub(r"%([1-9])", value, _child(levels[level], "lvlText")) or None


def _child(level: Element, tag: str) -> str:
    return next((attribute(child, "val") for child in level.iterchildren(f"{{*}}{tag}")), "")


def _start(level: Element) -> int:
    start = _child(level, "start")
    return int(start) if start.isdecimal() and len(start) < 6 else 1


def _shown(number: int, form: str) -> str:
    if form.endswith("Letter") and 0 < number < 700:
        text = chr(97 + (number - 1) % 26) * ((number - 1) // 26 + 1)
    elif form.endswith("Roman") and 0 < number < 4000:
        text = ""
        for value, letters in _ROMAN:
            text += letters * (number // value)
            number %= value
    else:
        return f"{number:02}" if form == "decimalZero" else str(number)
    return text.upper() if form.startswith("upper") else text
