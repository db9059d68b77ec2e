"""The crude reader of Office files: the contents of text elements, found by patterns in the XML of every part."""

from __future__ import annotations

import html
import io
import re
import zipfile

_PARTS = re.compile(
    r"word/(?:document|footnotes|endnotes|comments|header\d*|footer\d*)\.xml"
    r"|ppt/(?:slides|notesSlides|comments)/[^/]*\.xml"
    r"|(?:word|ppt|xl)/(?:charts/chart|diagrams/data)[^/]*\.xml"
    r"|xl/(?:sharedStrings|comments[^/]*|worksheets/[^/]*|drawings/drawing[^/]*)\.xml|(?:content|styles)\.xml",
    re.IGNORECASE,
)
_READINGS = re.compile(r"<rPh .*?</rPh>", re.DOTALL)
_OFFICE = re.compile(
    r"<(?:\w+:)?(?:t|delText|is)(?:\s[^>]*)?>([^<]+)"
    r"|<c r=\"\w+\"(?: t=\"(?:str|n)\")?>(?:<f[^>]*>[^<]*</f>|<f[^>]*/>)?<v>([^<]+)"
    r"|<(/?(?:\w+:)?(?:p|si|c|tc|row|br|tab|cr|oMath|ptab|num|den|e|sub|sup|deg|lim|fName)\b)"
)
_OPEN = re.compile(
    r"<(?:text:(?:p|h|s|tab|line-break|note)|svg:\w+|dc:\w+|draw:\w+|office:\w+|table:\w+)\b[^>]*>"
    r"|</(?:text:(?:p|h|note)|svg:\w+|dc:\w+)>"
)
_BODY = re.compile(r"<office:body>.*</office:body>|<style:(?:header|footer)\b.*?</style:(?:header|footer)>", re.DOTALL)
_TAG = re.compile(r"<[^>]*>")


def text_of(data: bytes) -> str:
    """Return the texts of all parts of a DOCX, PPTX, XLSX or OpenDocument file that a person could see."""
    if not data.startswith(b"PK"):
        return html.unescape(_open_document(data.decode("utf-8", "replace")))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = [archive.read(name).decode("utf-8", "replace") for name in archive.namelist() if _PARTS.fullmatch(name)]
    opened = "mimetype" in zipfile.ZipFile(io.BytesIO(data)).namelist()
    return html.unescape("\n".join(map(_open_document if opened else _office, parts)))


def _office(xml: str) -> str:
    xml = _READINGS.sub("", xml)
    return "".join(m[1] or (f" {m[2]} " if m[2] else " ") for m in _OFFICE.finditer(xml))


def _open_document(xml: str) -> str:
    return "\n".join(_TAG.sub("", _OPEN.sub(" ", part)) for part in _BODY.findall(xml))
