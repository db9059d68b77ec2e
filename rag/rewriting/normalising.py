"""Normalise a question: remove what a keyboard, a phone or a copied text added by accident."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace

from .corpus import Corpus
from .protocol import QueryDraft

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_QUOTES = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u00a0": " "})
_REPEATED = re.compile(r"([!?.,;:])\1+")
_MARKS = re.compile(r"[!?]+(?=[!?])")
_BLANKS = re.compile(r"\s{2,}|[^\S ]")
_CONTRACTIONS = (
    (re.compile(r"\b(can)['’]?t\b", re.IGNORECASE), r"\1not"),
    (re.compile(r"\bwon['’]t\b", re.IGNORECASE), "will not"),
    (re.compile(r"n['’]t\b", re.IGNORECASE), " not"),
    (re.compile(r"\b(what|who|where|when|why|how|that|it|he|she|there)['’]s\b", re.IGNORECASE), r"\1 is"),
    (re.compile(r"['’]re\b", re.IGNORECASE), " are"),
    (re.compile(r"['’]ve\b", re.IGNORECASE), " have"),
    (re.compile(r"['’]ll\b", re.IGNORECASE), " will"),
    (re.compile(r"\b(i)['’]m\b", re.IGNORECASE), r"\1 am"),
)
_LEAST_CAPITALS = 4  # words in capitals before the whole question counts as shouted, not as an acronym


class Normaliser:
    """Brings Unicode to one form, drops invisible marks and repeated punctuation, and takes shouting for speech.

    A question that is well written is left alone, to the last character.

    Parameters
    ----------
    contractions
        Also write out ``what's``, ``don't`` and their like.
    """

    name = "normalise"
    waits = False

    def __init__(self, *, contractions: bool = False) -> None:
        self.contractions = contractions

    def rewrite(self, asked: QueryDraft, corpus: Corpus, *, deadline: float | None = None) -> QueryDraft:  # noqa: ARG002
        """Return the question normalised."""
        text = _INVISIBLE.sub("", unicodedata.normalize("NFKC", asked.text))
        if text != asked.text:  # only then were quotes and blanks somebody else's
            text = text.translate(_QUOTES)
        text = _MARKS.sub("", _REPEATED.sub(r"\1", text))
        text = _BLANKS.sub(" ", text)
        if self.contractions and corpus.analyser.language == "english":
            for pattern, full in _CONTRACTIONS:
                text = pattern.sub(full, text)
        if text.isupper() and len(text.split()) >= _LEAST_CAPITALS:
            text = text.capitalize()
        text = text.strip()
        return asked if text == asked.text or not text else replace(asked, text=text)
