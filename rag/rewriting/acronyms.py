"""Expand acronyms by the corpus's own long forms: "retrieval-augmented generation (RAG)"."""

from __future__ import annotations

import re
from dataclasses import replace

from .corpus import Corpus
from .protocol import QueryDraft

_ACRONYM = re.compile(r"(?<![\w-])([A-Z][A-Za-z]?[A-Z0-9]{1,6})(s?)(?![\w-])")
_PARENTHESIS = re.compile(r"\(([^()\n]{2,80})\)")
_CHUNKS = 20
_MOST = 3


class AcronymExpander:
    """Adds the long form of an acronym, if a document gives it, and the acronym of a long form in the question.

    Definitions are looked for when a question needs one, in the chunks that hold the acronym, by the algorithm of
    Schwartz and Hearst.

    References
    ----------
    A. Schwartz and M. Hearst, "A simple algorithm for identifying abbreviation definitions in biomedical text", PSB
    2003.
    """

    name = "acronyms"
    waits = False

    def rewrite(self, asked: QueryDraft, corpus: Corpus, *, deadline: float | None = None) -> QueryDraft:  # noqa: ARG002
        """Return the question with acronyms written out behind it."""
        found = list(dict.fromkeys(match.group(1) for match in _ACRONYM.finditer(asked.text)))[:_MOST]
        if asked.text.isupper():
            return asked
        added = [long for short in found if (long := meaning(short, corpus)) and long.lower() not in asked.text.lower()]
        return replace(asked, text=f"{asked.text} ({', '.join(added)})") if added else asked


def meaning(acronym: str, corpus: Corpus) -> str:
    """Return the most frequent long form of an acronym in the corpus; empty if there is none."""
    terms = corpus.analyser.terms(acronym)
    if len(terms) != 1:
        return ""
    counts: dict[str, int] = {}
    forms: dict[str, str] = {}
    for text, _ in corpus.holding({terms[0]: 1.0}, _CHUNKS):
        for long in definitions(acronym, text):
            key = re.sub(r"[\W_]+", " ", long.lower())
            counts[key] = counts.get(key, 0) + 1
            forms.setdefault(key, long)
    best = max(counts, key=lambda key: (counts[key], key), default="")
    return forms.get(best, "")


def definitions(acronym: str, text: str) -> list[str]:
    """Return the long forms that a text gives an acronym: ``long form (ACRONYM)`` or ``ACRONYM (long form)``."""
    found = []
    for match in _PARENTHESIS.finditer(text):
        inside = match.group(1).strip()
        if re.fullmatch(rf"{re.escape(acronym)}s?", inside):
            before = re.findall(r"\S+", text[max(0, match.start() - 200) : match.start()])
            window = " ".join(before[-min(len(acronym) + 5, 2 * len(acronym)) :])
            found.append(long_form(acronym, window))
        elif re.search(rf"(?<!\w){re.escape(acronym)}s?\s*$", text[max(0, match.start() - 12) : match.start()]):
            whole = long_form(acronym, inside)
            found.append(whole if whole == inside else "")
    return [each for each in found if each]


def long_form(acronym: str, window: str) -> str:
    """Return the shortest end of a text that spells an acronym by letters in order, the first one opening a word."""
    at = len(window) - 1
    for number, letter in enumerate(reversed(acronym.lower())):
        first = number == len(acronym) - 1
        while at >= 0 and (window[at].lower() != letter or (first and at > 0 and window[at - 1].isalnum())):
            at -= 1
        if at < 0:
            return ""
        at -= 1
    start = at + 1
    while start > 0 and not window[start - 1].isspace():
        start -= 1
    long = window[start:].strip(" ,;:")
    words = long.split()
    return long if len(words) + long.count("-") > 1 and len(long) > len(acronym) + 2 else ""
