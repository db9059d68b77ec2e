"""RTF files, by striprtf; footnotes, comments, page headers and hidden text, which it drops, are taken out before."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby

from .dates import iso_date
from .draft import Draft, first_title
from .errors import LoadError
from .formats import ParseContext
from .results import Parsed
from .scripts import lowered, raised, written
from .tables import Row, add_text_table

_ASIDE = re.compile(
    r"\{(?:\\\*)?(?:\\[a-z]+-?\d* ?)*?"
    r"\\(footnote|annotation|header[lrf]?|footer[lrf]?|shptxt|fonttbl|v|deleted)(?![a-z\d])"
)
_BRACE = re.compile(r"\\[\\{}]|[{}]")
_LEAST = re.compile(r"\\ansicpg\d+|\\(?:mac|pca?)(?![a-z])")
_FIELDS = {"title": re.compile(r"\{\\title ([^{}]{1,300})\}"), "author": re.compile(r"\{\\author ([^{}]{1,300})\}")}
_MADE = re.compile(r"\{\\creatim\\yr(\d{4})\\mo(\d{1,2})\\dy(\d{1,2})(?:\\hr(\d{1,2})\\min(\d{1,2}))?")
_SCRIPT = re.compile(
    r"(\\(?:super|sub|up[1-9]\d*|dn[1-9]\d*)(?![a-z\d]) ?)([^{}]{1,200}?)"
    r"(?=[{}]|\\(?:nosupersub|super0|sub0|up0|dn0|plain)\b)"
)
_INFO = 1 << 16


def parse(data: bytes, context: ParseContext) -> Iterator[Parsed]:
    """Read an RTF file."""
    source = data.decode("latin-1")  # RTF is ASCII; other bytes are characters of the code page it names
    if not source.lstrip().startswith("{\\rtf"):
        raise LoadError("parse", "not RTF: it does not begin with {\\rtf")
    body, asides = _parted(source)
    fonts = "".join(text for kind, text in asides if kind == "fonttbl")
    page = "".join(_LEAST.findall(source[:_INFO])[:1])
    head = f"{{\\rtf1\\ansi{page} {fonts}"
    draft = Draft(context.budget)
    _add(_text(body), draft)
    for kind, group in asides:
        text = "" if kind == "fonttbl" else "\n".join(filter(str.strip, _text(f"{head}{group}}}"))).strip()
        if kind in ("v", "deleted"):
            draft.leave_out("hidden" if kind == "v" else "deleted", text)
        elif kind[:6] in ("header", "footer"):
            draft.margin(text)
        else:
            draft.block(text)
    fields = {name: " ".join(_text(f"{head}{found[1]}}}")).strip() for name, pattern in _FIELDS.items()
              if (found := pattern.search(source[:_INFO]))}  # fmt: skip
    if made := _MADE.search(source[:_INFO]):
        year, month, day, hour, minute = (int(part or 0) for part in made.groups())
        fields["created"] = iso_date(f"{year}-{month:02}-{day:02}T{hour:02}:{minute:02}")
    title = first_title(fields.pop("title", ""), context.stem_title)
    yield draft.parsed(title, {name: value for name, value in fields.items() if value})


def _text(source: str) -> list[str]:
    from striprtf.striprtf import rtf_to_text

    return written(str(rtf_to_text(_SCRIPT.sub(_scripted, source), errors="replace"))).split("\n")


def _scripted(match: re.Match[str]) -> str:
    mark = raised if match[1].startswith(("\\super", "\\up")) else lowered
    return match[1] + mark(match[2])


def _add(lines: list[str], draft: Draft) -> None:
    """Add lines as paragraphs, and those that end in a bar as the rows of tables."""
    for is_row, group in groupby(lines, key=lambda line: line.rstrip().endswith("|")):
        if is_row:
            rows: list[Row] = [(0, line.rstrip()[:-1].split("|")) for line in group if line.strip("| \t")]
            add_text_table(rows, draft)
        else:
            for line in group:
                draft.block(line.strip())


def _parted(source: str) -> tuple[str, list[tuple[str, str]]]:
    """Return the text without the groups that are aside of it, and these with their kinds; the fonts are in both."""
    parts, asides, at = [], [], 0
    while match := _ASIDE.search(source, at):
        end = _end(source, match.start())
        kind, inside = match[1], source[match.end() : end - 1]
        asides.append((kind, source[match.start() : end] if kind == "fonttbl" else f"{{{inside}}}"))
        parts.append(source[at : end if kind == "fonttbl" else match.start()])
        at = end
    return "".join(parts) + source[at:], asides


def _end(source: str, start: int) -> int:
    """Return where the group that begins at a brace ends."""
    depth = 0
    for match in _BRACE.finditer(source, start):
        depth += {"{": 1, "}": -1}.get(match[0], 0)
        if depth == 0:
            return match.end()
    return len(source)
