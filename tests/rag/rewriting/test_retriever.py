"""A rewriting retriever of names, rewriters and a model."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rag import Retriever, RewritingRetriever
from rag.components import Tools
from rag.errors import InvalidInput
from rag.llm.scripted import ScriptedGenerator
from rag.rewriting import rewriting

MISSPELT = "Who found photosynthsis?"
RIGHT = "Who found photosynthesis?"


class Shouting:
    name = "shouting"

    def rewrite(self, asked, corpus, *, deadline=None):
        return replace(asked, text=asked.text.upper())


def test_names_do_what_the_function_makes_of_them(kb):
    plain = Retriever(kb)
    by_name = RewritingRetriever(plain, "spelling").search(MISSPELT)
    by_hand = RewritingRetriever(plain, rewriting("spelling", Tools(kb))).search(MISSPELT)
    assert by_name.question == by_hand.question == RIGHT
    assert by_name.passages == by_hand.passages


def test_auto_is_the_default_and_none_changes_nothing(kb):
    plain = Retriever(kb)
    assert RewritingRetriever(plain).search(MISSPELT).question == RIGHT
    left = RewritingRetriever(plain, "none").search(MISSPELT)
    assert left.question == MISSPELT
    assert left.passages == plain.search(MISSPELT).passages


def test_rewriters_of_ones_own_stand_among_names(kb):
    retriever = RewritingRetriever(Retriever(kb), ["spelling", Shouting()])
    assert retriever.search(MISSPELT).question == RIGHT.upper()


def test_a_model_is_given_to_those_that_need_one(kb):
    with pytest.raises(InvalidInput, match="needs a language model"):
        RewritingRetriever(Retriever(kb), "multi-query")
    model = ScriptedGenerator(["1. What makes sugar of light?\n2. What happens in chloroplasts?"])
    found = RewritingRetriever(Retriever(kb), "multi-query", model=model).explain("light")
    assert "What happens in chloroplasts?" in str(found.as_dict())
    with pytest.raises(InvalidInput, match="spelling"):
        RewritingRetriever(Retriever(kb), "speling")
