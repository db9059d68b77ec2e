"""Rewriters of a retriever: names, objects and a model."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rag import Retriever
from rag.errors import InvalidInput
from rag.llm.scripted import ScriptedGenerator

MISSPELT = "Who found photosynthsis?"
RIGHT = "Who found photosynthesis?"


class Shouting:
    name = "shouting"

    def rewrite(self, asked, corpus, *, deadline=None):
        return replace(asked, text=asked.text.upper())


def test_auto_is_the_default_and_none_changes_nothing(kb):
    assert Retriever(kb).search(MISSPELT).question == RIGHT
    assert Retriever(kb, rewrite="spelling").search(MISSPELT).question == RIGHT
    assert Retriever(kb, rewrite="none").search(MISSPELT).question == MISSPELT


def test_rewriters_of_ones_own_go_among_names(kb):
    retriever = Retriever(kb, rewrite=["spelling", Shouting()])
    assert retriever.search(MISSPELT).question == RIGHT.upper()
    assert retriever.config.rewrite == f"spelling+python:{__name__}.Shouting"
    with pytest.raises(InvalidInput, match="is a Python object: hand it in"):
        Retriever(kb, retriever.config)


def test_a_model_is_given_to_those_that_need_one(kb):
    with pytest.raises(InvalidInput, match="needs a language model"):
        Retriever(kb, rewrite="multi-query")
    model = ScriptedGenerator(['["What makes sugar of light?", "What happens in chloroplasts?"]'])
    found = Retriever(kb, rewrite="multi-query", model=model).explain("light")
    assert "What happens in chloroplasts?" in str(found.as_dict())
    with pytest.raises(InvalidInput, match="spelling"):
        Retriever(kb, rewrite="speling")
