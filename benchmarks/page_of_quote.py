"""Is each quote on the page that its citation names? Against pdfium's own text of that page.

    python benchmarks/page_of_quote.py FOLDER [--quotes 300] [--chunker headings:256/32 ...]

FOLDER holds PDFs. For each chunker, sentences are drawn at random (seeded) from stored chunks of PDFs that have more
than one page, cited as the bot cites, and looked up in pdfium's text of the cited page, white space, hyphens, accents
and ligatures apart. A quote that runs on to the next page is looked up in both. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import tempfile
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import pypdfium2

from rag.answers import citation
from rag.documents.document import Passage
from rag.embedding import HashingEmbedder
from rag.knowledge_base import KnowledgeBase
from rag.loaders import load
from rag.sentences import sentences

CHUNKERS = ["headings:256/32", "tokens:256/32", "sentences:256/1", "recursive:256"]


def _letters(text: str) -> str:
    return re.sub(r"[\s\W_]+", "", unicodedata.normalize("NFKD", text)).casefold()


def _pages(path: str) -> list[str]:
    """Return the letters of each page; of one that lies on its side also as they are in order before it is turned."""
    texts = []
    for page in pypdfium2.PdfDocument(path):
        text = page.get_textpage().get_text_bounded()
        if page.get_rotation():
            page.set_rotation(0)
            text += page.get_textpage().get_text_bounded()
        texts.append(_letters(text))
    return texts


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--quotes", type=int, default=300)
    parser.add_argument("--chunker", nargs="*", default=CHUNKERS)
    arguments = parser.parse_args()
    failures: list = []
    documents = [  # of scans, PDFium sees no text
        d
        for d in load(arguments.folder, failures=failures)
        if d.type == "pdf" and d.metadata.get("pages", 0) > 1 and "ocr_pages" not in d.metadata
    ]
    pages = {d.id: _pages(d.location) for d in documents}
    for chunker in arguments.chunker:
        print(json.dumps({"chunker": chunker, **_measure(documents, pages, chunker, arguments.quotes)}))


def _stands(page: int, quote: str, start: int, sections: Sequence, pages: list[str]) -> bool:
    """Say whether a quote begins on the page cited, and each part of it stands on its page.

    A running header may stand between the parts, so they are looked up one by one.
    """
    end = start + len(quote)
    parts = [(s.page, quote[max(s.start - start, 0) : max(min(s.end, end) - start, 0)]) for s in sections]
    parts = [(number, text) for number, text in parts if _letters(text)] or [(page, quote)]
    return parts[0][0] == page and all(_letters(text) in pages[number - 1] for number, text in parts)


def _measure(documents: list, pages: dict, chunker: str, count: int) -> dict:
    with (
        tempfile.TemporaryDirectory() as folder,
        KnowledgeBase.create(Path(folder, "kb"), embedder=HashingEmbedder(16), chunker=chunker) as kb,
    ):
        kb.add(documents)
        chunks = kb.chunks(kb.chunk_ids())
    drawn = random.Random(7)
    spans = [(c, a, b) for c in chunks for a, b in sentences(c.text) if len(_letters(c.text[a:b])) >= 12]
    picked = drawn.sample(spans, min(count, len(spans)))
    right, wrong = 0, []
    for c, a, b in picked:
        passage = Passage(1, 0.0, c.id, c.document, c.source, c.start, c.end, c.text, c.title, c.type, c.heading,
                          c.page, sections=c.sections)  # fmt: skip
        cited = citation(1, passage, a, b)
        begin = c.start + c.text.index(cited.quote, a)
        if _stands(cited.page, cited.quote, begin, c.sections, pages[c.document]):
            right += 1
        else:
            wrong.append({"document": c.document, "page": cited.page, "quote": cited.quote[:120]})
    crossing = sum(len({s.page for s in c.sections}) > 1 for c, _, _ in picked)
    return {
        "files": len(documents),
        "quotes": len(picked),
        "right": right,
        "from chunks over pages": crossing,
        "wrong": wrong[:10],
    }


if __name__ == "__main__":
    main()
