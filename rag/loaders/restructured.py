"""reStructuredText: headings by adornment, PEP headers, and text without roles, references and directive lines.

Every step goes over the lines a fixed number of times. Literal blocks stay as they are.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from ..documents.account import Kind
from ..documents.document import Scalar
from .draft import Draft
from .formats import ParseContext
from .plain import text_of
from .restructured_tables import table_at
from .results import Parsed
from .scripts import lowered, raised, written
from .tables import add_tables

_ADORNMENT = re.compile(r"([!-/:-@\[-`{-~])\1+[ \t]*$")
_DIRECTIVE = re.compile(r"(\s*)\.\. +([\w:-]+)::[ \t]*(.*)$")
_FOOTNOTE = re.compile(r"(\s*)\.\. +(\[[^\[\]]{1,60}\])[ \t]+(.*)$")
_EXPLICIT = re.compile(r"\s*\.\.(?:\s|$)")
_OPTION = re.compile(r"\s+:[\w-]+:(?:\s|$)")
_HEADER = re.compile(r"([A-Z][\w-]{0,40}):[ \t]*(.*)$")
_ROLE = re.compile(r":[\w.+-]{1,40}(?::[\w.+-]{1,40})?:`([^`]{1,300})`")
_LITERAL = re.compile(r"``([^`]{1,500})``")
_REFERENCE = re.compile(r"`([^`<>]{1,300}?)\s{0,9}(?:<[^`<>]{1,500}>)?`__?(?!\w)")
_STRONG = re.compile(r"(?<![\w*\\])(\*\*?)(?=[^\s*])([^*]{1,500})(?<=[^\s*\\])\1(?![\w*])")
_TARGETED = re.compile(r"(.{1,300}?)\s{0,9}<[^<>]{1,300}>$", re.DOTALL)
_LEFT_OUT = frozenset({
    "contents", "default-role", "highlight", "image", "include", "index", "meta", "role", "sectnum", "target-notes",
    "toctree", "currentmodule",
})  # fmt: skip
_ARGUMENT_LEFT_OUT = frozenset(
    {"class", "container", "csv-table", "figure", "only", "rst-class", "sidebar", "table", "list-table"}
)
_REPLACED = re.compile(r"\s*\.\. +\|([^|]{1,100})\| +replace::[ \t]*(.*)$")
_SUBSTITUTION = re.compile(r"\|([^|\s][^|]{0,99})\|_{0,2}")
_ALT = re.compile(r"\s+:(?:alt|caption):\s+(.+)")
_WORD = re.compile(r"\w+")
_CODE = frozenset(
    re.findall(
        r"\S+",
        "code code-block sourcecode parsed-literal math productionlist raw graphviz literalinclude",
    )
)
_SCRIPTS = {"sup": raised, "superscript": raised, "sub": lowered, "subscript": lowered}
_KEPT_HEADERS = frozenset({"PEP", "Author", "Status", "Type", "Created"})


def parse(data: bytes, context: ParseContext) -> Iterator[Parsed]:
    """Read reStructuredText."""
    lines = [line.expandtabs(8) if "\t" in line else line for line in text_of(data, context).split("\n")]
    headers, end = _headers(lines)
    draft = Draft(context.budget)
    draft.block("\n".join(line.strip() for line in lines[:end]))
    _RestReader(draft).read(lines[end:])
    title = headers.get("Title", "")
    if number := headers.get("PEP", ""):
        title = f"PEP {number}: {title}"
    metadata: dict[str, Scalar] = {name.lower(): value for name, value in headers.items() if name in _KEPT_HEADERS}
    yield draft.parsed(title or draft.first_heading or context.stem_title, metadata)


def _headers(lines: list[str]) -> tuple[dict[str, str], int]:
    """Return a PEP's header fields and the number of lines they take; none in other documents."""
    fields: dict[str, str] = {}
    name = ""
    if not lines or not lines[0].startswith("PEP:"):
        return {}, 0
    for number, line in enumerate(lines[:100]):
        if match := _HEADER.match(line):
            name = match[1]
            fields[name] = match[2].strip()
        elif line.startswith(" ") and line.strip() and name:
            fields[name] += " " + line.strip()
        else:
            return fields, number
    return fields, min(len(lines), 100)


