"""XLSX files, by openpyxl: a sheet is a page, a row a line."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from datetime import datetime, time
from itertools import chain

from .draft import Draft, first_title
from .errors import LoadError
from .formats import ParseContext
from .office import check, properties
from .results import Parsed
from .tables import add_rows


def parse(data: bytes, context: ParseContext) -> Iterator[Parsed]:
    """Read an XLSX: values, not formulas."""
    check(data, context)
    import openpyxl

    warnings.simplefilter("ignore")  # openpyxl tells of styles and extensions that it drops; no text is among them
    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
    except KeyError as error:
        raise LoadError("parse", f"not a readable XLSX: {error}") from None
    draft = Draft(context.budget)
    for number, sheet in enumerate(book.worksheets, 1):
        sheet.reset_dimensions()  # the declared size may be a lie of 17 billion cells
        draft.drop_headings()
        draft.page(number)
        rows = ([_shown(value) for value in row] for row in sheet.iter_rows(values_only=True))
        first = next((row for row in rows if any(row)), None)
        if first is not None:
            draft.heading(sheet.title, 1)
            add_rows(chain([first], rows), draft)
    fields = properties(book.properties)
    title = first_title(str(fields.pop("title", "")), context.stem_title)
    yield draft.parsed(title, {**fields, "sheets": len(book.sheetnames)})


def _shown(value: object) -> str:
    """Return a cell as people read it."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.15g}"
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ")
    return str(value)
