"""The probability that a sentence answers depends on the kind of question."""

import numpy as np
import pytest

from rag.extractive import scoring

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
SHOWN = np.array([1.0, 1.0, 0.8, 0.1, 0.0, 0.4, 0.6, 0.3])


@pytest.mark.parametrize("embedder", [MINILM, "another"])
def test_long_answers_have_weights_of_their_own(embedder):
    fact = scoring.support(SHOWN, "time", scoring.STORED, embedder)
    assert scoring.support(SHOWN, "place", scoring.STORED, embedder) == fact
    assert scoring.support(SHOWN, "manner", scoring.STORED, embedder) != fact


def test_words_that_are_missing_lower_the_chance_of_a_long_answer():
    without = SHOWN.copy()
    without[scoring.SIGNS.index("rarest_missing")] = 0.6
    assert scoring.support(without, "manner", scoring.STORED, MINILM) < scoring.support(
        SHOWN, "manner", scoring.STORED, MINILM
    )


def test_an_unknown_embedder_gets_the_weights_of_any():
    assert scoring.support(SHOWN, "time", scoring.STORED, "x") == scoring.support(SHOWN, "time", scoring.STORED)
    assert scoring.support(SHOWN, "time", scoring.ANY_EMBEDDER, "x") != scoring.support(
        SHOWN, "time", scoring.ANY_EMBEDDER, MINILM
    )
