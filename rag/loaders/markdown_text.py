"""Markdown: front matter, headings, and text without inline marks.

Block marks (``##``, lists, tables, fences) stay, for they carry meaning; links, emphasis and HTML tags go, so that a
quoted sentence reads as one. Every step goes over the text a fixed number of times.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator

from ..documents import Field
from .draft import Draft
from .formats import ParseContext
from .plain import text_of
from .results import Parsed, metadata_of

_MAX_FRONT_MATTER = 1 << 14
_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?)^(?:---|\.\.\.)[ \t]*$\n?", re.DOTALL | re.MULTILINE)
_FENCE = re.compile(r"(?:[ \t>*+-]|\d{1,9}[.)]){0,40}(```+|~~~+)")
_ATX = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*))?$")
_INDENTED = re.compile(r"^(?: {4}|\t)", re.MULTILINE)
_CLOSING = re.compile(r"(?:^|[ \t])#+[ \t]*$")
_SETEXT = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_ATTRIBUTES = re.compile(r"[ \t]*\{:?[ \t]?[#.][^{}\n]{0,200}\}")
_DIRECTIVE = re.compile(r"\s*(?:/{3,}|:{3,}|!!!|\?\?\?\+?)\s*([\w-]*)\s*(?:\|\s*(.*))?(.*)$")
_INCLUDE = re.compile(r"\s*(?:\{[*!%].{0,500}[*!%]\}|<!--.{0,500}-->|\[[^\[\]]{1,200}\]:\s\S{1,500}.{0,300})\s*$")
_COMMENT = re.compile(r"<!--(?:(?!-->|<!--).){0,2000}-->", re.DOTALL)
_TAG = re.compile(r"</?[A-Za-z][\w-]{0,30}(?:\s[^<>]{0,1000})?/?>|<((?:https?://|mailto:)[^<>\s]{1,500})>")
_LINK = re.compile(r"!?\[([^\[\]]{0,500})\](?:\([^()]{0,1000}(?:\([^()]{0,200}\)[^()]{0,200})?\)|\[[^\[\]]{0,200}\])")
_STRONG = re.compile(r"(?<![\w*])(\*{1,3})(?=[^\s*])([^*]{1,500})(?<=[^\s*])\1(?![\w*])")
_UNDER = re.compile(r"(?<![\w_])(_{1,3})(?=[^\s_])([^_]{1,500})(?<=[^\s_])\1(?![\w_])")
_CODE_SPAN = re.compile(r"(`{1,3})(?!`)([^`]{1,500})\1(?!`)")


def parse(data: bytes, context: ParseContext) -> Iterator[Parsed]:
    """Read Markdown."""
    yield parse_text(text_of(data, context), context)


def parse_text(text: str, context: ParseContext) -> Parsed:
    """Read Markdown that is text already."""
    fields, body = front_matter(text)
    draft = Draft(context.budget)
    _blocks(_COMMENT.sub("", body) if "<!--" in body else body, draft)
    named = fields.pop("title", None)
    title = str(named) if named else draft.first_heading or context.stem_title
    return draft.parsed(title, fields)


def front_matter(text: str) -> tuple[dict[str, Field], str]:
    """Split YAML front matter from the text after it; front matter that does not parse stays in the text."""
    if not text.startswith("---"):
        return {}, text
    match = _FRONT_MATTER.match(text[:_MAX_FRONT_MATTER])
    if match is None:
        return {}, text
    import yaml  # type: ignore[import-untyped]  # comes with huggingface-hub; its stubs do not

    try:
        fields = yaml.safe_load(match[1])
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}, text
    if not isinstance(fields, dict):
        return {}, text
    return metadata_of(fields), text[match.end() :]


def inline(text: str) -> str:
    """Free a paragraph of links, images, emphasis and tags; code spans, and emphasis near indented lines, stay."""
    if not any(mark in text for mark in "[*_<&{"):
        return text
    spans: list[str] = []

    def hide(match: re.Match[str]) -> str:
        spans.append(match[0])
        return f"\0{len(spans) - 1}\0"  # NUL cannot occur: the text is cleaned

    text = _CODE_SPAN.sub(hide, text)
    text = _TAG.sub(lambda m: m[1] or "", text)
    text = _LINK.sub(r"\1", _LINK.sub(r"\1", text))  # twice: a link may hold an image
    text = _ATTRIBUTES.sub("", text)
    if not _INDENTED.search(text):
        text = _UNDER.sub(r"\2", _STRONG.sub(r"\2", _STRONG.sub(r"\2", text)))
    text = html.unescape(text).replace("\u00b6", "") if "&" in text or "\u00b6" in text else text
    return re.sub(r"\0(\d+)\0", lambda m: spans[int(m[1])], text)


def _blocks(body: str, draft: Draft) -> None:
    """Go over the lines once: fences are kept, headings open sections, blank lines part blocks."""
    paragraph: list[str] = []
    fence = ""

    def flush() -> None:
        text = "\n".join(paragraph)
        draft.block(text if fence else inline(text))
        paragraph.clear()

    for line in body.split("\n"):
        mark = _FENCE.match(line)
        if fence:
            paragraph.append(line)
            if mark and mark[1].startswith(fence) and not line[mark.end() :].strip():
                flush()
                fence = ""
        elif mark and "`" not in line[mark.end() :]:
            flush()
            fence = mark[1]
            paragraph.append(line)
        elif not line.strip():
            flush()
        else:
            _line(line, paragraph, draft, flush)
    flush()


def _line(line: str, paragraph: list[str], draft: Draft, flush: Callable[[], None]) -> None:
    if heading := _ATX.match(line):
        flush()
        name = inline(_CLOSING.sub("", heading[2] or "")).strip()
        draft.heading(name, len(heading[1]), shown=f"{heading[1]} {name}")
    elif len(paragraph) == 1 and (under := _SETEXT.match(line)) and not paragraph[0].lstrip().startswith(("-", "|")):
        name, level = inline(paragraph.pop()).strip(), 1 if under[1][0] == "=" else 2
        draft.heading(name, level, shown=f"{'#' * level} {name}")
    elif directive := _DIRECTIVE.match(line):
        if title := inline((directive[2] or directive[3] or "").strip().strip('"')):
            paragraph.append(title)
    elif not _INCLUDE.match(line):
        paragraph.append(line)
