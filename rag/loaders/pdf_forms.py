"""What stands on a PDF's pages besides their text: values of form fields, notes, and whether there are pictures."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator

from .formats import Untyped

_MOST = 2000
_UNCHECKED = frozenset({"", "Off"})
_LABEL = 120
_PASSWORD = 1 << 13


def marks(pdf: Untyped, page: Untyped, textpage: Untyped) -> Iterator[str]:
    """Yield form values as ``label: value``, and what notes on the page say.

    The label is the text on the same line, to the left or else to the right, or the field's own name.
    """
    import pypdfium2.raw as pdfium

    for i in range(min(pdfium.FPDFPage_GetAnnotCount(page), _MOST)):
        mark = pdfium.FPDFPage_GetAnnot(page, i)
        if not mark:
            continue
        kind = pdfium.FPDFAnnot_GetSubtype(mark)
        if kind == pdfium.FPDF_ANNOT_WIDGET and pdf.formenv:
            if not _is_secret(pdf.formenv, mark) and (value := _value(pdf.formenv, mark)):
                yield f"{_label(pdf.formenv, mark, textpage)}: {value}".lstrip(": ")
        elif kind not in {pdfium.FPDF_ANNOT_LINK, pdfium.FPDF_ANNOT_POPUP, pdfium.FPDF_ANNOT_WIDGET}:
            said = _string(pdfium.FPDFAnnot_GetStringValue, mark, b"Contents")
            if said.strip():
                yield said
        pdfium.FPDFPage_CloseAnnot(mark)


def has_content(page: Untyped) -> bool:
    """Say whether anything is drawn on a page."""
    import pypdfium2.raw as pdfium

    return bool(pdfium.FPDFPage_CountObjects(page) > 0)


def _value(form: Untyped, mark: Untyped) -> str:
    import pypdfium2.raw as pdfium

    kind = pdfium.FPDFAnnot_GetFormFieldType(form, mark)
    if kind in {pdfium.FPDF_FORMFIELD_CHECKBOX, pdfium.FPDF_FORMFIELD_RADIOBUTTON}:
        if not pdfium.FPDFAnnot_IsChecked(form, mark):
            return ""
        value = _string(pdfium.FPDFAnnot_GetFormFieldExportValue, form, mark)
        return "Yes" if value in {"On", "1", *_UNCHECKED} else value
    if kind in {pdfium.FPDF_FORMFIELD_TEXTFIELD, pdfium.FPDF_FORMFIELD_COMBOBOX, pdfium.FPDF_FORMFIELD_LISTBOX}:
        return _chosen(form, mark) or _string(pdfium.FPDFAnnot_GetFormFieldValue, form, mark).strip()
    return ""


def _chosen(form: Untyped, mark: Untyped) -> str:
    """Return the options of a list that are chosen, as the list shows them."""
    import pypdfium2.raw as pdfium

    chosen = (
        _string(pdfium.FPDFAnnot_GetOptionLabel, form, mark, i)
        for i in range(min(pdfium.FPDFAnnot_GetOptionCount(form, mark), _MOST))
        if pdfium.FPDFAnnot_IsOptionSelected(form, mark, i)
    )
    return ", ".join(filter(None, chosen))


def _is_secret(form: Untyped, mark: Untyped) -> bool:
    """Say whether a field is hidden, or shows dots for what is typed into it."""
    import pypdfium2.raw as pdfium

    hidden = pdfium.FPDFAnnot_GetFlags(mark) & (pdfium.FPDF_ANNOT_FLAG_HIDDEN | pdfium.FPDF_ANNOT_FLAG_NOVIEW)
    text = pdfium.FPDFAnnot_GetFormFieldType(form, mark) == pdfium.FPDF_FORMFIELD_TEXTFIELD
    return bool(hidden or (text and pdfium.FPDFAnnot_GetFormFieldFlags(form, mark) & _PASSWORD))


def _label(form: Untyped, mark: Untyped, textpage: Untyped) -> str:
    import pypdfium2.raw as pdfium

    rect = pdfium.FS_RECTF()
    pdfium.FPDFAnnot_GetRect(mark, rect)
    quarter = (rect.top - rect.bottom) / 4  # the lines above and below reach into the field
    bottom, top = sorted((rect.bottom + quarter, rect.top - quarter))
    near = [
        textpage.get_text_bounded(left=0, bottom=bottom, right=rect.left, top=top),
        textpage.get_text_bounded(left=rect.right, bottom=bottom, top=top),
        _string(pdfium.FPDFAnnot_GetFormFieldAlternateName, form, mark),
        _string(pdfium.FPDFAnnot_GetFormFieldName, form, mark),
    ]
    label = next((text for each in near if (text := " ".join(each.split()))), "")
    return label[-_LABEL:].rstrip(" :._")


def _string(function: Untyped, *arguments: Untyped) -> str:
    """Call a function of PDFium that fills a buffer with UTF-16."""
    size = function(*arguments, None, 0)
    if size <= 2:
        return ""
    buffer = ctypes.create_string_buffer(size)
    function(*arguments, ctypes.cast(buffer, ctypes.POINTER(ctypes.c_ushort)), size)
    return buffer.raw[: size - 2].decode("utf-16-le", "replace").replace("\r", "\n")
