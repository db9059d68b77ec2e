import pytest

from rag.documents.document import Passage
from rag.extractive.completion import asks_for_list, completed
from rag.extractive.generator import ExtractiveGenerator
from rag.grounding.quotable_sentences import candidates
from rag.terms import Analyser


def passage(text, rank=1):
    return Passage(rank, 1.0, rank, "d", "d", 0, len(text), text)


def quoted(text, *starts):
    passages = [passage(text)]
    found = candidates(passages)
    chosen = [each for start in starts for each in found if each.text.startswith(start)]
    return [each.text for each in completed(chosen, found, passages)]


@pytest.mark.parametrize(
    "second",
    [
        "It was built in 1889.",
        "This tower draws many visitors.",
        "However, they closed it in May.",
        "Its top is 330 m high.",
        "He sold it to the city.",
    ],
)
def test_a_sentence_that_opens_with_a_pronoun_has_the_one_before(second):
    text = f"Rain fell. The tower is of iron. {second} Tickets are dear."
    assert quoted(text, second[:6]) == [f"The tower is of iron. {second}"]


@pytest.mark.parametrize(
    "text",
    [
        "The tower is of iron. It is possible to climb the stairs.",
        "# The tower\n\nIt was built in 1889.",
        "The tower is of iron. Italy has another.",
        "Page | 4 | 5\n\nIt was built in 1889.",
    ],
)
def test_what_needs_no_sentence_before_or_has_none_stays(text):
    last = candidates([passage(text)])[-1].text
    assert quoted(text, last[:7]) == [last]


def test_the_sentence_before_may_end_the_paragraph_before():
    text = "The tower is of iron.\n\nIt was built in 1889."
    assert quoted(text, "It was") == [text]


def test_nothing_is_quoted_twice():
    text = "The tower is of iron. It was built in 1889. Its top is high."
    assert quoted(text, "It was", "The tower") == ["The tower is of iron. It was built in 1889."]
    assert quoted(text, "The tower", "It was") == ["The tower is of iron. It was built in 1889."]


def test_the_best_sentence_is_not_said_again_before_the_one_that_points_to_it():
    text = "Rain fell. The tower is of iron. It was built in 1889. Tickets are dear."
    assert quoted(text, "The tower", "It was") == ["The tower is of iron. It was built in 1889."]
    assert quoted(text, "Tickets", "The tower", "It was") == [
        "Tickets are dear.",
        "The tower is of iron. It was built in 1889.",
    ]


def test_a_quote_stays_short():
    long = "The tower " + "very " * 116 + "high."
    assert quoted(f"{long} It was built in 1889.", "It was") == ["It was built in 1889."]


def test_a_list_goes_with_the_sentence_that_announces_it():
    text = "Two kinds are sold:\n\n- tea, green or black\n- coffee\n\nPrices vary."
    assert quoted(text, "Two") == ["Two kinds are sold:\n\n- tea, green or black\n- coffee"]
    assert quoted("Two kinds are sold:\n\n1. tea\n2. coffee\n", "Two") == ["Two kinds are sold:\n\n1. tea\n2. coffee"]
    assert quoted("Note this:\n\nPrices vary.", "Note") == ["Note this:"]


@pytest.mark.parametrize(
    ("question", "asks"),
    [
        ("What are the formats?", True),
        ("Which teas are sold?", True),
        ("List the teas.", True),
        ("Which teas does the shop sell?", True),
        ("Which class is it?", False),
        ("What is tea?", False),
        ("When are teas sold?", False),
    ],
)
def test_questions_that_ask_for_a_list(question, asks):
    assert asks_for_list(question) == asks


def test_a_list_is_the_answer_where_one_is_asked_for():
    text = "Teas are popular drinks. The following teas are sold:\n\n- green tea\n- black tea\n\nTeas are sold in tins."
    generator = ExtractiveGenerator(None, Analyser(), threshold=0.0)
    assert "- black tea" in generator.generate("Which teas are sold?", [passage(text)]).citations[0].quote
