"""Text in the drawings of Office files: shapes, charts as tables, diagrams, formulas."""

from __future__ import annotations

from collections.abc import Iterator

from .draft import Draft
from .office import Package
from .scripts import lowered, raised, written
from .tables import add_tables
from .xml_text import Element, local

_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_BREAKS = {"br": "\n", "cr": "\n", "tab": "\t", "noBreakHyphen": "-"}
_MAX_DEPTH = 200


def paragraph_text(paragraph: Element) -> str:
    """Return a paragraph's text, line breaks and formulas included."""
    parts = []
    for node in paragraph.iter():
        tag = local(node.tag)
        if tag == "t":
            parts.append(_scripted(node))
        elif tag == "oMath":
            parts.append(" ")
        elif tag in _BREAKS and local(node.getparent().tag) != "tabLst":
            parts.append(_BREAKS[tag])
    return written("".join(parts))


def _scripted(text: Element) -> str:
    """Return a run's text, marked if its baseline is raised or lowered."""
    shift = next((p.get("baseline", "0") for p in text.getparent().iterchildren("{*}rPr")), "0")
    if shift.startswith("-"):
        return lowered(text.text or "")
    return raised(text.text or "") if shift.strip("0%") else text.text or ""


def paragraphs(tree: Element) -> Iterator[str]:
    """Yield the paragraphs of DrawingML under an element."""
    for paragraph in tree.iter(f"{_A}p"):
        yield paragraph_text(paragraph)


def graphic(frame: Element, package: Package, part: str, draft: Draft) -> None:
    """Add the chart or the diagram that a frame on ``part`` shows."""
    relations = package.relations(part)
    for node in frame.iter("{*}chart", "{*}relIds"):
        ids = {local(name): value for name, value in node.attrib.items()}
        relation = relations.get(ids.get("id") or ids.get("dm") or "")
        tree = package.tree(relation.target) if relation is not None else None
        if tree is not None and local(node.tag) == "chart":
            chart(tree, draft)
        elif tree is not None:
            draft.block("\n".join(text for text in paragraphs(tree) if text.strip()))


def chart(tree: Element, draft: Draft) -> None:
    """Add a chart: its titles, and its data with the series as columns."""
    for text in paragraphs(tree):
        draft.block(text)
    for plot in tree.iter("{*}plotArea"):
        series = list(plot.iter("{*}ser"))
        columns = [_points(each, "val", "yVal") for each in series]
        names = [" ".join(_points(each, "tx").values()) for each in series]
        first = _points(series[0], "cat", "xVal") if series else {}
        rows = [
            ["", *names],
            *([first.get(i, ""), *(column.get(i, "") for column in columns)] for i in _rows(first, *columns)),
        ]
        add_tables([(0, row) for row in rows if any(row)], draft, marked=1)


def _rows(*columns: dict[int, str]) -> list[int]:
    return sorted(set().union(*columns))


def _points(series: Element, *tags: str) -> dict[int, str]:
    """Return the points that a chart keeps of its cells, by their number."""
    found = {}
    for holder in series.iterchildren(*(f"{{*}}{tag}" for tag in tags)):
        for point in holder.iter("{*}pt"):
            index = point.get("idx", "0")
            found[int(index) if index.isdecimal() else 0] = " ".join(
                "".join(v.text or "" for v in point.iter("{*}v")).split()
            )
    return found


def formula(node: Element, depth: int = 0) -> str:
    """Return a formula of Office Math on one line: fractions with a slash, powers and indices with their marks."""
    if depth > _MAX_DEPTH:
        raise RecursionError
    tag = local(node.tag)
    if tag == "t":
        return node.text or ""
    inner = {local(child.tag): formula(child, depth + 1).strip() for child in node} if tag in _MARKS else {}
    if inner:
        return _MARKS[tag].format_map(_Blank(inner))
    text = "".join(formula(child, depth + 1) for child in node if not local(child.tag).endswith("Pr"))
    return f" {text} " if tag in ("e", "sub", "sup", "deg", "lim", "fName") else text


class _Blank(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return ""


_MARKS = {
    "f": "({num})/({den})",
    "sSup": "{e}^{sup}",
    "sSub": "{e}_{sub}",
    "sSubSup": "{e}_{sub}^{sup}",
    "rad": "√({e})",
    "d": "({e})",
}
