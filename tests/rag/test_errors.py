from __future__ import annotations

from rag.errors import LLMBadResponse, in_words


def raised(error: Exception) -> Exception:
    try:
        raise error
    except type(error) as caught:
        return caught


def test_of_a_foreign_error_only_kind_and_place_are_told():
    told = in_words(raised(ValueError("401: wrong key sk-canary-123\x1b]52;c;x\x07\nat https://user:pw@host/?key=1")))
    assert told.startswith("ValueError (test_errors.py, line ")
    assert "canary" not in told
    assert in_words(KeyError("never raised")) == "KeyError"


def test_of_an_own_error_the_text_is_told_on_one_line_and_bounded():
    told = in_words(LLMBadResponse("said\x1b[31m\n nothing\u202e " + "x" * 10_000))
    assert told.startswith("LLMBadResponse: said[31m nothing x")
    assert len(told) < 330
    assert told.isprintable()
