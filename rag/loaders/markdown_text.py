"""Markdown, by pyromark (pulldown-cmark, in Rust): front matter, headings, and text without inline marks.

Marks of headings, lists and fences stay, for they carry meaning; links, emphasis and HTML tags go, so that a quoted
sentence reads as one. What only looks like a link definition, a directive or a tag is text and stays.
"""

from __future__ import annotations

import html
import re
import tomllib
from collections.abc import Iterator

from ..documents.document import Field
from .draft import Draft
from .flow import TAGS, Flow
from .formats import ParseContext, Untyped
from .plain import text_of
from .results import Parsed, metadata_of

_MAX_FRONT_MATTER = 1 << 14
_DEEPEST = 4
_FRONT_MATTER = re.compile(r"\A(---|\+\+\+)[ \t]*\n(.*?)^(?:\1|\.\.\.)[ \t]*$\n?", re.DOTALL | re.MULTILINE)
_DEFINITION = re.compile(
    r"^((?:[ \t>*+-]|\d{1,9}[.)]){0,40})\[(?!\^\S{1,99}\])([^\[\]]{1,300})\]:[ \t]{0,99}\n?[ \t]{0,99}"
    r"(\S{1,2000})(.{0,500})",
    re.MULTILINE,
)
_USED = re.compile(r"\]\[([^\[\]]{1,300})\]")
_TARGET = re.compile(
    r"[a-z][a-z0-9+.-]{0,30}://|(?:mailto|tel|data|doi|urn):|www\.|\.{0,2}/|#[a-z]|<.*>$|.*\.[a-z]{2,5}(?:[#?].*)?$",
    re.IGNORECASE,
)
# Noncharacters: one before what must not be read as a link definition, one in place of a star that is not emphasis.
_GUARD, _STAR = "\ufdd0", "\ufdd1"
_NO_EMPHASIS = re.compile(r"(?<=\{)\*|\*(?=\})|(?<=\d)\*(?=\d)")
_ATTRIBUTES = re.compile(r"[ \t]*\{:?[ \t]?[#.][^{}\n]{0,200}\}")
_DIRECTIVE = re.compile(r"\s*(?:/{3,}|:{3,}|!!!|\?\?\?\+?|={3,}(?=\s*\"))(.*)$", re.DOTALL)
_NAMED = re.compile(r"\s*(?:[\w-]{0,40}\s*(?:\|\s*(?=\S)|\"(?=[^\"]+\"\s*$)))?")
_ASIDE = re.compile(
    r"^\s*(?:\{%.{0,500}?%\}|\{\*.{0,500}?\*\}|\{!.{0,500}?!\})|(?:\{%[^%]{0,500}%\}|\{\*[^*]{0,500}\*\})\s*$"
)
_TAG = re.compile(
    r"<!--(.*?)(?:-->|\Z)|<(/?)([A-Za-z][\w.:-]{0,60})((?:\s[^<>]{0,2000})?)>|<[!?][^<>]{0,2000}>", re.DOTALL
)
_ATTRIBUTE = re.compile(r"""([\w-]{1,40})\s{0,9}=\s{0,9}(?:"([^"]{0,2000})"|'([^']{0,2000})'|([^\s"'>]{1,200}))""")
_WITH_ATTRIBUTES = frozenset({"img", "td", "th", "ol"})
_TAGS = {"Paragraph": "p", "Item": "li", "List": "ul", "Table": "table", "TableRow": "tr", "TableCell": "td"}
_BLOCKS = frozenset({"Paragraph", "Heading", "BlockQuote", "HtmlBlock", "List", "Table", "FootnoteDefinition"})


def parse(data: bytes, context: ParseContext) -> Iterator[Parsed]:
    """Read Markdown."""
    yield parse_text(text_of(data, context), context)


def parse_text(text: str, context: ParseContext) -> Parsed:
    """Read Markdown that is text already."""
    draft = Draft(context.budget)
    fields, body = front_matter(text, draft)
    _Reader(draft).read(body)
    named = fields.pop("title", None)
    title = str(named) if named else draft.first_heading or context.stem_title
    return draft.parsed(title, fields)


