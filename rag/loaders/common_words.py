"""The language of a text by its commonest words: for parsers, which may load no model that writes a file."""

from __future__ import annotations

import re
from collections import Counter

_WORDS = {
    "da": "og det er til på af ikke har som den",
    "de": "der die das und ist nicht ein zu den von mit auf für im",
    "en": "the of and to in is that for with on by are from",
    "es": "el los las del y es una para que con en por",
    "fi": "ja on ei että oli tai se mutta kun",
    "fr": "le les des et est une dans pour que du en au",
    "hu": "az és hogy nem egy van meg is",
    "it": "il della che di per una con gli è nel dei",
    "nl": "het een en van is niet dat op te zijn voor",
    "pt": "os das do uma para que com não em no da",
    "sv": "och att det som är på av inte har för",
}
_OF = {word: [code for code, words in _WORDS.items() if word in words.split()] for line in _WORDS.values()
       for word in line.split()}  # fmt: skip
_WORD = re.compile(r"[^\W\d_]+")
_NOT_LATIN = re.compile(r"[\u0370-\u1dff\u2e80-\U0003ffff]")


def language_by_words(text: str) -> str:
    """Return the code of the likeliest language; English where nothing tells, nothing where the script is not Latin.

    Examples
    --------
    >>> language_by_words("Die Schleuse ist im Mai zu."), language_by_words("Price list")
    ('de', 'en')
    """
    if len(_NOT_LATIN.findall(text)) * 2 > len(text):
        return ""
    found = Counter(code for word in _WORD.findall(text.lower()) for code in _OF.get(word, ()))
    return max(_WORDS, key=lambda code: (found[code], code == "en"))
