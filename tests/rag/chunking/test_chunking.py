"""Chunkers: what holds for all of them on any document, exact results of each, linear time."""

from __future__ import annotations

import re
import tracemalloc
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from numpy.typing import NDArray
from timing import grows_less

from rag.chunking import KINDS, Chunker, chunker
from rag.documents.document import Chunk, Document, clean_text, context_text
from rag.documents.sections import Section
from rag.embedding import Tokenizer, WordTokenizer
from rag.errors import InvalidInput


class PieceTokenizer:
    """Like WordPiece: words in pieces of three letters, long words one unknown token, invisible characters dropped."""

    max_tokens = 48

    def offsets(self, texts: Sequence[str]) -> list[NDArray[np.int64]]:
        return [np.array(list(self._spans(text)), dtype=np.int64).reshape(-1, 2) for text in texts]

    def _spans(self, text: str):
        for word in re.finditer(r"\w+|[^\w\s\u200b\x07]", text):
            start, end = word.span()
            step = end - start if end - start > 20 else 3
            yield from ((at, min(at + step, end)) for at in range(start, end, step))


class JoiningTokenizer:
    """Like byte-level BPE: a word has fewer tokens after a space than alone, a character beyond ASCII has two."""

    max_tokens = 64

    def offsets(self, texts: Sequence[str]) -> list[NDArray[np.int64]]:
        return [np.array(list(self._spans(text)), dtype=np.int64).reshape(-1, 2) for text in texts]

    def _spans(self, text: str):
        for word in re.finditer(r"\s?[^\s]+|\s+", text):
            start, end = word.span()
            step = 4 if text[start].isspace() else 2
            for at in range(start, end, step):
                stop = min(at + step, end)
                yield at, stop
                if not text[at:stop].isascii():
                    yield at, stop


TOKENIZERS: list[Tokenizer] = [WordTokenizer(64), PieceTokenizer(), JoiningTokenizer()]
SPECS = [
    "headings:16/4",
    "headings:64/32",
    "tokens:8/4",
    "tokens:32/8",
    "sentences:16/2",
    "recursive:8",
    "code:12",
    "document",
]

PIECES = [
    *[
        "a",
        "B",
        " ",
        "\n",
        "\n\n",
        ". ",
        "# ",
        "e\u0301",
        "水",
        "。",
        "👨‍👩‍👧",
        "😀",
        "\u200b",
        "\x1c",
        "\u00a0",
        "x" * 120,
        "\t",
    ],
    *[
        "שלום ",
        "العربية",
        "def f():\n    ",
        "@d\n",
        "ab.c",
        "unbelievable ",
        "\x07",
        " " * 70,
        "\u200b" * 30,
        "हिन्दी",
        "1,000 ",
    ],
]
HEADINGS = [(), ("H",), ("H", "Sub"), ("K " * 20, "L")]


@st.composite
def documents(draw: st.DrawFn) -> Document:
    text = clean_text(
        draw(st.one_of(st.lists(st.sampled_from(PIECES), max_size=60).map("".join), st.text(max_size=200)))
    )
    edges = sorted(draw(st.sets(st.integers(0, len(text)), max_size=6)))
    spans = list(zip(edges[::2], edges[1::2], strict=False))
    sections = tuple(
        Section(start, end, draw(st.sampled_from(HEADINGS)), draw(st.sampled_from([None, 1, 2])))
        for start, end in spans
    )
    title = draw(st.sampled_from(["", "T", "a long title " * 9]))
    return Document("d", text, title=title, type=draw(st.sampled_from(["md", "python"])), sections=sections)


def tokens(tokenizer: Tokenizer, text: str) -> int:
    return len(tokenizer.offsets([text])[0])


