"""Pages, rows and times are those of the quote's own characters, in citations and in filters."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag.answers import citation
from rag.context.neighbours import Neighbours
from rag.documents.document import Document
from rag.documents.sections import Section
from rag.embedding import HashingEmbedder
from rag.knowledge_base import KnowledgeBase
from rag.retrieval.retriever import Retriever

CHUNKERS = ("headings:64/8", "tokens:40/8", "sentences:48/1", "recursive:48", "document")


def paged() -> Document:
    """Nine pages of a sentence or two; pages without text between them."""
    text, sections = "", []
    for page in (2, 3, 4, 6, 7, 8, 9):
        start = len(text) + 1 if text else 0
        text += ("\n" if text else "") + f"Pump {page} is at quay {page * 11}. It was painted in {1900 + page}."
        sections.append(Section(start, len(text), ("Pumps",), page))
    return Document("pumps", text, "pumps.pdf", "Pumps", "pdf", tuple(sections))


def rows() -> Document:
    """A sheet whose 4th row is missing, and a second table."""
    lines = [f"Tool: saw{i} | Weight: {i * 7}" for i in range(40)]
    first, second, third = "\n".join(lines[:2]), "\n".join(lines[2:30]), "\n".join(lines[30:])
    text = f"{first}\n{second}\n\n{third}"
    middle, last = len(first) + 1, len(first) + len(second) + 3
    return Document("tools", text, "tools.xlsx", "Tools", "xlsx", (
        Section(0, len(first), ("Sheet",), 1, row=2, table=1),
        Section(middle, last - 2, ("Sheet",), 1, row=5, table=1),
        Section(last, len(text), ("Sheet",), 1, row=50, table=2),
    ))  # fmt: skip


@pytest.fixture(params=CHUNKERS)
def kb(request: pytest.FixtureRequest, tmp_path: Path) -> KnowledgeBase:
    with KnowledgeBase.create(tmp_path / "kb", embedder=HashingEmbedder(32), chunker=request.param) as base:
        base.add([paged(), rows()])
        yield base


def test_a_quote_is_on_the_page_that_it_stands_on(kb: KnowledgeBase) -> None:
    text = kb.document("pumps").text
    seen = set()
    for passage in Retriever(kb, k=50, rewrite="none", dedupe=False).retrieve("pump quay painted"):
        for page in (2, 3, 4, 6, 7, 8, 9):
            at = passage.text.find(f"Pump {page}")
            if passage.document == "pumps" and at >= 0:
                cited = citation(1, passage, at, at + 6)
                assert (cited.page, text[cited.start : cited.end]) == (page, f"Pump {page}")
                seen.add(page)
    assert seen == {2, 3, 4, 6, 7, 8, 9}


@pytest.mark.parametrize("page", [2, 4, 6, 9])
def test_a_filter_finds_what_stands_on_a_page(kb: KnowledgeBase, page: int) -> None:
    found = kb.chunks(kb.allowed(f"page == {page}").ids)
    assert any(f"Pump {page} " in chunk.text for chunk in found)
    for chunk in found:
        pages = [s.page for s in chunk.sections]
        assert min(pages) <= page <= max(pages)
    assert kb.chunks(kb.allowed(f"page in [{page}, 99]").ids) == found
    above = kb.chunks(kb.allowed(f'document == "pumps" and page > {page}').ids)
    assert all(max(s.page for s in chunk.sections) > page for chunk in above)


def test_a_page_that_is_no_number_is_on_none(kb: KnowledgeBase) -> None:
    assert len(kb.allowed("page == 4.5")) == 0
    assert len(kb.allowed('page == "4"')) == 0


def test_rows_are_those_of_the_sheet(kb: KnowledgeBase) -> None:
    expected = [2, 3, *range(5, 33), *range(50, 60)]
    seen = {}
    for chunk in kb.chunks(kb.chunk_ids()):
        if chunk.document != "tools":
            continue
        (passage,) = [
            p for p in Retriever(kb, k=99, rewrite="none", dedupe=False).retrieve("saw") if p.chunk == chunk.id
        ]
        for i in range(40):
            at = passage.text.find(f"saw{i} ")
            if at >= 0 and passage.text.rfind("\n", 0, at) >= 0:
                seen[i] = citation(1, passage, at, at + 3).rows
    assert len(seen) > 20
    assert seen == {i: (expected[i], expected[i]) for i in seen}


def test_a_quote_over_rows_has_a_range_of_them(kb: KnowledgeBase) -> None:
    for passage in Retriever(kb, k=99, rewrite="none", dedupe=False).retrieve("saw weight"):
        at = passage.text.find("\nTool: saw7 ")
        if at > 0 and "saw8 " in passage.text:
            end = passage.text.index("saw8 ") + 4
            assert citation(1, passage, at + 1, end).rows == (10, 11)


def test_a_chunk_never_mixes_two_tables(kb: KnowledgeBase) -> None:
    if kb.chunker.name == "document":
        pytest.skip("one chunk by design")
    for chunk in kb.chunks(kb.chunk_ids()):
        assert len({s.table for s in chunk.sections} - {None}) <= 1


def test_widened_passages_know_their_places(kb: KnowledgeBase) -> None:
    passages = Retriever(kb, k=3, rewrite="none").retrieve("Pump 6 quay")
    for wide in Neighbours(kb, sentences=1).build("", passages):
        for page in (2, 3, 4, 6, 7, 8, 9):
            at = wide.text.find(f"Pump {page} ")
            if wide.document == "pumps" and at >= 0:
                assert citation(1, wide, at, at + 6).page == page


def test_later_chunks_of_a_table_carry_its_columns(tmp_path: Path) -> None:
    lines = ["Boat | Fee", *(f"boat{i} | {i}" for i in range(60))]
    intro = "Fees of the harbour."
    text = f"{intro}\n\n" + "\n".join(lines)
    table = Section(len(intro) + 2, len(text), (), None, table=1, columns=lines[0])
    document = Document("fees", text, sections=(table,))
    for chunker in CHUNKERS[:-1]:
        with KnowledgeBase.create(tmp_path / chunker[:4], embedder=HashingEmbedder(16), chunker=chunker) as kb:
            kb.add([document])
            chunks = kb.chunks(kb.chunk_ids())
            begin = next(i for i, chunk in enumerate(chunks) if lines[0] in chunk.text)
            later = chunks[begin + 1 :]
            assert chunks[begin].heading == ()
            assert len(later) > 2
            assert {chunk.heading for chunk in later} == {("Boat | Fee",)}
            at = later[-1].text.index("boat")
            found = Retriever(kb, k=99, rewrite="none", dedupe=False).retrieve("boat fee")
            passage = next(p for p in found if p.chunk == later[-1].id)
            assert citation(1, passage, at, at + 4).heading == ()  # columns are for the search, no place of a quote
