"""Language detection, and a table of words and patterns for each supported language.

`RULES` has English, German, Spanish, French, Chinese and Japanese. Everything else is `NEUTRAL`: no rule of another
language is applied to it. A new language is one file like those beside this one, and a row of the table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from .chinese import CHINESE
from .detection import SAMPLE, language
from .english import ENGLISH
from .french import FRENCH
from .german import GERMAN
from .japanese import JAPANESE
from .rules import NEUTRAL, Rules
from .spanish import SPANISH

__all__ = ["NEUTRAL", "RULES", "SAMPLE", "Rules", "language", "question_language", "rules"]

RULES: Mapping[str, Rules] = MappingProxyType(
    {each.code: each for each in (ENGLISH, GERMAN, SPANISH, FRENCH, CHINESE, JAPANESE)}
)

_ENGLISH_OPENING = re.compile(
    r"\W*(?:how|what|when|where|which|who|whom|whose|why|does|did|should|could|would)(?:['’]\w+)?\s", re.IGNORECASE
)


def rules(code: str) -> Rules:
    """Return what is known of a language; `NEUTRAL` where nothing is."""
    return RULES.get(code, NEUTRAL)


def question_language(text: str) -> str:
    """Return the language of a question, which may be too short for `language`: its function words decide then.

    Empty where these tell nothing either, or are as many of two languages.

    Examples
    --------
    >>> question_language("Wer war Bach?"), question_language("¿Cuándo nació?"), question_language("Otter?")
    ('de', 'es', '')
    """
    # No other language has these words, and a question that opens with one is spared the model, which takes half a
    # second to load.
    if _ENGLISH_OPENING.match(text):
        return "en"
    if known := language(text):
        return known
    words = {word.strip("¿?¡!.,;:\"'()").lower() for word in text.split()}
    found = {code: len(words & each.function_words) for code, each in RULES.items() if each.function_words}
    best = max(found.values(), default=0)
    leading = [code for code, count in found.items() if count == best]
    return leading[0] if best and len(leading) == 1 else ""