def inline(text: str) -> str:
    """Free a paragraph of roles, references and emphasis; literals keep one backtick a side, as in Markdown."""
    if not any(mark in text for mark in "`*_|\\"):
        return text
    spans: list[str] = []

    def hide(match: re.Match[str]) -> str:
        spans.append(f"`{match[1]}`")
        return f"\0{len(spans) - 1}\0"  # NUL cannot occur: the text is cleaned

    text = _LITERAL.sub(hide, text)
    text = _ROLE.sub(_role, text)
    text = _REFERENCE.sub(r"\1", text)
    text = re.sub(r"\[(#?[\w.-]{1,60})\]_(?!\w)", r"[\1]", text)
    text = _STRONG.sub(r"\2", text)
    text = re.sub(r"(?<=\w)__?(?=[\s.,;:)]|$)(?<!\w__)", "", text) if "_" in text else text
    text = text.replace("\\ ", "").replace("\\*", "*").replace("\\_", "_").replace("\\`", "`")
    return written(re.sub(r"\0(\d+)\0", lambda m: spans[int(m[1])], text))


def _role(match: re.Match[str]) -> str:
    name = match[0].split("`", 1)[0].strip(":").lower()
    inner = match[1]
    if targeted := _TARGETED.match(inner):
        return targeted[1]
    if name in _SCRIPTS:
        return _SCRIPTS[name](inner)
    if name in {"pep", "rfc"}:
        return f"{name.upper()} {inner.partition('#')[0]}"
    return inner.lstrip("~!").rpartition(".")[2] if inner.startswith("~") else inner.lstrip("!")


