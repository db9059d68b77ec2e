"""Typing errors: seeded, near the right key, and exactly as many as asked for."""

from __future__ import annotations

import random
import string

import pytest
from hypothesis import given, strategies as st

from rag.evaluation import with_typos
from rag.evaluation.robustness.typos import NEIGHBOURS

QUESTION = "how do I delete a document from the knowledge base"


def distance(a: str, b: str) -> int:
    """Damerau-Levenshtein distance (optimal string alignment)."""
    d = [[i + j if i * j == 0 else 0 for j in range(len(b) + 1)] for i in range(len(a) + 1)]
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            d[i][j] = min(d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1]))
            if i > 1 and j > 1 and a[i - 1] == b[j - 2] and a[i - 2] == b[j - 1]:
                d[i][j] = min(d[i][j], d[i - 2][j - 2] + 1)
    return d[-1][-1]


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("seed", range(40))
def test_each_of_n_words_is_one_edit_away(n, seed):
    wrong = with_typos(QUESTION, n, seed=seed)
    pairs = list(zip(QUESTION.split(), wrong.split(), strict=True))
    changed = [(a, b) for a, b in pairs if a != b]
    assert len(changed) == n
    assert all(distance(a, b) == 1 and a[0] == b[0] and len(a) >= 4 for a, b in changed)


def test_same_seed_same_typos_and_other_seeds_differ():
    assert with_typos(QUESTION, 2, seed=7) == with_typos(QUESTION, 2, seed=7)
    assert len({with_typos(QUESTION, 1, seed=s) for s in range(50)}) > 20


def test_all_four_kinds_come():
    lengths = [len(with_typos("knowledge", 1, seed=s)) - len("knowledge") for s in range(400)]
    same = [with_typos("knowledge", 1, seed=s) for s in range(400) if lengths[s] == 0]
    swaps = [w for w in same if sorted(w) == sorted("knowledge")]
    assert 60 < lengths.count(-1) < 200
    assert 40 < lengths.count(1) < 140
    assert 20 < len(swaps) < 90
    assert 80 < len(same) - len(swaps) < 220


def test_neighbours_are_neighbours_on_a_keyboard():
    assert set(NEIGHBOURS) == set(string.ascii_lowercase)
    assert set(NEIGHBOURS["g"]) == set("tyfhvb")
    assert all(a in NEIGHBOURS[b] for a in NEIGHBOURS for b in NEIGHBOURS[a])


def test_a_text_without_a_long_word_stays():
    assert with_typos("who am I?", 2) == "who am I?"
    assert with_typos("", 1) == ""
    assert with_typos(QUESTION, 0) == QUESTION


def test_names_with_capitals_inside_are_spared_while_others_are_left():
    for seed in range(30):
        assert "HTTPException" in with_typos("raise an HTTPException", 1, seed=seed)
    assert with_typos("HTTPException", 1) != "HTTPException"


@given(st.text(max_size=60), st.integers(0, 3), st.integers(0, 5))
def test_any_text_gives_a_text(text, n, seed):
    wrong = with_typos(text, n, seed=seed)
    assert abs(len(wrong) - len(text)) <= n


def test_global_randomness_is_left_alone():
    random.seed(1)
    before = random.getstate()
    with_typos(QUESTION, 2)
    assert random.getstate() == before
