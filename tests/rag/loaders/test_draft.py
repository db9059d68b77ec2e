"""Drafts: offsets hold whatever goes in."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from rag.documents.document import clean_text
from rag.loaders.draft import Draft, SourceBudget, first_title
from rag.loaders.errors import LoadError

TEXT = st.text(st.characters(codec=None), max_size=30)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("block"), TEXT),
        st.tuples(st.just("heading"), TEXT, st.integers(1, 6)),
        st.tuples(st.just("page"), st.integers(1, 9)),
        st.tuples(st.just("row"), st.lists(TEXT, max_size=3)),
        st.tuples(st.just("part")),
        st.tuples(st.just("drop_headings")),
    ),
    max_size=30,
)


@given(STEPS)
def test_sections_are_ordered_and_inside_clean_text(steps):
    draft = Draft()
    for name, *arguments in steps:
        getattr(draft, name)(*arguments)
    text, sections = draft.finish()
    assert clean_text(text) == text
    text.encode()
    end = 0
    for section in sections:
        assert end <= section.start < section.end <= len(text)
        assert text[section.start : section.end].strip()
        end = section.end


def test_headings_nest_and_pages_carry_them_on():
    draft = Draft()
    draft.block("before")
    draft.heading("A", 1)
    draft.heading("B", 3)
    draft.block("b")
    draft.page(2)
    draft.block("b2")
    draft.heading("C", 2)
    draft.heading("D", 1)
    text, sections = draft.finish()
    assert text == "before\n\nA\n\nB\n\nb\n\nb2\n\nC\n\nD"
    assert [(s.heading, s.page, text[s.start : s.end]) for s in sections] == [
        (("A",), None, "A"),
        (("A", "B"), None, "B\n\nb"),
        (("A", "B"), 2, "b2"),
        (("A", "C"), 2, "C"),
        (("D",), 2, "D"),
    ]


def test_budget_ends():
    draft = Draft(SourceBudget(10))
    draft.block("12345")
    with pytest.raises(LoadError) as error:
        draft.block("123456")
    assert error.value.reason == "limit"


@pytest.mark.parametrize(
    ("candidates", "title"),
    [
        (("", None, "stem"), "stem"),
        (("Untitled document", "First", "stem"), "First"),
        (("paper.pdf", "stem"), "stem"),
        (("  A \n title ", "stem"), "A title"),
        (("PowerPoint Presentation", "", "2024"), "2024"),
        (("(anonymous)",), ""),
    ],
)
def test_titles(candidates, title):
    assert first_title(*candidates) == title
