"""Reports as one HTML file: no network, everything of unknown origin escaped, readable on phones and wide screens.

::

    write_page("report.html", page("Evaluation", section("Figures", table(("metric", "value"), rows)), lead="..."))

A `str` is text and is always escaped; `Html` is markup made by a function of this module or
`pipelines.reports.charts`. A Content-Security-Policy in the page allows its own style and its one script (sorting
of tables), and nothing else: whatever a document contains, the page loads nothing.
"""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from rag.whole_file import whole_file

from ..plain_text import safe


class Html(str):
    """Markup that is safe to put into a page as it is."""

    __slots__ = ()


Text = str | Html
"""Text, which is escaped, or markup."""

Cell = str | Html | float | int | None
"""A table cell: numbers are aligned right and sorted as numbers, None is a dash."""

NONE = "\N{EN DASH}"


def text(value: Text) -> Html:
    """Escape a text; leave markup."""
    return value if isinstance(value, Html) else Html(html.escape(safe(value)))


def join(*parts: Text) -> Html:
    """Concatenate parts."""
    return Html("".join(text(part) for part in parts))


def element(tag: str, *content: Text, **attributes: str) -> Html:
    """Return ``<tag ...>content</tag>``; ``class_`` is written ``class``, other underscores become hyphens."""
    shown = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{html.escape(value)}"' for name, value in attributes.items()
    )
    return Html(f"<{tag}{shown}>{join(*content)}</{tag}>")


def paragraph(*content: Text) -> Html:
    """Return a paragraph."""
    return element("p", *content)


def section(title: str, *content: Text, lead: Text = "") -> Html:
    """Return a headed part of a page."""
    return element("section", element("h2", title), paragraph(lead) if lead else "", *content)


def facts(pairs: Mapping[str, Text]) -> Html:
    """Return a list of names and values."""
    return element("dl", *(join(element("dt", name), element("dd", value)) for name, value in pairs.items()))


def details(summary: Text, *content: Text) -> Html:
    """Return a collapsed part."""
    return element("details", element("summary", summary), *content)


def table(headers: Sequence[Text], rows: Iterable[Sequence[Cell]], *, digits: int = 3, caption: Text = "") -> Html:
    """Return a table that is sorted by a click on a header, and scrolls sideways if it is too wide.

    Parameters
    ----------
    headers
        One per column.
    rows
        Cells, one per column.
    digits
        Decimal places of floats.
    caption
        Text above the table.
    """
    cells = [list(row) for row in rows]
    head = element("tr", *(_header(each, [row[at] for row in cells]) for at, each in enumerate(headers)))
    body = [element("tr", *(_cell(cell, digits) for cell in row)) for row in cells]
    inside = join(element("caption", caption) if caption else "", element("thead", head), element("tbody", *body))
    return element("div", element("table", inside), class_="scroll", tabindex="0")


def _header(name: Text, column: Sequence[Cell]) -> Html:
    """Return a column's header, aligned right over numbers."""
    numbers = bool(column) and not any(isinstance(cell, bool | str) for cell in column)
    return element(
        "th", element("button", name, type="button"), scope="col", **({"class_": "number"} if numbers else {})
    )


def _cell(value: Cell, digits: int) -> Html:
    if isinstance(value, bool | str):
        return element("td", value if isinstance(value, str) else str(value))
    if value is None:
        return element("td", NONE, class_="number", data_sort="-inf")
    shown = f"{value:,}" if isinstance(value, int) else f"{value:.{digits}f}"
    return element("td", shown, class_="number", data_sort=repr(value))


def page(title: str, *content: Text, lead: Text = "", footer: Text = "") -> str:
    """Return a whole page.

    Parameters
    ----------
    title
        Heading, and the window's title.
    content
        Sections.
    lead
        The main finding, in a sentence, below the heading.
    footer
        Command, versions, date.
    """
    policy = (
        f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{script_digest()}'; "
        "base-uri 'none'; form-action 'none'"
    )
    body = join(
        element("header", element("h1", title), element("p", lead, class_="lead") if lead else ""),
        element("main", *content),
        element("footer", footer) if footer else "",
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="referrer" content="no-referrer">'
        f"{element('title', title)}<style>{_STYLE}</style></head>\n"
        f"<body>{body}<script>{_SCRIPT}</script></body></html>\n"
    )


def script_digest() -> str:
    """Return the digest by which a Content-Security-Policy allows the one script of a page."""
    return base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()


def write_page(path: str | Path, markup: str) -> None:
    """Write a page, whole or not at all."""
    with whole_file(path, errors="replace") as out:
        out.write(markup)


