"""PDF by pypdfium2 (PDFium, BSD): text page by page."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .draft import Draft
from .formats import Context
from .results import LoadError, Parsed

MAX_PAGES = 10_000
_GARBAGE_TITLE = re.compile(
    r"^(untitled.*|title|slide \d+|microsoft \w+ - .*|.*\.(docx?|pptx?|xlsx?|tex|dvi|indd|qxd|pdf|html?|ps|txt)|[\W\d_]*)$",
    re.IGNORECASE,
)


def parse(data: bytes, context: Context) -> Iterator[Parsed]:
    """Read a PDF; raises LoadError where it is encrypted or broken."""
    import pypdfium2

    try:
        pdf = pypdfium2.PdfDocument(data)
        count = len(pdf)
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower() or "security" in str(error).lower():
            raise LoadError("encrypted", "needs a password; save it without one and ingest that") from None
        raise LoadError("parse", f"no readable PDF: {error}") from None
    if count > MAX_PAGES:
        raise LoadError("limit", f"{count} pages; PDFs of up to {MAX_PAGES} are read")
    draft = Draft(context.budget)
    unread = 0
    for number in range(count):
        try:
            text = _page_text(pdf, number)
        except pypdfium2.PdfiumError:
            unread += 1
            continue
        draft.page(number + 1)
        draft.block(text)
    if count and unread == count:
        raise LoadError("parse", f"none of its {count} pages can be read")
    fields = {key: value for key in ("Title", "Author") if (value := pdf.get_metadata_value(key).strip())}
    title = fields.pop("Title", "")
    metadata: dict[str, str | int] = {"pages": count}
    if unread:
        metadata["unread_pages"] = unread
    if author := fields.get("Author"):
        metadata["author"] = author
    text, sections = draft.finish()
    if not text:
        raise LoadError("empty", f"no text on its {count} pages; a scan needs OCR first")
    yield Parsed(
        text, context.stem_title if _GARBAGE_TITLE.match(title) else title, sections=sections, metadata=metadata
    )


def _page_text(pdf: object, number: int) -> str:
    page = pdf[number]  # type: ignore[index]
    try:
        textpage = page.get_textpage()
        try:
            text: str = textpage.get_text_bounded()
        finally:
            textpage.close()
    finally:
        page.close()
    return rejoin(text)


def rejoin(text: str) -> str:
    """Undo what the page's layout did to words: hyphens at line ends (PDFium marks them U+FFFE or U+0002)."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = re.sub("[\ufffe\x02]\n?", "", text)
    return text.replace("\u00ad\n", "").replace("\u00ad", "")