def check(document: Document, spec: str, tokenizer: Tokenizer, chunks: list[Chunk]) -> None:
    text = document.text
    size = min(int(re.findall(r"\d+", spec)[0]), tokenizer.max_tokens) if ":" in spec else None
    done = last = -1
    for chunk in chunks:
        assert text[chunk.start : chunk.end] == chunk.text
        assert chunk.text == chunk.text.strip() != ""
        assert chunk.start > last
        assert not text[max(done, 0) : chunk.start].strip(), "characters in no chunk"
        assert chunk.end > done, "a chunk inside another"
        last, done = chunk.start, chunk.end
        inside = [section for section in document.sections if section.start <= chunk.start < section.end]
        assert chunk.page == (inside[0].page if inside else None)
        full = inside[0].heading if inside else ()
        assert full[len(full) - len(chunk.heading) :] == chunk.heading
        if size is not None and len(chunk.text) > 1:
            context = tokens(tokenizer, context_text(document.title, chunk.heading, "").rstrip("\n"))
            found = tokens(tokenizer, context_text(document.title, chunk.heading, chunk.text))
            # What the docstring of Ruler promises: a title never takes more than three quarters from the text.
            assert found <= max(size, context + size // 4), chunk
            assert chunk.heading == full or tokens(tokenizer, context_text(document.title, full, "")) > size // 2
    assert not text[max(done, 0) :].strip()


@pytest.mark.parametrize("tokenizer", TOKENIZERS, ids=lambda t: type(t).__name__)
@pytest.mark.parametrize("spec", SPECS)
@settings(max_examples=40, deadline=None)
@given(document=documents())
def test_what_holds_for_every_chunker(spec: str, tokenizer: Tokenizer, document: Document) -> None:
    made = chunker(spec, tokenizer)
    chunks = made.chunk(document)
    check(document, spec, tokenizer, chunks)
    assert made.chunk(document) == chunks, "what is remembered of words changed the result"


def texts(spec: str, text: str, **fields: object) -> list[str]:
    document = Document("d", text, **fields)  # type: ignore[arg-type]
    return [chunk.text for chunk in chunker(spec, WordTokenizer(64)).chunk(document)]


def test_tokens_slide_between_words() -> None:
    text = "a1 a2 a3 a4 a5 a6 a7 a8 a9 b1 b2 b3"
    assert texts("tokens:8/0", text) == ["a1 a2 a3 a4 a5 a6 a7 a8", "a9 b1 b2 b3"]
    assert texts("tokens:8/2", text) == ["a1 a2 a3 a4 a5 a6 a7 a8", "a7 a8 a9 b1 b2 b3"]
    assert texts("tokens:8/2", "a b c d e f g h.i j k") == ["a b c d e f g", "f g h.i j k"], "h.i is not parted"
    assert texts("tokens:8/2", text, title="One two") == ["a1 a2 a3 a4 a5 a6", "a5 a6 a7 a8 a9 b1", "a9 b1 b2 b3"]


def test_sentences_are_packed_and_repeated() -> None:
    text = "A one two. B one two. C one two. D one two."
    assert texts("sentences:8/0", text) == ["A one two. B one two.", "C one two. D one two."]
    assert texts("sentences:12/1", text) == ["A one two. B one two. C one two.", "C one two. D one two."]
    assert texts("sentences:8/1", "A b c d e f g. B b c d e f g.") == ["A b c d e f g.", "B b c d e f g."]
    assert texts("sentences:8/1", "A b c d e f g h i j k l.") == ["A b c d e f g h", "i j k l."]


def test_headings_part_chunks_and_travel_with_them() -> None:
    text = "# Guide\n\n## Setup\n\nInstall it. Start it.\n\n## Use\n\nAsk. Read."
    setup, use = text.index("## Setup"), text.index("## Use")
    sections = (
        Section(0, 7, ("Guide",), 1),
        Section(setup, use - 2, ("Guide", "Setup"), 2),
        Section(use, len(text), ("Guide", "Use"), 3),
    )
    document = Document("d", text, title="Guide", type="md", sections=sections)
    chunks = chunker("headings:32/8", WordTokenizer(64)).chunk(document)
    assert [(chunk.text, chunk.heading, chunk.page) for chunk in chunks] == [
        ("# Guide\n\n## Setup\n\nInstall it. Start it.", ("Guide",), 1),
        ("## Use\n\nAsk. Read.", ("Guide", "Use"), 3),
    ]


@pytest.mark.parametrize(
    ("kind", "chunks"),
    [
        ("pdf", ["First. It ends on the next page.", "Then more."]),
        ("docx", ["First. It ends on the next page. Then more."]),
    ],
)
def test_pages_of_a_pdf_part_chunks_where_a_sentence_ends(kind: str, chunks: list[str]) -> None:
    text = "First. It ends on the next page. Then more."
    sections = (Section(0, 14, ("H",), 1), Section(15, len(text), ("H",), 2))
    assert texts("headings:64/8", text, sections=sections, type=kind) == chunks


def test_each_page_of_a_pdf_is_cited_by_its_own_number() -> None:
    pages = [f"This is page {n}. It speaks of whales." for n in range(1, 40)]
    text, sections = "", []
    for number, page in enumerate(pages, 1):
        sections.append(Section(len(text), len(text) + len(page), (), number))
        text += page + "\n\n"
    document = Document("d", text.rstrip(), type="pdf", sections=tuple(sections))
    chunks = chunker("headings:256/32", WordTokenizer()).chunk(document)
    assert [(chunk.text, chunk.page) for chunk in chunks] == [(page, n) for n, page in enumerate(pages, 1)]


def test_overlap_keeps_to_a_heading() -> None:
    text = "A b c. D e f. G h i.\n\nJ k l. M n o."
    sections = (Section(0, 20, ("X",)), Section(22, len(text), ("Y",)))
    assert texts("headings:10/4", text, sections=sections) == ["A b c. D e f.", "D e f. G h i.", "J k l. M n o."]


def test_recursive_takes_the_coarsest_that_fits() -> None:
    text = "a b c\n\nd e f\n\ng h. I j k l m\nn o p q r s t u v\n\nw"
    want = ["a b c\n\nd e f", "g h. I j k l m", "n o p q r s t u", "v", "w"]
    assert texts("recursive:8", text) == want
    assert texts("recursive:8", "A b c d e. F g h i j k.") == ["A b c d e.", "F g h i j k."]


CODE = """\
import os

# Says hello.
@cached
def hello(name):
    print(name)

    return os.name


class B:
    x = 1
"""


def test_code_keeps_definitions_whole() -> None:
    hello = CODE[CODE.index("# Says") : CODE.index("\n\n\nclass")]
    assert texts("code:20", CODE) == ["import os", hello, "class B:\n    x = 1"]
    assert texts("headings:20", CODE, type="python") == texts("code:20", CODE)
    assert texts("code:64", CODE) == [CODE.strip()]


def test_document_is_one_chunk() -> None:
    assert texts("document", "  all of it " * 500) == [("  all of it " * 500).strip()]
    assert texts("document", " \n") == []


def test_a_chunk_never_exceeds_the_embedder() -> None:
    assert texts("tokens:256/0", "w " * 100) == [("w " * 64).strip(), ("w " * 36).strip()]


@pytest.mark.parametrize("text", ["👨‍👩‍👧‍👦" * 40, "e\u0301" * 80, "👍🏽" * 60, "हिन्दी" * 40])
def test_characters_stay_whole(text: str) -> None:
    for chunk in chunker("tokens:16/0", WordTokenizer(64)).chunk(Document("d", text)):
        first, after = chunk.text[0], text[chunk.end : chunk.end + 1]
        assert first not in "\u200d\u0301🏽िन्ी" or chunk.start == 0 or first == "न"
        assert after not in ("\u200d", "\u0301", "🏽", "ि", "्", "ी")


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("headings", "headings:256/32"),
        ("tokens:20", "tokens:20/10"),
        ("sentences:64/2", "sentences:64/2"),
        ("code:64", "code:64"),
        ("document", "document"),
    ],
)
def test_names_are_canonical_specs(spec: str, name: str) -> None:
    made = chunker(spec, WordTokenizer())
    assert isinstance(made, Chunker)
    assert made.name == name
    assert chunker(name, WordTokenizer()).name == name


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("heading:256/32", "headings:TOKENS/OVERLAP"),
        ("", "write headings:TOKENS"),
        ("tokens:256/200", "at most half"),
        ("tokens:2/1", "give 8 to"),
        ("recursive:256/3", "too many numbers"),
        ("document:5", "too many numbers"),
        ("tokens:-5", "tokens:TOKENS/OVERLAP"),
        ("tokens:" + "9" * 30, "tokens:TOKENS/OVERLAP"),
    ],
)
def test_wrong_specs_say_what_to_write(spec: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        chunker(spec, WordTokenizer())


SHAPES = [
    "x",
    "x ",
    "x\n",
    " ",
    "\n",
    "A. ",
    "水",
    "\u200b",
    "\u0301",
    "😀",
    "# x\n\n",
    "def f():\n  y\n",
    "@d\n",
    "```\n",
    ".",
]


@pytest.mark.parametrize(
    "spec",
    [
        "headings:64/8",  # packs sentences, as tokens do
        "code:64",  # splits what is too long, as recursive does
        pytest.param("tokens:64/32", marks=pytest.mark.slow),
        pytest.param("recursive:64", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("shape", SHAPES)
def test_time_is_linear(spec: str, shape: str) -> None:
    made = chunker(spec, PieceTokenizer())
    # A quadratic step takes seconds; what takes less than the floor does not matter.
    grows_less(lambda n: made.chunk(Document("d", shape * (n // len(shape)))), 6_000, 60_000, than=40, least=0.02)


def test_many_headings() -> None:
    made = chunker("headings:64/8", WordTokenizer(64))

    def chunk(n: int) -> None:
        sections = tuple(Section(8 * i, 8 * i + 6, (f"h{i}",)) for i in range(n))
        assert len(made.chunk(Document("d", "# h\n\nx\n\n" * n, sections=sections))) == n

    grows_less(chunk, 300, 3000, than=40, least=0.012)


def test_memory_is_bounded_on_one_long_line() -> None:
    document = Document("d", "abc " * 100_000)
    made = chunker("headings:64/8", WordTokenizer(64))
    tracemalloc.start()
    chunks = made.chunk(document)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sum(len(chunk.text) for chunk in chunks) > 390_000
    assert peak < 40 * len(document.text)


def test_table_of_kinds_is_what_the_parser_takes() -> None:
    for name, kind in KINDS.items():
        assert kind.form.startswith(name)
        assert chunker(name, WordTokenizer()).name.partition(":")[0] == name
