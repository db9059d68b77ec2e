"""What readers do not see is neither compared nor shown; what spelling and emoji need is kept."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from rag import Bot, Document, HashingEmbedder, KnowledgeBase, Retriever
from rag.grounding.citation_marks import said, said_so_far
from rag.grounding.invisible import seen, shown
from rag.testing import ScriptedGenerator

HIDDEN = {
    "zero-width space": "\u200b",
    "soft hyphen": "\u00ad",
    "word joiner": "\u2060",
    "left-to-right override": "\u202d",
    "isolate": "\u2067",
    "tag": "\U000e0073",
    "variation selector": "\ufe03",
    "another selector": "\U000e0142",
    "grapheme joiner": "\u034f",
    "Hangul filler": "\u3164",
    "invisible times": "\u2062",
    "byte order mark": "\ufeff",
}
KEPT = [
    "👩‍👩‍👧‍👦 and 👍🏽 and ❤️‍🔥 and ✔︎",
    "press 1️⃣ or #️⃣",
    "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f wins",
    "می‌خواهم کتاب‌ها را ببینم",
    "क्‍ष और र्‍य",
    "ශ්‍රී ලංකාව",
    "שלום\u200f!",
    "naïve café, cafe\u0301, Straße, 北京",
]


@pytest.mark.parametrize("character", HIDDEN.values(), ids=HIDDEN)
def test_it_is_neither_shown_nor_compared(character: str) -> None:
    assert shown(f"It is n{character}ot 8{character}0.") == "It is not 80."
    assert seen(f"It is n{character}ot 8{character}0.") == "It is not 80."


@pytest.mark.parametrize("text", KEPT)
def test_what_spelling_and_emoji_need_is_shown(text: str) -> None:
    assert shown(text) == text


@pytest.mark.parametrize("run", ["\u200d" * 9, "\ufe0f" * 9, "\u200c\u200d" * 8, "\u200e\u200f" * 8])
@pytest.mark.parametrize("after", ["❤", "ی", "א", "a", "क"])
def test_a_run_of_them_carries_nothing(after: str, run: str) -> None:
    assert len(shown(f"{after}{run} end")) <= len(after) + 5


def test_other_tags_than_those_of_flags_go() -> None:
    assert shown("🏴\U000e0075\U000e0073\U000e0063\U000e0061\U000e007f") == "🏴"


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("nоt", "not"),
        ("nоt and nοt", "not and not"),
        ("ⓝⓞⓣ 𝗻𝗼𝘁 ｎｏｔ", "not not not"),
        ("n\u0336o\u0336t\u0336", "not"),
        ("Это не так, а так", "Это не так, а так"),
        ("Москва is a city, nоt a river", "Москва is a city, not a river"),
        ("9️⃣0️⃣", "90"),
        ("می‌خواهم", "می‌خواهم"),
    ],
)
def test_words_are_read_as_they_look(text: str, read: str) -> None:
    assert seen(text) == read


@given(st.text(alphabet="ab1 یक\u200c\u200d\u200e\ufe0f\u200b❤👩\U000e0041\U0001f3f4", max_size=30))
def test_showing_twice_changes_nothing(text: str) -> None:
    assert shown(shown(text)) == shown(text)
    assert shown(text, more=True).startswith(shown(text)[:-1])


def test_sentences_come_without_it_whole_or_in_pieces() -> None:
    text = "Tea is n\u200bot \U000e0068\U000e0069hot [\u200b1]. It is ۸۰ می‌شود. "
    whole = said(text)
    assert [each.text for each in whole] == ["Tea is not hot.", "It is ۸۰ می‌شود."]
    assert whole[0].cited == (1,)
    rest, found = "", []
    for character in text:
        done, rest = said_so_far(rest + character)
        found += done
    assert [each.text for each in (*found, *said(rest))] == [each.text for each in whole]


def test_an_answer_carries_no_hidden_text_and_quotes_stay_as_stored(tmp_path) -> None:
    stored = "Green tea is steeped at 80\u200b degrees.\U000e0041 It takes three minutes."
    secret = "".join(chr(0xE0000 + ord(c)) for c in "secret") + "".join(chr(0xFE00 + n) for n in range(9))
    with KnowledgeBase.create(tmp_path / "kb", embedder=HashingEmbedder()) as kb:
        kb.add([Document.from_text(stored, id="tea")])
        with (
            Retriever(kb, rewrite="none") as found,
            Bot(found, ScriptedGenerator([f"Green tea is steeped{secret} at 80 degrees [1]."])) as bot,
        ):
            answer = bot.ask("How hot is green tea?")
        assert answer.text == "Green tea is steeped at 80 degrees. [1]"
        assert answer.sentences[0].verdict == "supported"
        document = kb.document("tea").text
        assert [c.quote for c in answer.citations] == [document[c.start : c.end] for c in answer.citations]


def test_text_made_to_be_slow_ends() -> None:
    """In quadratic time it would reach the limit of a test."""
    for text in ("\u200d" * 100_000, "❤\ufe0f\u200d" * 30_000, "ی\u200c" * 50_000, "о" * 100_000, "aо " * 30_000):
        shown(text)
        shown(text, more=True)
        seen(text)


def test_a_terminal_shows_none_of_it_in_a_documents_quote_either() -> None:
    from pipelines.plain_text import one_line, safe

    assert safe("80\U000e0041 degrees\u202e \x1b[2J") == "80 degrees\ufffd \ufffd[2J"
    assert one_line("8\u200b0\n👩‍👧 می‌خواهم") == "80 👩‍👧 می‌خواهم"
