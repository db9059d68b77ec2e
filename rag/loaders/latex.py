"""LaTeX files, by pylatexenc's parser: sections, paragraphs, lists, tables, notes; commands and comments go."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from .draft import Draft, first_title
from .formats import ParseContext, Untyped
from .plain import parse_text
from .reading import decode
from .results import Parsed
from .scripts import lowered, raised, written
from .tables import Row, add_tables

_LEVELS = {"part": 1, "chapter": 1, "section": 2, "subsection": 3, "subsubsection": 4, "paragraph": 5,
           "subparagraph": 6}  # fmt: skip
_UNSEEN = (
    "label ref eqref pageref autoref cref Cref nameref vref cite citep citet citealp citeauthor citeyear parencite "
    "textcite autocite footcite nocite bibliography bibliographystyle addbibresource bibitem usepackage "
    "RequirePackage documentclass documentstyle includegraphics hypersetup setlength addtolength setcounter "
    "addtocounter vspace hspace vskip hskip newcommand renewcommand providecommand newenvironment "
    "renewenvironment newtheorem theoremstyle DeclareMathOperator def let pagestyle thispagestyle pagenumbering "
    "geometry graphicspath color definecolor rule maketitle tableofcontents listoffigures listoftables appendix "
    "phantomsection addcontentsline markboth setmainfont urlstyle newlength newcounter makeatletter makeatother "
    "markright cline cmidrule index glossary fontsize selectfont hyphenation linespread columnwidth enlargethispage "
    "input include subfile import"
)
_MARKUP = frozenset(_UNSEEN.split())
_FILES = frozenset({"input", "include", "subfile", "import"})
_NOTES = frozenset({"footnote", "thanks", "footnotetext"})
_LAST_SHOWN = frozenset(
    {"href", "textcolor", "colorbox", "parbox", "raisebox", "hypertarget", "multicolumn", "multirow"}
)
_SHOWN = {"\\": " ", "newline": " ", "tabularnewline": " ", "quad": " ", "qquad": " ", "par": "\n\n", "and": ", ",
          "textbackslash": "\\", "textasciitilde": "~", "textasciicircum": "^"}  # fmt: skip
_ABOUT = frozenset({"title", "author", "date"})
_SCRIPTS = {"textsuperscript": raised, "textsubscript": lowered}
_LISTS = frozenset({"itemize", "enumerate", "description", "thebibliography"})
_TABLES = frozenset({"tabular", "tabular*", "tabularx", "tabulary", "longtable", "tabu"})
_GIVEN_WIDTH = frozenset({"tabular*", "tabularx", "tabulary"})
_MATHS = frozenset({"equation", "align", "gather", "multline", "eqnarray", "displaymath", "math", "alignat", "flalign"})
_CODE = re.compile(r"\\(begin|end)\{(verbatim\*?|Verbatim|lstlisting|minted|alltt)\}(\[[^]\n]*\])?")
_CODE_AT = "ragcodeblock"
_BLOCKS = frozenset({*_LEVELS, "caption", _CODE_AT, "hypertarget"})
_BREAK = re.compile(r"\n[ \t]*\n\s*")


def parse(data: bytes, context: ParseContext) -> Iterator[Parsed]:
    """Read a LaTeX file; one that cannot be understood is taken as plain text."""
    from pylatexenc.latexwalker import LatexWalker

    draft = Draft(context.budget)
    codes: list[str] = []
    try:
        nodes = LatexWalker(_without_code(decode(data), codes, draft), tolerant_parsing=True).get_latex_nodes()[0]
        reader = _LatexReader(draft, codes)
        reader.document(nodes)
    except (RecursionError, IndexError, AttributeError, ValueError):
        yield from parse_text(data, context)
        return
    title = first_title(reader.about.pop("title", ""), draft.first_heading, context.stem_title)
    yield draft.parsed(title, {name: text for name, text in reader.about.items() if text})


def _without_code(source: str, codes: list[str], draft: Draft) -> str:
    """Return LaTeX with a command and a number in place of each piece of code, which is no LaTeX."""
    parts: list[str] = []
    at, begun = 0, None
    for mark in _CODE.finditer(source):
        if begun is None and mark[1] == "begin":
            begun = mark
        elif begun is not None and mark[1] == "end" and mark[2] == begun[2]:
            parts.append(f"{source[at : begun.start()]}\\{_CODE_AT}{{{len(codes)}}}")
            codes.append(source[begun.end() : mark.start()].strip("\n"))
            draft.leave_out("markup", begun[3])
            at, begun = mark.end(), None
    return "".join(parts) + source[at:]


class _LatexReader:
    def __init__(self, draft: Draft, codes: list[str]) -> None:
        from pylatexenc.latex2text import LatexNodes2Text

        self._draft = draft
        self._codes = codes
        self._symbols = LatexNodes2Text(math_mode="text")
        self._macros = dict(_SHOWN)
        self._notes: list[str] = []
        self.about: dict[str, str] = {}

    def document(self, nodes: list[Untyped]) -> None:
        """Add the body, or all if there is none, as in a chapter's file."""
        body = next((n for n in nodes if getattr(n, "environmentname", "") == "document"), None)
        if body is None:
            self._blocks(nodes)
            return
        before = nodes[: nodes.index(body)]
        self._inline(before)
        self._draft.leave_out("markup", _source(before))
        self._blocks(body.nodelist)

    def _blocks(self, nodes: Iterable[Untyped], prefix: str = "") -> None:
        """Add paragraphs, and what stands between them."""
        waiting: list[Untyped] = []
        for node, arguments, used in _with_arguments(nodes):
            name = _name(node)
            if name in _BLOCKS or getattr(node, "environmentname", None):
                prefix = self._paragraphs(waiting, prefix)
                waiting = []
                self._block(node, arguments, name)
            else:
                waiting += used
        self._paragraphs(waiting, prefix)

    def _paragraphs(self, nodes: list[Untyped], prefix: str) -> str:
        """Add paragraphs; return the mark of a list's item if it is still to come."""
        for part in _BREAK.split(self._inline(nodes)):
            if text := " ".join(part.split()):
                self._draft.block(f"{prefix}{text}")
                prefix = ""
        for note in self._notes:
            self._draft.block(note)
        self._notes = []
        return prefix

    def _block(self, node: Untyped, rest: list[Untyped], name: str) -> None:
        if name in _LEVELS:
            self._draft.heading(self._inline(rest[-1:]), _LEVELS[name])
        elif name == "caption":
            self._draft.block(" ".join(self._inline(rest[-1:]).split()))
        elif name == _CODE_AT:
            self._draft.block(self._codes[int(_source(rest))])
        elif name:
            self._draft.leave_out("markup", _source(rest[:-1]))
            self._blocks(rest[-1].nodelist if rest and hasattr(rest[-1], "nodelist") else [])
        else:
            self._environment(node)

    def _environment(self, node: Untyped) -> None:
        kind = node.environmentname
        if kind == "comment":
            self._draft.leave_out("hidden", _source(node.nodelist))
        elif kind in _LISTS:
            self._items(node.nodelist, kind)
        elif kind in _TABLES:
            self._table(node)
        elif kind.rstrip("*") in _MATHS:
            self._draft.block(self._math(node))
        else:
            if kind == "abstract":
                self._draft.heading("Abstract", 2)
            self._blocks(self._body(node, sum(type(n).__name__ == "LatexGroupNode" for n in node.nodelist[:3])))

    def _body(self, node: Untyped, groups: int) -> list[Untyped]:
        """Return what is in an environment after its arguments, where the parser does not know it to have any."""
        nodes, at = node.nodelist, 0
        while at < len(nodes) and not _arguments(node):
            text = str(getattr(nodes[at], "chars", ""))
            if groups and type(nodes[at]).__name__ == "LatexGroupNode":
                groups -= 1
            elif not (text.startswith("[") and text.rstrip().endswith("]")):
                break
            at += 1
        self._draft.leave_out("markup", _source([*_arguments(node), *nodes[:at]]))
        return list(nodes[at:])

    def _items(self, nodes: list[Untyped], kind: str) -> None:
        items: list[tuple[str, list[Untyped]]] = []
        for node in nodes:
            if _name(node) in {"item", "bibitem"}:
                label = self._inline([a for a in node.nodeargd.argnlist if a is not None][:1]).strip()
                items.append((f"{label}: " if label and _name(node) == "item" else "- ", []))
            elif items and (items[-1][1] or kind != "thebibliography" or type(node).__name__ != "LatexGroupNode"):
                items[-1][1].append(node)
            else:  # what is set for the list, the key of an entry
                self._draft.leave_out("markup", node.latex_verbatim())
        for label, inside in items:
            self._blocks(inside, label)

    def _table(self, node: Untyped) -> None:
        rows: list[list[list[Untyped]]] = [[[]]]
        for each in self._body(node, 2 if node.environmentname in _GIVEN_WIDTH else 1):
            if _name(each) in {"\\", "tabularnewline"}:
                rows.append([[]])
            elif getattr(each, "specials_chars", "") == "&":
                rows[-1].append([])
            elif _name(each) not in {"hline", "toprule", "midrule", "bottomrule", "endhead", "endfirsthead", "endfoot",
                                     "endlastfoot"}:  # fmt: skip
                rows[-1][-1].append(each)
        shown: list[Row] = [(0, [" ".join(self._inline(cell).split()) for cell in row]) for row in rows]
        shown = [row for row in shown if any(row[1])]
        add_tables(shown, self._draft, bold=max((len(cells) for _, cells in shown), default=0) > 1)

    def _inline(self, nodes: Iterable[Untyped]) -> str:
        """Return nodes as text in a line."""
        return written(self._runs(nodes))

    def _runs(self, nodes: Iterable[Untyped]) -> str:
        return "".join(self._text(node, arguments) for node, arguments, _ in _with_arguments(nodes))

    def _text(self, node: Untyped, rest: list[Untyped]) -> str:
        kind = type(node).__name__
        if kind == "LatexMacroNode":
            return self._macro(node, rest)
        if kind == "LatexCommentNode":
            self._draft.leave_out("hidden", node.comment)
            return "\n" if node.comment_post_space.count("\n") > 1 else " "
        if kind == "LatexEnvironmentNode":
            return f" {self._inline(self._body(node, 1))} "
        if kind == "LatexMathNode":
            return self._math(node)
        inside = self._inline(node.nodelist) if kind == "LatexGroupNode" else getattr(node, "chars", None)
        return self._symbol(node) if inside is None else str(inside)

    def _symbol(self, node: Untyped) -> str:
        return str(self._symbols.nodelist_to_text([node]))

    def _macro(self, node: Untyped, rest: list[Untyped]) -> str:
        name = node.macroname
        if name in _ABOUT | _NOTES | _MARKUP:
            self._aside(name, rest)
            return ""
        if name in _LAST_SHOWN and len(rest) > 1:
            self._draft.leave_out("markup", _source(rest[:-1]))
            return self._inline(rest[-1:])
        if hasattr(node.nodeargd, "verbatim_text"):
            return str(node.nodeargd.verbatim_text)
        if name in _SCRIPTS:
            return _SCRIPTS[name](self._runs(rest))
        if name in self._macros:
            return self._macros[name] + self._inline(rest)
        return self._inline(rest) if rest and len(name) > 1 else self._symbol(node)

    def _aside(self, name: str, rest: list[Untyped]) -> None:
        """Keep what is said of the document, and notes; account for what no reader sees; learn short commands."""
        source = _source(rest)
        if name in _ABOUT | _NOTES:
            text = " ".join(self._inline(rest[-1:]).split())
            if name in _NOTES:
                self._notes.append(text)
            else:
                self.about[name] = text.replace(" ,", ",")
            return
        if name in {"newcommand", "renewcommand", "providecommand"} and len(rest) == 2:
            self._macros[_source(rest[:1]).strip("\\{} ")] = self._inline(rest[1:])
        if name in _FILES:
            self._draft.remark(f"the file {source!r} that it takes in is not read with it")
        self._draft.leave_out("unread" if name in _FILES else "markup", source)

    def _math(self, node: Untyped) -> str:
        for inner in node.nodelist:
            if _name(inner) == "label":
                self._draft.leave_out("markup", inner.latex_verbatim())
        kept = [n for n in node.nodelist if _name(n) not in {"label", "nonumber", "notag"}]
        try:
            return " ".join(str(self._symbols.nodelist_to_text(kept)).split())
        except (IndexError, AttributeError, ValueError):
            return str(node.latex_verbatim())


def _name(node: Untyped) -> str:
    return str(getattr(node, "macroname", ""))


def _source(nodes: list[Untyped]) -> str:
    return "".join(node.latex_verbatim() for node in nodes).strip("{}")


def _arguments(node: Untyped) -> list[Untyped]:
    found = getattr(getattr(node, "nodeargd", None), "argnlist", None) or []
    return [each for each in found if each is not None]


def _with_arguments(nodes: Iterable[Untyped]) -> Iterator[tuple[Untyped, list[Untyped], list[Untyped]]]:
    """Yield nodes with their arguments and all nodes used: groups after a command that the parser does not know."""
    waiting = list(nodes)
    at = 0
    while at < len(waiting):
        begin, node, at = at, waiting[at], at + 1
        found = _arguments(node)
        if _name(node) and not found:
            while at < len(waiting) and type(waiting[at]).__name__ == "LatexGroupNode" and len(_name(node)) > 1:
                found.append(waiting[at])
                at += 1
        yield node, found, waiting[begin:at]
