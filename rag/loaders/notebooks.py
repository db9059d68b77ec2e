"""Jupyter notebooks: Markdown cells as Markdown, code cells as fenced code, no outputs."""

from __future__ import annotations

import json
from collections.abc import Iterator

from ..documents.document import clean_text
from . import markdown_text
from .errors import LoadError
from .formats import ParseContext
from .plain import text_of
from .results import Parsed


def parse(data: bytes, context: ParseContext) -> Iterator[Parsed]:
    """Read a notebook."""
    try:
        notebook = json.loads(text_of(data, context))
        cells = [cell for sheet in notebook.get("worksheets", [notebook]) for cell in sheet["cells"]]
        language = str(notebook.get("metadata", {}).get("language_info", {}).get("name", "python"))
        parts = [_cell(cell, language) for cell in cells]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LoadError("parse", f"not a readable notebook: {type(error).__name__}: {error}") from None
    yield markdown_text.parse_text(clean_text("\n\n".join(filter(None, parts))), context)


def _cell(cell: dict[str, object], language: str) -> str:
    source = cell.get("source", cell.get("input", ""))
    text = "".join(map(str, source)) if isinstance(source, list) else str(source)
    if not text.strip():
        return ""
    if cell["cell_type"] != "code":
        return text
    fence = "```" if "```" not in text else "~~~~~~"
    return f"{fence}{language}\n{text}\n{fence}"
