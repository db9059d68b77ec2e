"""XLS files of Excel 97-2003, by xlrd: a sheet is a page, a row a line, every value as its cell shows it."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from contextlib import suppress

from .compound import Compound
from .draft import Draft, first_title
from .errors import LoadError
from .formats import ParseContext, Untyped
from .hidden import leave_out_hidden, page_of
from .number_formats import general, shown
from .results import Parsed
from .tables import Row, add_tables, covered_cells, with_covered

_BEGIN, _END, _GOES_ON = 0x0809, 0x000A, 0x003C
_BOX, _OF_CHART = 0x01B6, 0x100D
_BIFF8 = 80


def parse(data: bytes, context: ParseContext) -> Iterator[Parsed]:
    """Read an XLS of Excel 97-2003: values in their formats."""
    import xlrd

    try:
        book = xlrd.open_workbook(file_contents=data, formatting_info=True, ragged_rows=True, logfile=io.StringIO())
    except Exception as error:  # noqa: BLE001 - a broken workbook can fail anywhere in it
        encrypted = "encrypted" in str(error)
        detail = (
            "needs a password; save it without one and ingest that" if encrypted else f"not a readable XLS: {error}"
        )
        raise LoadError("encrypted" if encrypted else "parse", detail) from None
    draft = Draft(context.budget)
    stream = _stream(data) if book.biff_version >= _BIFF8 else b""
    for number, sheet in enumerate(book.sheets(), 1):
        with page_of(draft, number, f"the sheet {sheet.name!r}" if sheet.visibility else "") as target:
            rows = list(_rows(book, sheet, target))
            notes = sorted(sheet.cell_note_map.items())
            said = {note.text for _, note in notes}
            place = book._sh_abs_posn[number - 1] - book.base
            drawn = [text for text in _drawn(stream, place) if text not in said]
            if any(any(cells) for _, cells in rows) or notes or drawn:
                target.heading(sheet.name, 1)
                add_tables(rows, target)
            for (row, column), note in notes:
                text = " ".join(note.text.split())
                target.block(f"Comment on {xlrd.cellname(row, column)}: {text}" if text else "")
            for text in drawn:
                target.block(text)
    fields = {"author": book.user_name.strip()} if book.user_name.strip() else {}
    yield draft.parsed(first_title(context.stem_title), {**fields, "sheets": book.nsheets})


def _stream(data: bytes) -> bytes:
    with suppress(LoadError):  # xlrd reads some files that are less than whole
        return Compound(data).stream("Workbook")
    return b""


def _drawn(stream: bytes, at: int) -> Iterator[str]:
    """Yield the texts of a sheet that xlrd passes over: of text boxes (and comments), titles in charts."""
    depth = left = 0
    parts: list[str] = []
    while at + 4 <= len(stream):
        kind, size = struct.unpack_from("<HH", stream, at)
        body = stream[at + 4 : at + 4 + size]
        at += 4 + size
        depth += {_BEGIN: 1, _END: -1}.get(kind, 0)
        if kind == _GOES_ON and left > 0 and body:
            parts.append(_text(body[1:], body[0])[:left])
            left -= len(parts[-1])
        elif parts:
            yield "".join(parts)
            parts, left = [], 0
        if kind == _BOX and size >= 12:
            left = int.from_bytes(body[10:12], "little")
        elif kind == _OF_CHART and size > 4:
            yield _text(body[4:], body[3])
        if depth <= 0:
            return


def _text(data: bytes, flags: int) -> str:
    return data.decode("utf-16-le" if flags & 1 else "latin-1", "replace")


def _rows(book: Untyped, sheet: Untyped, draft: Draft) -> Iterator[Row]:
    covered = covered_cells([(a, c, b - 1, d - 1) for a, b, c, d in sheet.merged_cells])
    hidden = {column for column, info in sheet.colinfo_map.items() if info.hidden}
    for number in range(sheet.nrows):
        cells = [_shown(book, cell) for cell in sheet.row(number)]
        info = sheet.rowinfo_map.get(number)
        if info is not None and info.hidden:
            leave_out_hidden(draft, " ".join(cells), "rows")
            continue
        leave_out_hidden(draft, " ".join(text for i, text in enumerate(cells) if i in hidden), "columns")
        cells = ["" if i in hidden else text for i, text in enumerate(cells)]
        yield number + 1, with_covered(cells, number, covered)


def _shown(book: Untyped, cell: Untyped) -> str:
    if cell.ctype == 1:
        return str(cell.value)
    if cell.ctype in (2, 3):
        code = book.format_map[book.xf_list[cell.xf_index].format_key].format_str
        plain = code.lower() in ("", "general")
        return general(cell.value) if plain else shown(cell.value, code, since_1904=bool(book.datemode))
    if cell.ctype == 4:
        return "TRUE" if cell.value else "FALSE"
    if cell.ctype == 5:
        import xlrd

        return str(xlrd.error_text_from_code.get(cell.value, ""))
    return ""
