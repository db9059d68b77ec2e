"""Other toolkits' readers, and ours, behind one call: run by `reading.py`, each in the Python that has its package.

    PYTHON benchmarks/readers.py NAME < paths > answers

Reads paths, one a line; writes a line of JSON for each: ``{"path", "text", "seconds"}`` or ``{"path", "error",
"seconds"}``. It imports nothing of this project unless it is asked for ``ours``.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Read = Callable[[str], str]


def ours(paths: list[str]) -> Iterator[dict[str, object]]:
    """`rag.loaders.load`, every file in a killable child; column names that rows repeat count once a table."""
    from rag.documents.document import Document
    from rag.loaders import LoadFailure, discover, load_files

    start = time.perf_counter()
    texts: dict[str, list[str]] = {path: [] for path in paths}
    errors: dict[str, str] = {}
    for item in load_files(discover(paths)):
        if isinstance(item, Document):
            texts[item.source].append(_shown(item))
        elif isinstance(item, LoadFailure):
            errors[item.source] = str(item)
    seconds = (time.perf_counter() - start) / len(paths)
    for path in paths:
        said = {"error": errors[path]} if path in errors and not texts[path] else {"text": "\n".join(texts[path])}
        yield {"path": path, **said, "left_out": _left_out(path), "seconds": seconds}


def _left_out(path: str) -> str:
    """Return what the parser leaves out for a reason; the account of a document has its words' number alone."""
    from rag.loaders.formats import ParseContext, _imported, format_of, kind_by_name, true_kind

    data = Path(path).read_bytes()
    try:
        kind = true_kind(data, kind_by_name(path) or "text")
        context = ParseContext(Path(path).name, kind, enter=lambda _: False)
        items = list(_imported(format_of(kind).parser)(data, context))
    except Exception:  # noqa: BLE001 - it failed in the measured reading too
        return ""
    return "\n".join(text for item in items for text in getattr(item, "left_out", {}).values())


def _shown(document: Any) -> str:
    """Return the text with the names of columns (``Tool: Saw``) only once a table, and without OCR's pages."""
    lines, at, number, seen = [], 0, None, set()
    by_ocr = document.metadata.get("ocr_pages", ())
    for section in document.sections:
        lines.append(document.text[at : section.start])
        at = section.end
        if section.page in by_ocr:
            continue
        part = document.text[section.start : section.end]
        if section.table != number:
            number, seen = section.table, set()
        lines.append(part if number is None or section.columns else _named_once(part, seen))
    return "\n".join([*lines, document.text[at:]])


def _named_once(text: str, seen: set[str]) -> str:
    rows = []
    for line in text.split("\n"):
        cells = [cell.partition(": ") for cell in line.split(" | ")]
        new = [name for name, mark, _ in cells if mark and name not in seen]  # first, as a header is
        seen.update(new)
        rows.append(" | ".join([*new, *(value if mark else name for name, mark, value in cells)]))
    return "\n".join(rows)


def _markitdown() -> Read:
    from markitdown import MarkItDown

    converter = MarkItDown(enable_plugins=False)
    return lambda path: converter.convert(path).text_content


def _kreuzberg() -> Read:
    from kreuzberg import ExtractionConfig, extract_file_sync

    config = ExtractionConfig(use_cache=False)
    return lambda path: extract_file_sync(path, config=config).content


def _xberg() -> Read:
    import asyncio

    import xberg

    loop = asyncio.new_event_loop()
    config = xberg.ExtractionConfig(use_cache=False)

    async def extract(path: str) -> str:
        result = await xberg.extract(
            xberg.ExtractInput(kind=xberg.ExtractInputKind.URI, uri=Path(path).resolve().as_uri()), config
        )
        return "\n".join(document.content for document in result.results)

    return lambda path: loop.run_until_complete(extract(path))


def _unstructured() -> Read:
    """Without its language model, which it would download; the model only sorts texts into kinds of elements."""
    import spacy
    from unstructured.nlp import tokenize
    from unstructured.partition.auto import partition

    def blank() -> Any:
        english = spacy.blank("en")
        english.add_pipe("sentencizer")
        return english

    tokenize._load_spacy_model = blank

    return lambda path: "\n\n".join(element.text for element in partition(path, strategy="fast"))


