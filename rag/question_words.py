"""The words of an English question that say how it asks, not what it is about."""

from __future__ import annotations

import re

from .terms import Analyser

# Rare in documents, so BM25 would take them for the most telling words of a question.
_WORDS = "what which who whom whose when where why how do does did has have had were been"

# Not in capitals: WHO is an organisation.
_PATTERN = re.compile(rf"\b(?:{'|'.join(f'[{w[0].upper()}{w[0]}]{w[1:]}' for w in _WORDS.split())})(?:['’]s)?\b")


def topic_terms(question: str, analyser: Analyser) -> list[str]:
    """Return the terms of a question without its question words and auxiliary verbs.

    All of its terms where nothing else is left ("Who are The Who?"), or where the analyser's language is not English.
    """
    if analyser.language == "english" and (terms := analyser.terms(_PATTERN.sub(" ", question))):
        return terms
    return analyser.terms(question)
