"""Running headers, footers and page numbers: lines at the edges of pages that other pages repeat."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence

from .pdf_lines import HYPHEN

_EDGE, _SHARE = 3, 6  # lines at the top and at the bottom that may be running ones: so many, and one in so many
_FEWEST = 3
_NEAR = 2
_WORDS = 3  # of a line with a page number: fewer may be the title of a record, as in "Berth 3"
_DIGITS = 6
_NUMBER = re.compile(r"\d+")
_WORD = re.compile(r"[^\W\d_]{2,}")
_PAGE_WORDS = frozenset({
    "page", "pages", "seite", "von", "of", "de", "di", "del", "la", "página", "pagina", "pág", "side", "sida", "av",
    "af", "strona", "из", "стр", "страница", "sayfa", "oldal", "van", "sur",
})  # fmt: skip


def running_lines(pages: Sequence[Sequence[str]]) -> list[dict[int, str]]:
    """Find the running lines of each page.

    Parameters
    ----------
    pages
        The lines of each page, none of them empty.

    Returns
    -------
    list of dict of int to str
        Of each page the indices of these lines, with a key: lines of one key say the same, but for the page's number.
        The key is empty for lines that say nothing but the number.
    """
    if len(pages) < 2:
        return [{} for _ in pages]
    offsets = _offsets(pages)
    edges = [{i: _key(lines[i], number, offsets) for i in _edges(lines)} for number, lines in enumerate(pages)]
    where: defaultdict[str, list[int]] = defaultdict(list)
    for number, keys in enumerate(edges):
        for key in set(keys.values()):
            where[key].append(number)
    fewest = min(_FEWEST, len(pages))
    found = []
    for number, (keys, lines) in enumerate(zip(edges, pages, strict=True)):
        known = {i: _said(key) for i, key in keys.items() if _repeated(where.get(key, []), number, fewest)}
        outer = _outermost(known, len(lines))
        if len(outer) == len(lines):  # the page has no other text
            outer = [i for i in outer if not known[i]]
        found.append({i: known[i] for i in outer})
    return found


def _edges(lines: Sequence[str]) -> list[int]:
    """Return the indices of lines near the page's edges; those that end within a word are none."""
    zone = min(_EDGE, max(1, len(lines) // _SHARE))
    near = [i for i in range(len(lines)) if i < zone or i >= len(lines) - zone]
    return [i for i in near if not lines[i].endswith(HYPHEN)]


def _key(line: str, page: int, offsets: set[int]) -> str:
    """Return what a line says, the page's number put out, unless too little would be left to tell it by."""
    exact = " ".join(line.casefold().split())
    own = next((m for m in _NUMBER.finditer(exact) if len(m[0]) < _DIGITS and int(m[0]) - page in offsets), None)
    key = f"{exact[: own.start()]}#{exact[own.end() :]}" if own else exact
    words = [word for word in _WORD.findall(key) if word not in _PAGE_WORDS]
    return exact if 0 < len(words) < _WORDS else key


def _said(key: str) -> str:
    return key if any(word not in _PAGE_WORDS for word in _WORD.findall(key)) else ""


def _offsets(pages: Sequence[Sequence[str]]) -> set[int]:
    """Return by how much the numbers at the edges run ahead of the pages, if they run with them."""
    counts = Counter(
        int(digits) - number
        for number, lines in enumerate(pages)
        for digits in {d for i in _edges(lines) for d in _NUMBER.findall(lines[i]) if len(d) < _DIGITS}
    )
    return {offset for offset, count in counts.items() if count >= min(_FEWEST, len(pages))}


def _repeated(pages: list[int], number: int, fewest: int) -> bool:
    """Say whether a line of these pages is repeated, and near this one."""
    return len(pages) >= fewest and any(0 < abs(other - number) <= _NEAR for other in pages)


def _outermost(known: dict[int, str], count: int) -> list[int]:
    """Return those of the lines that nothing but such lines parts from the page's edge."""
    top = next((i for i in range(count) if i not in known), count)
    bottom = next((i for i in range(count - 1, -1, -1) if i not in known), -1)
    return [i for i in known if i < top or i > bottom]
