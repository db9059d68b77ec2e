"""Documents: identity, cleaning, what is embedded."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from rag.documents.document import Document, clean_text, context_text, metadata_fields
from rag.documents.sections import Section
from rag.errors import InvalidInput


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


def test_fields_of_a_document_made_of_a_string_are_real_fields() -> None:
    document = Document.from_text(
        "Otters swim.",
        id="o",
        source="zoo.pdf",
        type="faq",
        page=3,
        heading="Water",
        modified=datetime(2026, 1, 2, 1, tzinfo=timezone(timedelta(hours=1))),
        url="https://zoo.example/otters",
    )
    assert (document.source, document.type, document.metadata) == (
        "zoo.pdf",
        "faq",
        {"url": "https://zoo.example/otters"},
    )
    assert document.sections == (Section(0, 12, ("Water",), 3),)
    assert document.modified == datetime(2026, 1, 2, tzinfo=UTC).timestamp()
    assert Document.from_text("x", id="x", modified=date(2026, 1, 2)).modified == document.modified
    for text in ("2026-01-02", "2026-01-02T01:00:00+01:00"):
        assert Document.from_text("x", id="x", modified=text).modified == document.modified


def test_metadata_are_what_filters_can_compare() -> None:
    given = {
        "day": date(2025, 1, 1),
        "at": datetime(2025, 1, 1, 3, tzinfo=timezone(timedelta(hours=2))),
        "author": {"name": "Ann", "born": {"year": 1990}, 7: "seven"},
        "tags": {"b", "a"},
        "days": (date(2025, 1, 1), None),
        "n": np.int64(3),
        "share": np.float32(0.5),
        "none": None,
    }
    assert metadata_fields(given) == {
        "day": "2025-01-01",
        "at": "2025-01-01T01:00:00+00:00",
        "author.name": "Ann",
        "author.born.year": 1990,
        "author.7": "seven",
        "tags": ["a", "b"],
        "days": ["2025-01-01", None],
        "n": 3,
        "share": 0.5,
        "none": None,
    }


def _nested(levels: int) -> dict[str, object]:
    inner: dict[str, object] = {"a": 1}
    for _ in range(levels):
        inner = {"a": inner}
    return inner


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"x": object()}, "'x' is a object"),
        ({"x": [[1]]}, "'x' is a list"),
        ({"x": [{"y": 1}]}, "'x' is a dict"),
        ({"x": float("nan")}, "'x' is nan"),
        ({"x": {"y": 1 << 63}}, "'x.y' is 9223372036854775808"),
        ({"x": np.zeros(2)}, "'x' is a ndarray"),
        ({3: "x"}, "the metadata key 3 is not a text"),
        (_nested(8), "nested deeper than 8"),
        ({str(n): n for n in range(2_001)}, "more than 2,000"),
    ],
)
def test_other_metadata_are_refused_by_name(given: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(said)):
        metadata_fields(given)


@pytest.mark.parametrize(
    "given", [{"page": "3"}, {"page": True}, {"heading": ("a", 1)}, {"modified": "2025"}, {"document": "x"}]
)
def test_fields_of_a_wrong_kind_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        Document.from_text("x", id="x", **given)


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
