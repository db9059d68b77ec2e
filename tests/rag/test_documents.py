"""Documents: identity, cleaning, what is embedded."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from rag.documents import Document, clean_text, context_text
from rag.sections import Section


@pytest.mark.parametrize(
    ("title", "heading", "want"),
    [
        ("", (), "text"),
        ("T", (), "T\ntext"),
        ("T", ("A", "B"), "T > A > B\ntext"),
        ("T", ("T", "B"), "T > B\ntext"),
        ("", ("A", "A", "B"), "A > B\ntext"),
        ("", ("A", "B", "A"), "A > B > A\ntext"),
        ("T", ("", "B"), "T > B\ntext"),
    ],
)
def test_context_line(title: str, heading: tuple[str, ...], want: str) -> None:
    assert context_text(title, heading, "text") == want


@given(st.text(alphabet=st.characters(exclude_categories=[])))
def test_clean_text_is_storable_and_stays_as_it_is(text: str) -> None:
    clean = clean_text(text)
    assert clean.encode().decode() == clean
    assert "\0" not in clean
    assert "\r" not in clean
    assert clean_text(clean) == clean
    if not any(char in "\r\0" or "\ud800" <= char <= "\udfff" for char in text):
        assert clean == text


def test_from_text() -> None:
    document = Document.from_text("a\r\nb\0\ud800", id="x", title="T", year=3)
    assert (document.text, document.source, document.metadata) == ("a\nb\ufffd", "x", {"year": 3})
    assert document.source_sha256 == hashlib.sha256("a\nb\ufffd".encode()).hexdigest()


def test_digest_changes_with_what_is_stored_and_only_with_it() -> None:
    document = Document("i", "text", "s", "T", "md", (Section(0, 2, ("H",), 1),), {"a": 1, "b": None})
    same = replace(document, modified=5.0, location="/x", source_sha256="y", metadata={"b": None, "a": 1})
    assert same.digest() == document.digest()
    others = [
        replace(document, id="j"),
        replace(document, text="texT"),
        replace(document, source="t"),
        replace(document, title=""),
        replace(document, type="html"),
        replace(document, sections=(Section(0, 2, ("H",), 2),)),
        replace(document, sections=()),
        replace(document, metadata={"a": "1", "b": None}),
    ]
    assert len({document.digest(), *(other.digest() for other in others)}) == len(others) + 1
