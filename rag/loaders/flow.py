"""Text from a flow of tags: HTML pages, books, mails and feeds, Markdown, and the HTML inside it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..documents.account import Kind
from .draft import Draft
from .grid import Grid
from .scripts import lowered, raised, written

_LEFT_OUT: dict[str, Kind] = {
    "script": "markup", "style": "markup", "template": "markup", "title": "markup", "noscript": "hidden",
    "annotation": "markup", "annotation-xml": "markup", "select": "form-fields", "datalist": "form-fields",
    "svg": "pictures", "iframe": "unread", "object": "unread", "rp": "markup", "rt": "duplicated",
}  # fmt: skip
_BLOCKS = frozenset({
    "address", "article", "aside", "blockquote", "body", "button", "caption", "center", "dd", "details", "dialog",
    "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "head", "header", "hgroup", "hr", "html",
    "legend", "li", "main", "menu", "nav", "ol", "option", "p", "pre", "search", "section", "summary", "textarea", "ul",
})  # fmt: skip
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_CELLS = frozenset({"td", "th"})
_ROWS = frozenset({"tr", "thead", "tbody", "tfoot"})
_INLINE = frozenset({
    "a", "abbr", "acronym", "area", "audio", "b", "base", "bdi", "bdo", "big", "br", "canvas", "cite", "code", "col",
    "colgroup", "data", "del", "dfn", "em", "embed", "font", "i", "img", "input", "ins", "kbd", "label", "link", "map",
    "mark", "math", "meta", "meter", "nobr", "output", "param", "picture", "progress", "q", "rb", "rt", "ruby", "s",
    "samp", "small", "source", "span", "strike", "strong", "sub", "sup", "table", "time", "track", "tt", "u", "var",
    "video", "wbr",
})  # fmt: skip
TAGS = frozenset({*_LEFT_OUT, *_BLOCKS, *_HEADINGS, *_CELLS, *_ROWS, *_INLINE})
"""Names that are tags in HTML and nothing else."""

_NO_WORDS = frozenset({"hidden", "checkbox", "radio", "image", "file", "password", "color", "range"})
_PERMALINK = re.compile(r"[\u200b\ufeff]|(?:\s#|\s?¶)$")
_SPACE = re.compile(r"\s+")


class Flow:
    """Writes a flow of tags and text into a draft.

    Parameters
    ----------
    marks
        True to show headings as Markdown does, by number signs.
    """

    def __init__(self, draft: Draft, *, marks: bool = False) -> None:
        self._draft = draft
        self._marks = marks
        self._inline: list[str] = []
        self._skipped: list[str] = []
        self._kept_lines = 0
        self._lists: list[int | None] = []
        self._marker = ""
        self._tight = False
        self._tables: list[Grid] = []
        self._cell: list[str] | None = None
        self._span = (False, 1, 1)
        self._thead = False
        self._raised: list[int] = []
        self._linked = False  # a link has just ended: the next one is another word
        self._anchored = False  # inside a link

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Take a start tag, lower case."""
        if self._skipped:
            self._skipped.extend([tag] * (tag == self._skipped[0]))
        elif tag in _LEFT_OUT:
            self._skipped.append(tag)
        elif tag in _CELLS:
            self._begin_cell(tag, attributes)
        elif tag in {"ul", "ol", "menu"}:
            self._begin_list(_number(attributes.get("start"), 1) if tag == "ol" else None)
        elif tag in _BLOCKS or tag in _HEADINGS or tag in _ROWS or tag == "table":
            self._begin_block(tag)
        else:
            self._begin_inline(tag, attributes)

    def _begin_inline(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag in {"sup", "sub"}:
            self._raised.append(len(self._inline))
        elif tag == "br":
            self.line_end()
        elif tag in {"a", "label"}:
            self._anchored = tag == "a"
            self._inline.append(" " * (self._linked or tag == "label"))
        elif tag == "input" and attributes.get("type", "").lower() not in _NO_WORDS:
            self._inline.append(f" {_SPACE.sub(' ', attributes.get('value', ''))} ")
        elif tag == "img" and (alt := attributes.get("alt", "").strip()):
            self._inline.append(f" {_SPACE.sub(' ', alt)} ")

    def end(self, tag: str) -> None:
        """Take an end tag, lower case."""
        if self._skipped:
            if tag == self._skipped[0]:
                self._skipped.pop()
        elif tag in _HEADINGS:
            self._heading(_HEADINGS[tag])
        elif tag in _CELLS:
            self._end_cell()
        elif tag == "table":
            self._end_table()
        elif tag == "thead":
            self._thead = False
        elif tag in {"sup", "sub"} and self._raised:
            self._lift(tag, self._raised.pop())
        elif tag in _BLOCKS:
            self._end_block(tag)
        self._linked = tag in {"a", "label"}
        self._anchored = self._anchored and tag != "a"

    def text(self, text: str | None) -> None:
        """Take text between tags; white space counts as one space, but in ``pre``."""
        if not text:
            return
        if self._skipped:
            self._draft.leave_out(_LEFT_OUT[self._skipped[0]], text)
        else:
            self._linked = False
            self._inline.append(text if self._kept_lines else _SPACE.sub(" ", text))

    def mark(self, marker: str) -> None:
        """Begin the next block with these characters."""
        self.flush()
        self._marker = marker

    def line_end(self) -> None:
        """End a line inside a block."""
        self._inline.append("\n")

    def flush(self) -> None:
        """End a block: its text goes into the draft, or into the open cell of a table."""
        if not self._inline:
            return
        text = written("".join(self._inline))
        self._inline.clear()
        self._raised.clear()
        if self._cell is not None:
            self._cell.extend(text.split())
            self._marker = ""
            return
        flat = text if self._kept_lines else "\n".join(" ".join(line.split()) for line in text.split("\n")).strip()
        if flat.strip():
            marker, self._marker = self._marker, ""
            self._draft.block(marker + flat, gap="\n" if marker or self._tight else "\n\n")
            self._tight = False

    def verbatim(self, text: str) -> None:
        """Add a block as it is."""
        self.flush()
        if self._cell is not None:
            self._cell.extend(text.split())
        else:
            self._draft.block(text)

    def finish(self) -> None:
        """Add what is still open."""
        while self._tables:
            self._end_table()
        self._kept_lines = 0
        self.flush()

    def _begin_list(self, number: int | None) -> None:
        self.flush()
        if self._marks and not self._lists:
            self._draft.part()
        self._lists.append(number)

    def _begin_block(self, tag: str) -> None:
        if self._kept_lines and tag != "pre":
            self._kept_line_end()
            return
        if tag in _ROWS:
            self._end_cell()
        self.flush()
        if tag == "li":
            self._marker = self._next_marker()
        elif tag == "dd":
            self._tight = True
        elif tag == "pre":
            self._kept_lines += 1
        elif tag == "thead":
            self._thead = True
        elif tag == "tr" and self._tables:
            self._tables[-1].row()
        elif tag == "table":
            self._begin_table()

    def _kept_line_end(self) -> None:
        if self._inline and not self._inline[-1].endswith("\n"):
            self.line_end()

    def _next_marker(self) -> str:
        indent = "  " * max(0, len(self._lists) - 1)
        number = self._lists[-1] if self._lists else None
        if number is None:
            return f"{indent}- "
        self._lists[-1] = number + 1
        return f"{indent}{number}. "

    def _end_block(self, tag: str) -> None:
        if self._kept_lines and tag != "pre":
            self._kept_line_end()
            return
        self.flush()
        if tag == "pre":
            self._kept_lines = max(0, self._kept_lines - 1)
        elif tag in {"ul", "ol", "menu"} and self._lists:
            self._lists.pop()
            if not self._lists:
                self._draft.part()
        elif tag == "li":
            self._marker = ""

    def _heading(self, level: int) -> None:
        if self._cell is not None or self._kept_lines:
            self.flush()
            return
        name = _PERMALINK.sub("", " ".join(written("".join(self._inline)).split())).strip()
        self._inline.clear()
        self._marker = ""
        self._draft.heading(name, level, shown=f"{'#' * level} {name}" if self._marks else None)

    def _lift(self, tag: str, at: int) -> None:
        """Mark what is raised or lowered; a raised link is a note."""
        text = "".join(self._inline[at:])
        if tag == "sub":
            self._inline[at:] = [lowered(text)]
        elif (self._anchored or self._linked) and any(map(str.isalnum, text)) and not text.strip().isalpha():
            self._inline[at:] = [f" [{text.strip().strip('[]')}]"]
        else:
            self._inline[at:] = [raised(text)]

    def _begin_table(self) -> None:
        if not self._tables:
            self._draft.part()
        self._tables.append(Grid())

    def _begin_cell(self, tag: str, attributes: Mapping[str, str]) -> None:
        self._end_cell()
        self.flush()
        if not self._tables:
            return
        if len(self._tables) == 1:
            across, down = (max(1, _number(attributes.get(name), 1)) for name in ("colspan", "rowspan"))
            self._cell, self._span = [], (tag == "th" or self._thead, across, down)

    def _end_cell(self) -> None:
        if self._cell is None or len(self._tables) != 1:
            self.flush()
            return
        self.flush()
        head, across, down = self._span
        self._tables[0].cell(" ".join(self._cell), head=head, across=across, down=down)
        self._cell = None

    def _end_table(self) -> None:
        self._end_cell()
        if self._tables:
            table = self._tables.pop()
            if not self._tables:
                table.write(self._draft)
                self._thead = False


def _number(text: str | None, default: int) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 6 else default
