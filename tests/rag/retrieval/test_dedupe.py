"""What counts as a repetition, and what must never."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from rag.documents.document import Passage
from rag.retrieval.dedupe import Repetitions

PARAGRAPH = (
    "Release 4.2 of the server came out on 3 May 2021. It listens on port 8080 unless the variable PORT says so, "
    "keeps its log in /var/log/server and restarts by itself after a crash, at most five times an hour."
)


def passage(text: str, document: str = "a", start: int = 0) -> Passage:
    return Passage(1, 0.0, 1, document, document, start, start + len(text), text)


def kept(*passages: Passage) -> list[int]:
    repetitions = Repetitions()
    return [i for i, one in enumerate(passages) if not repetitions.repeated(one)]


def test_copies_go_whatever_their_white_space_and_case() -> None:
    shouted = PARAGRAPH.upper().replace(" ", "\n\t ")
    assert kept(passage(PARAGRAPH), passage(PARAGRAPH, "b"), passage(shouted, "c")) == [0]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("4.2", "4.3"),
        ("8080", "8081"),
        ("five", "six"),
        ("3 May", "4 May"),
        ("unless", "if"),
        ("crash,", "crash"),
        (" by itself", ""),
    ],
)
def test_one_differing_fact_keeps_both(old: str, new: str) -> None:
    assert kept(passage(PARAGRAPH), passage(PARAGRAPH.replace(old, new), "b")) == [0, 1]


def test_a_quotation_in_a_better_passage_goes_but_a_longer_passage_stays() -> None:
    around = f"From the handbook: {PARAGRAPH} Ask Jo for more."
    assert kept(passage(around), passage(PARAGRAPH, "b")) == [0]
    assert kept(passage(PARAGRAPH), passage(around, "b")) == [0, 1]


def test_containment_is_of_whole_words() -> None:
    assert kept(passage("It costs 312 euros."), passage("12 euros.", "b"), passage("312 euros.", "c")) == [0, 1]


@pytest.mark.parametrize(("start", "expected"), [(0, [0]), (10, [0]), (11, [0, 1]), (50, [0, 1])])
def test_spans_of_one_document_repeat_from_nine_tenths(start: int, expected: list[int]) -> None:
    text = "".join(chr(97 + i % 26) for i in range(200))
    found = kept(passage(text[:100], "a", 0), passage(text[start : start + 100], "a", start))
    assert found == expected
    elsewhere = kept(passage(text[:100], "a", 0), passage(text[start : start + 100], "b", start))
    assert elsewhere == ([0] if start == 0 else [0, 1])


def test_empty_texts_are_one() -> None:
    assert kept(passage(" "), passage("", "b"), passage("word", "c")) == [0, 2]


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=6), max_size=12))
@pytest.mark.parametrize("few", [0, 3, 64])
def test_it_is_what_comparing_all_pairs_gives(few: int, texts: list[list[str]]) -> None:
    words = [f" {' '.join(text)} " for text in texts]
    expected: list[int] = []
    for i, text in enumerate(words):
        if not any(text in words[j] for j in expected):
            expected.append(i)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rag.retrieval.dedupe.FEW", few)
        assert kept(*(passage("  ".join(text), str(i)) for i, text in enumerate(texts))) == expected