def _calamine() -> Read:
    import python_calamine

    def read(path: str) -> str:
        book = python_calamine.CalamineWorkbook.from_path(path)
        rows = (row for name in book.sheet_names for row in book.get_sheet_by_name(name).to_python())
        return "\n".join(" ".join(f"{c:.15g}" if isinstance(c, float) else str(c) for c in row) for row in rows)

    return read


def _pdf_oxide() -> Read:
    import pdf_oxide

    def read(path: str) -> str:
        document = pdf_oxide.PdfDocument(path)
        return "\n".join(document.extract_text(page) for page in range(document.page_count()))

    return read


def _liteparse() -> Read:
    from liteparse import LiteParse

    parser = LiteParse(ocr_enabled=False)
    return lambda path: parser.parse(path).text


def _docutils() -> Read:
    from docutils.core import publish_doctree

    quiet = {"report_level": 5, "halt_level": 6, "file_insertion_enabled": False, "raw_enabled": False}
    return lambda path: publish_doctree(Path(path).read_text("utf-8"), settings_overrides=quiet).astext()


def _docling() -> Read:
    """docling-slim without models: its back ends one by one, for its converter wants torch."""
    import importlib

    from docling.datamodel import base_models, document

    rows = {
        "docx": ("msword_backend", "MsWordDocumentBackend", "DOCX"),
        "pptx": ("mspowerpoint_backend", "MsPowerpointDocumentBackend", "PPTX"),
        "xlsx": ("msexcel_backend", "MsExcelDocumentBackend", "XLSX"),
        "html": ("html_backend", "HTMLDocumentBackend", "HTML"),
        "md": ("md_backend", "MarkdownDocumentBackend", "MD"),
        "csv": ("csv_backend", "CsvDocumentBackend", "CSV"),
        "epub": ("epub_backend", "EpubDocumentBackend", "EPUB"),
        "eml": ("email_backend", "EmailDocumentBackend", "EMAIL"),
        "odt": ("opendocument_backend", "OdtDocumentBackend", "ODT"),
        "ods": ("opendocument_backend", "OdsDocumentBackend", "ODS"),
        "odp": ("opendocument_backend", "OdpDocumentBackend", "ODP"),
    }

    def read(path: str) -> str:
        module, name, kind = rows[Path(path).suffix[1:].lower()]
        backend = getattr(importlib.import_module(f"docling.backend.{module}"), name)
        given = document.InputDocument(
            path_or_stream=Path(path), format=base_models.InputFormat[kind], backend=backend, filename=Path(path).name
        )
        return given._backend.convert().export_to_markdown()

    return read


READERS: dict[str, Callable[[], Read]] = {
    "markitdown": _markitdown,
    "kreuzberg": _kreuzberg,
    "xberg": _xberg,
    "docling": _docling,
    "docutils": _docutils,
    "unstructured": _unstructured,
    "calamine": _calamine,
    "pdf_oxide": _pdf_oxide,
    "liteparse": _liteparse,
}


def answers(read: Read, paths: Iterator[str]) -> Iterator[dict[str, object]]:
    for path in paths:
        start = time.perf_counter()
        try:
            result = {"text": read(path)}
        except BaseException as error:  # noqa: BLE001 - a panic of a Rust library is no Exception
            result = {"error": f"{type(error).__name__}: {error}"[:300]}
        yield {"path": path, **result, "seconds": time.perf_counter() - start}


def main() -> None:
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="replace")
    os.dup2(2, 1)  # libraries print
    paths = (line.rstrip("\n") for line in iter(sys.stdin.readline, ""))
    for answer in ours(list(paths)) if sys.argv[1] == "ours" else answers(READERS[sys.argv[1]](), paths):
        channel.write(json.dumps(answer) + "\n")
        channel.flush()


if __name__ == "__main__":
    main()
