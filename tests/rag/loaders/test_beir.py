from __future__ import annotations

import json

import pytest

from rag.documents.document import Document
from rag.loaders import load


@pytest.mark.parametrize("fields", [{"title": None}, {"title": ""}, {}, {"title": None, "metadata": None}])
def test_a_document_without_a_title_is_read(tmp_path, fields):
    (tmp_path / "qrels").mkdir()
    (tmp_path / "queries.jsonl").write_text("")
    (tmp_path / "corpus.jsonl").write_text(json.dumps({"_id": "1", "text": "Otters hold hands.", **fields}) + "\n")
    (document,) = load(f"beir:{tmp_path}")
    assert isinstance(document, Document)
    assert (document.id, document.title, document.text) == ("1", "", "Otters hold hands.")


def test_a_title_of_another_kind_is_named(tmp_path, caplog):
    (tmp_path / "corpus.jsonl").write_text(json.dumps({"_id": "1", "text": "x", "title": ["a"]}) + "\n")
    assert not list(load(f"beir:{tmp_path}"))
    assert '"title" is not a string' in caplog.text
