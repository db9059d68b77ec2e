"""The account of JSON: values are in the text or in the metadata, left out or missing."""

from __future__ import annotations

import json

import pytest

from rag.documents.account import Account
from rag.loaders.formats import ParseContext, parse
from rag.loaders.results import Parsed


def _account(data: str, kind: str) -> Account:
    last = [item for item in parse(data.encode(), ParseContext(f"a.{kind}", kind)) if isinstance(item, Parsed)][-1]
    return last.account


def test_fields_that_filters_use_are_not_lost() -> None:
    lines = [{"_id": "d1", "title": "Gates", "text": "The gate is shut.", "team": "harbour", "year": 1999}]
    assert _account("\n".join(map(json.dumps, lines)), "jsonl") == Account(8)


def test_long_lists_of_numbers_are_left_out_and_accounted_for() -> None:
    assert _account(json.dumps({"name": "otter", "vector": list(range(100, 140))}), "json") == Account(
        41, {"unread": 40}
    )


def test_notebooks_answer_for_their_cells_alone() -> None:
    cells = [{"cell_type": "markdown", "source": ["# Gates\n", "Shut."]},
             {"cell_type": "code", "source": "x = 1", "outputs": [{"text": "never read"}]}]  # fmt: skip
    book = {"cells": cells, "nbformat": 4, "nbformat_minor": 5, "metadata": {}}
    assert _account(json.dumps(book), "ipynb") == Account(4)


@pytest.mark.parametrize("kind", ["json", "jsonl"])
def test_a_broken_line_is_no_reason_for_no_account(kind: str) -> None:
    assert _account('{"text": "one two"}\n{"text": \n{"text": "three"}', kind).held in {0, 3}
