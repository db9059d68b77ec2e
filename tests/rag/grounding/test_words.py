import pytest
from hypothesis import given, strategies as st

from rag.grounding.words import WordReader, common_subsequence, positions
from rag.terms import Analyser


@pytest.fixture
def reader():
    return WordReader(Analyser())


def test_words_terms_and_places(reader):
    words = reader.read("The parsers of snake_case names")
    assert words.words == ("The", "parsers", "of", "snake_case", "names")
    assert words.stems[0] == ""
    assert positions(words)["parser"] == [1]
    assert positions(words)["snake_case"] == positions(words)["case"] == [3]


def test_without(reader):
    words = reader.read("What did Tesla invent").without(frozenset(("what", "did")))
    assert words.words == ("Tesla", "invent")
    assert words.at == (0, 1)


def slow(a, b):
    if not a or not b:
        return 0
    if a[-1] == b[-1]:
        return slow(a[:-1], b[:-1]) + 1
    return max(slow(a[:-1], b), slow(a, b[:-1]))


@given(st.lists(st.sampled_from("abc"), max_size=6), st.lists(st.sampled_from("abcd"), max_size=6))
def test_common_subsequence_equals_its_definition(a, b):
    assert common_subsequence(a, b) == slow(a, b)