class _RestReader:
    """Goes over the lines once."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._styles: list[tuple[str, bool]] = []
        self._paragraph: list[str] = []
        self._replaced: dict[str, str] = {}
        self._literal = -1  # indentation that a literal block must exceed; -1 outside of one
        self._dropped = -1  # the same for a comment or the body of a directive without text
        self._options = False  # right after the line of a directive
        self._reason: Kind = "markup"  # that its words are accounted for by

    def read(self, lines: list[str]) -> None:
        self._replaced = {match[1].casefold(): match[2] for line in lines if (match := _REPLACED.match(line))}
        i = 0
        while i < len(lines):
            used = (self._heading(lines, i) or self._table(lines, i)) if self._is_free(lines[i]) else 0
            if not used:
                self._line(lines[i])
            i += used or 1
        self._flush()

    def _is_free(self, line: str) -> bool:
        """Say whether a line is not inside a literal block or something left out."""
        return len(line) - len(line.lstrip()) <= max(self._literal, self._dropped) or self._literal == self._dropped

    def _heading(self, lines: list[str], i: int) -> int:
        """Read a title at line ``i``; return how many lines it took, 0 if there is none."""
        line = lines[i].rstrip()
        after = lines[i + 1].rstrip() if i + 1 < len(lines) else ""
        last = lines[i + 2].rstrip() if i + 2 < len(lines) else ""
        if line and _ADORNMENT.match(line) and after and last == line and not _ADORNMENT.match(after):
            self._titled(after.strip(), line[0], over=True)
            return 3
        if (
            not line
            or line.startswith(" ")
            or (self._paragraph and self._literal < 0)
            or not _ADORNMENT.match(after)
            or _ADORNMENT.match(line)
        ):
            return 0
        if len(after) < min(len(line), 4):
            return 0
        self._titled(line, after[0], over=False)
        return 2

    def _table(self, lines: list[str], i: int) -> int:
        """Read a table at line ``i``; return how many lines it took, 0 if there is none."""
        if (table := table_at(lines, i)) is None:
            return 0
        used, title, rows, marked = table
        self._end_block()
        self._flush()
        self._draft.leave_out("markup", " ".join(lines[i : i + used]).partition("::")[0])
        self._draft.block(inline(title))
        add_tables(
            [(0, [inline(self._substituted(cell)) for cell in cells]) for _, cells in rows], self._draft, marked=marked
        )
        return used

    def _substituted(self, text: str) -> str:
        """Put the texts of substitutions in their places."""
        return _SUBSTITUTION.sub(lambda m: self._replaced.get(m[1].casefold(), m[0]), text) if self._replaced else text

    def _titled(self, title: str, mark: str, *, over: bool) -> None:
        self._end_block()
        self._flush()
        style = (mark, over)
        if style not in self._styles:
            self._styles.append(style)
        self._draft.heading(inline(self._substituted(title)), self._styles.index(style) + 1)

    def _line(self, line: str) -> None:
        indent = len(line) - len(line.lstrip())
        if not line.strip():
            self._options = False
            if self._literal >= 0 and self._paragraph:
                self._paragraph.append("")
            else:
                self._flush()
            return
        if self._options and _OPTION.match(line) and self._dropped < 0:
            self._option(line)
            return
        self._options = False
        if self._inside(line, indent):
            return
        if _EXPLICIT.match(line):
            self._explicit(line, indent)
        elif not _ADORNMENT.match(line.strip()) or line.strip().startswith(("+-", "+=")):
            self._text(line, indent)

    def _inside(self, line: str, indent: int) -> bool:
        """Take a line inside a literal block, or inside what is left out; say whether it was one."""
        if self._dropped >= 0 and indent > self._dropped:
            if alt := _ALT.match(line):
                self._draft.block(alt[1])
            else:
                self._draft.leave_out(self._reason, line)
            return True
        if self._literal >= 0 and indent > self._literal:
            self._dropped = -1
            self._paragraph.append(line)
            return True
        self._end_block()
        return False

    def _end_block(self) -> None:
        if self._literal >= 0:
            self._flush()
        self._literal = self._dropped = -1

    def _option(self, line: str) -> None:
        if shown := _ALT.match(line):
            self._paragraph.append(shown[1])
        else:
            self._draft.leave_out("markup", line)

    def _text(self, line: str, indent: int) -> None:
        literal = line.rstrip().endswith("::")
        if literal:
            line = line.rstrip()[:-1] if line.strip() != "::" else ""
        if line.strip():
            self._paragraph.append(line)
        if literal:
            self._flush()
            self._literal = indent

    def _explicit(self, line: str, indent: int) -> None:
        """Read an explicit markup line: directives lose their line, comments and targets all."""
        self._flush()
        if footnote := _FOOTNOTE.match(line):
            self._paragraph.append(f"{footnote[2]} {footnote[3]}")
        elif directive := _DIRECTIVE.match(line):
            self._directive(directive[2].lower(), directive[3], indent)
        else:
            self._drop(
                line, indent, "markup" if "::" in line or line.lstrip().startswith((".. _", ".. |")) else "hidden"
            )

    def _directive(self, name: str, argument: str, indent: int) -> None:
        """Keep what a directive holds, but for those that hold no text."""
        self._options = True
        if name in _LEFT_OUT:
            self._drop(f"{name} {argument}", indent, "navigation" if name in {"toctree", "contents"} else "markup")
        elif name in _CODE:
            self._draft.leave_out("markup", f"{name} {argument}")
            self._literal = indent
        elif name in _ARGUMENT_LEFT_OUT and not (name.endswith("table") and argument):
            self._draft.leave_out("markup", f"{name} {argument}")
        else:
            self._draft.leave_out("markup", name)
            self._paragraph.extend([argument] if argument else [])

    def _drop(self, line: str, indent: int, reason: Kind) -> None:
        self._dropped, self._reason = indent, reason
        self._draft.leave_out(reason, line)

    def _flush(self) -> None:
        while self._paragraph and not self._paragraph[-1].strip():
            self._paragraph.pop()
        text = "\n".join(self._paragraph)
        shown = text if self._literal >= 0 else inline(self._substituted(text))
        if shown != text:  # names of roles, targets of links
            self._draft.leave_out(
                "markup", " ".join((Counter(_WORD.findall(text)) - Counter(_WORD.findall(shown))).elements())
            )
        self._draft.block(shown)
        self._paragraph.clear()