def front_matter(text: str, draft: Draft) -> tuple[dict[str, Field], str]:
    """Split YAML or TOML front matter from the text after it; what does not parse goes into the draft as text."""
    match = _FRONT_MATTER.match(text[:_MAX_FRONT_MATTER]) if text.startswith(("---", "+++")) else None
    if match is None:
        return {}, text
    import yaml  # type: ignore[import-untyped]  # comes with huggingface-hub; its stubs do not

    try:
        fields = yaml.safe_load(match[2]) if match[1] == "---" else tomllib.loads(match[2])
    except (yaml.YAMLError, ValueError, RecursionError):
        fields = None
    if isinstance(fields, dict):
        draft.leave_out("markup", match[2])
        return metadata_of(fields), text[match.end() :]
    if not match[2].lstrip().startswith("#"):  # else rules around a text
        draft.block(match[2])
        return {}, text[match.end() :]
    return {}, text


class _Reader:
    """Hands the parser's events on as tags and text."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._flow = Flow(draft, marks=True)
        self._raw: list[str] | None = None  # of a block of code or HTML, which come in pieces
        self._line_begins = False
        self._directive = False  # the last block was one; what is indented under it is not code
        self._depth = 0

    def read(self, body: str) -> None:
        self._events(self._guarded(body))
        self._flow.finish()

    def _guarded(self, body: str) -> str:
        """Keep ``[Nina]: I need the logs`` from being a link's definition, ``{* a *}`` and ``2*3*4`` emphasis."""
        body = _NO_EMPHASIS.sub(_STAR, body)
        if "]:" not in body:
            return body
        used = {label.casefold() for label in _USED.findall(body)}

        def guard(match: re.Match[str]) -> str:
            if _TARGET.match(match[3]) or match[2].casefold() in used:
                self._draft.leave_out("markup", match[0])
                return match[0]
            return f"{match[1]}{_GUARD}{match[0][len(match[1]) :]}"

        return _DEFINITION.sub(guard, body)

    def _events(self, body: str) -> None:
        from pyromark import Options, events

        options = (
            Options.ENABLE_TABLES | Options.ENABLE_FOOTNOTES | Options.ENABLE_STRIKETHROUGH | Options.ENABLE_TASKLISTS
            | Options.ENABLE_HEADING_ATTRIBUTES | Options.ENABLE_MATH | Options.ENABLE_GFM | Options.ENABLE_WIKILINKS
        )  # fmt: skip
        for event in events(body, options=options):
            if isinstance(event, str):
                self._flow.flush() if event == "Rule" else self._flow.line_end()
                self._line_begins = True
            else:
                ((name, value),) = event.items()
                getattr(self, f"_{name.lower()}")(value)

    def _start(self, tag: Untyped) -> None:
        name, value = _named(tag)
        if name in _BLOCKS:
            self._directive = False
            self._line_begins = True
        if name in {"CodeBlock", "HtmlBlock"}:
            self._flow.flush()
            self._raw = []
            self._info = value["Fenced"] if isinstance(value, dict) else None
        elif name in {"Link", "Image"}:
            self._draft.leave_out("markup", f"{value['dest_url']} {value['title']} {value['id']}")
        else:
            self._block(name, value)

    def _block(self, name: str, value: Untyped) -> None:
        if name == "Heading":
            self._draft.leave_out("markup", f"{value['id']} {value['classes']} {value['attrs']}")
            self._flow.start(value["level"].lower(), {})
        elif name == "List" and value is not None:
            self._flow.start("ol", {"start": str(value)})
        elif name in _TAGS:
            self._flow.start(_TAGS[name], {})
        elif name == "TableHead":
            self._flow.start("thead", {})
            self._flow.start("tr", {})
        elif name == "FootnoteDefinition":
            self._draft.part()
            self._flow.mark(f"[{value}] ")
        elif name == "BlockQuote" and value:
            self._flow.text(value)
            self._flow.flush()

    def _end(self, tag: Untyped) -> None:
        name, value = _named(tag)
        if name == "Heading":
            self._flow.end(value.lower())
        elif name == "TableHead":
            self._flow.end("thead")
        elif name == "List" and value:
            self._flow.end("ol")
        elif name in _TAGS:
            self._flow.end(_TAGS[name])
        elif name in {"CodeBlock", "HtmlBlock"}:
            raw, self._raw = _restored("".join(self._raw or ())), None
            self._tags(raw) if name == "HtmlBlock" else self._code_block(raw)
            self._flow.flush()

    def _code_block(self, code: str) -> None:
        if self._info is not None:
            fence = "~~~" if "```" in code else "```"
            self._flow.verbatim(f"{fence}{self._info}\n{code}{fence}")
        elif self._directive and self._depth < _DEEPEST:
            self._depth += 1
            self._events(self._guarded(code))
            self._depth -= 1
        else:
            self._flow.verbatim("".join(f"    {line}" for line in code.splitlines(keepends=True)))

    def _text(self, text: str) -> None:
        if self._raw is not None:
            self._raw.append(text)
            return
        text = _restored(text)
        if self._line_begins and (directive := _DIRECTIVE.match(text)):
            self._directive = not text.lstrip().startswith(("/", ":"))
            named = _NAMED.match(directive[1])
            self._draft.leave_out("markup", named[0] if named else "")
            text = directive[1][named.end() if named else 0 :]
            text = text.rstrip().removesuffix('"') if named and named[0].endswith('"') else text
        if "{" in text:
            text = _ASIDE.sub(self._left_out, _ASIDE.sub(self._left_out, _ATTRIBUTES.sub(self._left_out, text)))
        self._line_begins = self._line_begins and not text.strip()
        self._flow.text(text.replace("\u00b6", ""))

    def _left_out(self, match: re.Match[str]) -> str:
        self._draft.leave_out("markup", match[0])
        return ""

    def _code(self, code: str) -> None:
        self._line_begins = False
        self._flow.text(f"`{_restored(code)}`")

    def _inlinemath(self, formula: str) -> None:
        self._flow.text(f"${formula}$")

    def _displaymath(self, formula: str) -> None:
        self._flow.text(f"$${formula}$$")

    def _footnotereference(self, label: str) -> None:
        self._flow.text(f" [{label}]")

    def _tasklistmarker(self, done: bool) -> None:
        self._flow.text("[x] " if done else "[ ] ")

    def _html(self, source: str) -> None:
        (self._raw if self._raw is not None else []).append(source)

    def _inlinehtml(self, source: str) -> None:
        self._tags(source)

    def _tags(self, source: str) -> None:
        """Read HTML: its tags go, unless they are none, as in ``cp <file>``."""
        at = 0
        for match in _TAG.finditer(source):
            self._flow.text(html.unescape(source[at : match.start()]))
            at = match.end()
            name, attributes = (match[3] or "").lower(), (match[4] or "").strip()
            self._draft.leave_out("hidden" if match[1] else "markup", match[1] or f"{name} {attributes}")
            if match[3] and name not in TAGS and not match[2] and not attributes and match[3].islower():
                self._flow.text(match[0])
            elif match[2]:
                self._flow.end(name)
            elif name:
                self._flow.start(name, _attributes(attributes) if name in _WITH_ATTRIBUTES else {})
        self._flow.text(html.unescape(source[at:]))


def _restored(text: str) -> str:
    return text if text.isascii() else text.replace(_GUARD, "").replace(_STAR, "*")


def _named(tag: Untyped) -> tuple[str, Untyped]:
    return next(iter(tag.items())) if isinstance(tag, dict) else (tag, None)


def _attributes(source: str) -> dict[str, str]:
    return {m[1].lower(): html.unescape(m[2] or m[3] or m[4] or "") for m in _ATTRIBUTE.finditer(source)}
