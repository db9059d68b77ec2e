"""Build a document's text block by block, with its sections."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from ..documents.account import Kind
from ..documents.document import Metadata, clean_text
from ..documents.sections import Section
from .errors import SourceLimit
from .results import Parsed

MAX_TEXT = 64 << 20
"""Characters that one source file may give, all its members together."""

MAX_UNPACKED = 256 << 20
MAX_MEMBERS = 20_000
MAX_RATIO = 250
_SMALL = 16 << 20


class SourceBudget:
    """Characters that a source may still give: bombs stop here, whatever the format."""

    def __init__(self, characters: int = MAX_TEXT, unpacked: int = MAX_UNPACKED, members: int = MAX_MEMBERS) -> None:
        self.left = characters
        self.unpacked = unpacked
        self.members = members

    def unpack(self, size: int, packed: int) -> None:
        """Take a container's contents from the budget before they are unpacked; raises SourceLimit for bombs."""
        self.unpacked -= size
        if self.unpacked < 0:
            raise SourceLimit("limit", f"unpacks to more than {MAX_UNPACKED >> 20} MB; give it unpacked")
        if size > _SMALL and size > MAX_RATIO * packed:
            raise SourceLimit("limit", f"unpacks to more than {MAX_RATIO} times its size")

    def admit(self, members: int) -> None:
        """Take a container's members from the budget."""
        self.members -= members
        if self.members < 0:
            raise SourceLimit("limit", f"holds more than {MAX_MEMBERS:,} files; give it unpacked")

    def charge(self, characters: int) -> None:
        """Take from the budget; raises LoadError when it is spent."""
        self.left -= characters
        if self.left < 0:
            raise SourceLimit("limit", f"gives more than {MAX_TEXT >> 20} million characters of text")


class Draft:
    """Collects cleaned blocks of text; keeps the place of each one, and an account of what is left out.

    Blocks are parted by an empty line, unless they ask for less. A heading is a line of text too, the first of its
    section.
    """

    def __init__(self, budget: SourceBudget | None = None) -> None:
        self._budget = budget or SourceBudget()
        self._parts: list[str] = []
        self._length = 0
        self._begin = 0
        self._levels: list[tuple[int, str]] = []
        self._page: int | None = None
        self._row: int | None = None
        self._time: float | None = None
        self._table: int | None = None
        self._tables = 0
        self._columns = ""
        self._sections: list[Section] = []
        self._parted = False
        self._left_out: defaultdict[Kind, list[str]] = defaultdict(list)
        self._remarks: dict[str, None] = {}
        self._margins: set[str] = set()
        self.first_heading = ""

    def block(self, text: str, *, gap: str = "\n\n") -> None:
        """Add a block; blank ones vanish."""
        text = clean_text(text).strip("\n").rstrip()
        if not text.strip():
            return
        self._budget.charge(len(text) + len(gap))
        if self._parted:
            gap, self._parted = "\n\n", False
        if self._parts:
            self._parts.append(gap)
            self._length += len(gap)
        if self._begin < 0:
            self._begin = self._length
        self._parts.append(text)
        self._length += len(text)

    def margin(self, text: str) -> None:
        """Add a page header or footer, every text once; those without a letter are page numbers."""
        if text not in self._margins and any(map(str.isalpha, text)):
            self.block(text)
        else:
            self.leave_out("header-footer", text)
        self._margins.add(text)

    def part(self) -> None:
        """Let the next block begin after an empty line, whatever its gap."""
        self._parted = True

    def row(self, cells: Sequence[str]) -> None:
        """Add a row of a table as a line: cells parted by bars, empty ones at the end dropped."""
        self.block(bar_row(cells), gap="\n")

    def heading(self, text: str, level: int, *, shown: str | None = None) -> None:
        """Open a section under a heading of level 1 (outermost) or deeper; ``shown`` is the line as it goes in."""
        text = " ".join(clean_text(text).split())
        if not text:
            return
        self._close()
        self._levels = [(depth, name) for depth, name in self._levels if depth < level]
        self._levels.append((level, text))
        self.first_heading = self.first_heading or text
        self.block(text if shown is None else shown)

    def page(self, number: int, *, parted: bool = True) -> None:
        """Open a page; headings carry over. ``parted=False``: a sentence may run on, the next block says its gap."""
        self._close(parted=parted)
        self._page = number

    def table(self, columns: str = "") -> None:
        """Open a table; ``columns`` is the line of its columns' names, if the rows do not repeat them."""
        self._close()
        self._tables += 1
        self._table, self._columns = self._tables, columns

    def end_table(self) -> None:
        """Close the table and its rows."""
        self._close()
        self._table, self._columns, self._row = None, "", None

    def at_row(self, number: int | None) -> None:
        """Say which row of the file the next block shows; only needed where it is not the one after the last line."""
        self._close(parted=False)
        self._row = number

    def time(self, seconds: float) -> None:
        """Say when the next block was spoken."""
        self._close(parted=False)
        self._time = seconds

    def drop_headings(self) -> None:
        """Forget the heading path: the next blocks have none."""
        self._close()
        self._levels = []

    def leave_out(self, kind: Kind, text: str | None) -> None:
        """Account for text of the file that is not in the document."""
        if text:
            self._left_out[kind].append(text)

    def remark(self, sentence: str) -> None:
        """Say something about the file that people should know; the same sentence counts once."""
        self._remarks[sentence] = None

    def finish(self) -> tuple[str, tuple[Section, ...]]:
        """Return the text and its sections."""
        self._close()
        return "".join(self._parts), tuple(self._sections)

    def parsed(self, title: str, metadata: Metadata | None = None) -> Parsed:
        """Return the document drafted, with a title and its metadata."""
        text, sections = self.finish()
        left_out = {kind: " \n".join(texts) for kind, texts in self._left_out.items()}
        return Parsed(
            text, title, sections=sections, metadata=metadata or {}, left_out=left_out, remarks=tuple(self._remarks)
        )

    def _close(self, *, parted: bool = True) -> None:
        self._parted = self._parted or parted
        known = self._levels or any(each is not None for each in (self._page, self._row, self._time, self._table))
        if 0 <= self._begin < self._length and known:
            path = tuple(name for _, name in self._levels)
            place = (self._page, self._row, self._time, self._table, self._columns)
            self._sections.append(Section(self._begin, self._length, path, *place))
        self._begin = -1 if self._parts else 0


def bar_row(cells: Sequence[str]) -> str:
    """Return a row of a table as a line: cells parted by bars, empty ones at the end dropped."""
    flat = [" ".join(clean_text(cell).split()) for cell in cells]
    while flat and not flat[-1]:
        flat.pop()
    return " | ".join(flat)


_GARBAGE = re.compile(
    r"untitled.*|title|\(?anonymous\)?|unknown|document\d*|slide \d+|powerpoint presentation"
    r"|microsoft \w+ - .*|[\W\d_]*|.*\.(?:docx?|pptx?|xlsx?|tex|dvi|indd|qxd|pdf|html?|ps|txt|rtf|odt)",
    re.IGNORECASE | re.DOTALL,
)
_LONGEST = 300


def first_title(*candidates: str | None) -> str:
    """Return the first candidate that names something; file names and defaults of programs do not.

    The last of several candidates is the name of the file, which is taken when all others name nothing.
    """
    for candidate in candidates:
        title = " ".join((candidate or "").split())[:_LONGEST]
        if title and not _GARBAGE.fullmatch(title):
            return title
    return " ".join((candidates[-1] or "").split())[:_LONGEST] if len(candidates) > 1 else ""
