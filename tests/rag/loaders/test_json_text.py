"""JSON and JSON lines."""

from __future__ import annotations

import pytest

from rag.loaders.errors import LoadError
from rag.loaders.results import Failed, Parsed


def test_object(read):
    source = (
        b'{"title": "Ports", "port": {"name": "Emden", "depth": 10.5, "open": true}, "tags": ["a", "b"], "v": null}'
    )
    parsed = read(source, "x.json")
    assert parsed.title == "Ports"
    assert parsed.text == "title: Ports\nport.name: Emden\nport.depth: 10.5\nport.open: true\ntags: a\ntags: b"


def test_records_are_parted_and_vectors_dropped(read):
    source = b'[{"a": 1, "vector": [%s]}, {"a": 2, "xy": [1, 2]}]' % b", ".join([b"0.5"] * 40)
    assert read(source, "x.json").text == "a: 1\n\na: 2\nxy: 1, 2"


def test_lines_with_text_are_documents(read_all):
    source = (
        b'{"_id": "d1", "title": "One", "text": "alpha", "year": 1999, "metadata": {"lang": "en"}}\n'
        b"\n{broken\n"
        b'{"text": "beta"}\n{"_id": "d1", "text": "again"}\n{"other": "gamma"}\n'
    )
    items = read_all(source, "c.jsonl")
    assert items[0] == Parsed("alpha", "One", metadata={"year": 1999, "lang": "en"}, member="d1")
    assert isinstance(items[1], Failed)
    assert (items[1].member, items[1].reason_class) == ("line 3", "parse")
    assert [(i.member, i.text) for i in items[2:]] == [("line 4", "beta"), ("line 5", "again"), ("", "other: gamma")]


@pytest.mark.parametrize(
    ("record", "text", "title"),
    [
        ('{"id": 3, "question": "Which key?", "answer": "The red."}', "Which key?\n\nThe red.", "Which key?"),
        ('{"Q": "Who?", "A": "Ida."}', "Who?\n\nIda.", "Who?"),
        ('{"prompt": "Name it.", "completion": "Kelp."}', "Name it.\n\nKelp.", "Name it."),
        ('{"title": "T", "instruction": "Do.", "input": "x y", "output": "z"}', "Do.\n\nx y\n\nz", "T"),
    ],
)  # fmt: skip
def test_a_question_goes_in_with_its_answer(read_all, record, text, title):
    (parsed,) = read_all(record.encode(), "faq.jsonl")
    assert (parsed.text, parsed.title, parsed.metadata) == (text, title, {})


def test_long_strings_are_text(read_all):
    (parsed,) = read_all(b'{"text": "Kelp.", "notes": "%s", "short": "x"}' % (b"tide " * 50), "a.jsonl")
    assert parsed.text.startswith("Kelp.\n\nnotes: tide tide")
    assert parsed.metadata == {"short": "x"}


def test_lines_in_a_json_file(read_all):
    assert [i.member for i in read_all(b'{"text": "a"}\n{"text": "b"}\n', "c.json")] == ["line 1", "line 2"]


def test_broken_and_deep(read):
    with pytest.raises(LoadError, match="not valid JSON"):
        read(b'{"a": ', "x.json")
    with pytest.raises(RecursionError):
        read(b"[" * 100_000, "x.json")
