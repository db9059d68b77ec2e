import numpy as np

from rag.extractive.selection import select
from rag.grounding.quotable_sentences import Quotable
from rag.grounding.words import WordReader
from rag.terms import Analyser

READER = WordReader(Analyser())
TEXTS = ["Open the valve slowly.", "Pour the water.", "Open the valve very slowly.", "Light the burner.", "Eat cake."]


def chosen(scores, most=3, order=(0, 1, 2, 3, 4)):
    places = [Quotable(0, place, 10 * place, 10 * place + 5, TEXTS[i]) for i, place in enumerate(order)]
    return [c.text for c in select(places, np.array(scores), READER, most)]


def test_repetitions_are_left_out():
    assert chosen([5, 4.9, 4.8, 4.7, -9]) == [TEXTS[0], TEXTS[1], TEXTS[3]]


def test_the_best_comes_first_and_the_rest_in_reading_order():
    assert chosen([5, 4.9, -9, 4.7, -9][:5], order=(2, 3, 4, 0, 1)) == [TEXTS[0], TEXTS[1]]
    assert chosen([5, 4.9, 4.8, 4.7, 4.6], order=(2, 3, 4, 0, 1)) == [TEXTS[0], TEXTS[3], TEXTS[1]]


def test_sentences_far_below_the_best_are_left_out():
    assert chosen([5, 1, -1, -2, -2]) == [TEXTS[0], TEXTS[1]]


def test_beside_the_row_of_a_table_only_its_equals_are_quoted():
    rows = [Quotable(0, n, 10 * n, 10 * n + 5, text, row=text) for n, text in enumerate(TEXTS)]
    assert select(rows, np.array([5.0, 4, 3, 1, 0]), READER, 3) == rows[:2]


def test_most():
    assert chosen([5, 4.9, 4.8, 4.7, -9], most=1) == [TEXTS[0]]