_STYLE = """
:root{--ink:#1b2330;--soft:#5b6675;--line:#dde2e8;--back:#fff;--wash:#f5f7f9;--one:#2563a8;--two:#b4531f;--three:#3d7d4b;
--four:#7a4b9e;--five:#8a6d00;--six:#b03060;--seven:#0f7c85;--eight:#6b6b6b;--nine:#d4700a;--ten:#4a5fd0;--eleven:#c0399f;
--twelve:#5f7a12;--bad:#b3261e;--good:#2b6e3f}
@media(prefers-color-scheme:dark){:root{--ink:#e5e9ee;--soft:#9aa6b4;--line:#343d49;--back:#14181e;--wash:#1c222a;
--one:#6ea8e6;--two:#e59a6a;--three:#7cc08a;--four:#bd96dd;--five:#d3b64a;--six:#e884a8;
--seven:#5cc4cd;--eight:#b0b0b0;--nine:#ffb35c;--ten:#9aa9ff;--eleven:#f08fd8;--twelve:#aecb5a;--bad:#f2837b;--good:#7fc796}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1120px;padding:24px 20px 48px;color:var(--ink);background:var(--back);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif;overflow-wrap:anywhere}
h1{font-size:1.6rem;line-height:1.25;margin:0 0 4px}
h2{font-size:1.2rem;margin:36px 0 8px;padding-top:12px;border-top:1px solid var(--line)}
h3{font-size:1rem;margin:20px 0 4px}
p{margin:6px 0;max-width:75ch}
.lead{font-size:1.1rem;color:var(--soft)}
small,.soft,footer{color:var(--soft)}
footer{margin-top:40px;border-top:1px solid var(--line);padding-top:12px;font-size:.85rem}
.scroll{overflow-x:auto;margin:12px 0;border:1px solid var(--line);border-radius:6px}
table{border-collapse:collapse;width:100%;font-size:.9rem}
caption{text-align:left;padding:8px 10px;color:var(--soft)}
th,td{padding:6px 10px;text-align:left;vertical-align:top;border-bottom:1px solid var(--line);overflow-wrap:break-word}
tbody tr:last-child td{border-bottom:0}
tbody tr:hover{background:var(--wash)}
th{background:var(--wash);white-space:nowrap}
th button{all:unset;cursor:pointer;font-weight:600}
th button:focus-visible{outline:2px solid var(--one)}
th[aria-sort=ascending] button:after{content:" \\2191"}
th[aria-sort=descending] button:after{content:" \\2193"}
th.number{text-align:right}
td.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 16px;margin:12px 0;font-size:.9rem}
dt{color:var(--soft)}dd{margin:0;min-width:0}
details{margin:8px 0;border:1px solid var(--line);border-radius:6px;padding:8px 12px}
summary{cursor:pointer}
blockquote{margin:8px 0;padding:4px 12px;border-left:3px solid var(--line);font-size:.9rem;white-space:pre-wrap}
blockquote.hit{border-color:var(--good)}blockquote.miss{border-color:var(--line)}
code{font:.85em ui-monospace,"DejaVu Sans Mono",monospace;background:var(--wash);padding:1px 4px;border-radius:3px}
.bad{color:var(--bad)}.good{color:var(--good)}
figure{margin:12px 0}figcaption{color:var(--soft);font-size:.85rem}
svg{display:block;max-width:100%}
svg text{fill:var(--ink);font-size:12px}svg .soft{fill:var(--soft)}
.bars{display:grid;grid-template-columns:minmax(6em,max-content) 1fr max-content;grid-auto-flow:dense;gap:6px 12px;
align-items:center;font-size:.9rem}
.bars>span:nth-child(3n+1){grid-column:1}.bars>span:nth-child(3n){grid-column:2}
.bars>span:nth-child(3n+2){grid-column:3;text-align:right;font-variant-numeric:tabular-nums}
.legend{display:flex;flex-wrap:wrap;gap:4px 16px;font-size:.85rem}
.legend span:before{content:"";display:inline-block;width:.8em;height:.8em;margin-right:.4em;border-radius:2px;
background:currentColor}
.legend b{font-weight:400;color:var(--ink)}
@media(max-width:560px){body{padding:16px 14px 40px}.bars{grid-template-columns:1fr max-content;grid-auto-flow:row}
.bars>span:nth-child(3n+2){grid-column:2}.bars>span:nth-child(3n){grid-column:1/-1;margin-bottom:6px}
dl{grid-template-columns:1fr}dd{margin-bottom:6px}}
@media print{body{max-width:none}.scroll{overflow:visible}}
"""

_SCRIPT = """
for (const head of document.querySelectorAll("th button")) head.addEventListener("click", () => {
  const th = head.parentElement, at = th.cellIndex, body = th.closest("table").tBodies[0];
  const down = th.getAttribute("aria-sort") !== "descending";
  for (const other of th.parentElement.cells) other.removeAttribute("aria-sort");
  th.setAttribute("aria-sort", down ? "descending" : "ascending");
  const key = row => { const cell = row.cells[at], n = cell.dataset.sort;
    return n === undefined ? cell.textContent : n === "-inf" ? -Infinity : Number(n); };
  const rows = [...body.rows].map(row => [key(row), row]);
  rows.sort(([a], [b]) => typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b)));
  if (down) rows.reverse();
  body.append(...rows.map(([, row]) => row));
});
"""
