import pytest

from rag.extractive.answer_type import clues, defines, nearness
from rag.grounding.words import WordReader
from rag.terms import Analyser

READER = WordReader(Analyser())


def found(kind, sentence, asked=""):
    words = READER.read(sentence)
    return [words.words[i] for i in clues(kind, words, frozenset(READER.read(asked).terms))]


@pytest.mark.parametrize(
    ("kind", "sentence", "asked", "expected"),
    [
        ("person", "The radio was patented by Nikola Tesla.", "radio", ["Nikola", "Tesla"]),
        ("person", "Tesla met Edison in Paris.", "Paris", ["Edison"]),
        ("person", "Yesterday it rained.", "", []),
        ("time", "It opened in May 1893, on a Monday.", "", ["1893", "Monday"]),
        ("time", "It holds 70 people.", "", []),
        ("number", "It holds 70 people and two dogs.", "dogs", ["70", "two"]),
        ("number", "The 70 people left.", "70", []),
        ("place", "Tesla was born in Smiljan.", "Tesla", ["Smiljan"]),
        ("reason", "It failed because the disk was full.", "fail", ["because"]),
        ("manner", "Install it with pip.", "install", ["with"]),
        ("definition", "A chunk is a span.", "chunk", ["is"]),
        ("thing", "The flag sets the limit.", "flag", ["sets", "limit"]),
    ],
)
def test_finds_what_is_asked_for(kind, sentence, asked, expected):
    assert found(kind, sentence, asked) == expected


def test_nearness_by_hand():
    weight = {"a": 3.0, "b": 1.0}
    # a stands 0 and b 5 words from the clue at 2: (3 / 1 + 1 / 2) / 4
    assert nearness([2], {"a": [2], "b": [7]}, weight, 4.0) == pytest.approx(0.875)
    assert nearness([], {"a": [2]}, weight, 4.0) == 0.0
    assert nearness([2], {}, weight, 0.0) == 0.0
    # the better of two clues counts
    assert nearness([50, 2], {"a": [2]}, {"a": 4.0}, 4.0) == 1.0


@pytest.mark.parametrize(
    ("sentence", "is_one"),
    [
        ("A vector index is a structure for search.", True),
        ("In short, a vector index means less work.", True),
        ("Speed is why a vector index pays.", False),
        ("The old index is a vector.", False),
        ("Vector index", False),
    ],
)
def test_defines(sentence, is_one):
    assert defines(READER.read(sentence), frozenset(READER.read("vector index").terms)) is is_one
