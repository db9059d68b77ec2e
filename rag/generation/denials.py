"""What a text denies: the words that a "not" stands before."""

from __future__ import annotations

import re

from .question import listed
from .words import WordReader

_SAYS_NO = re.compile(
    r"\b(?:not|no|never|none|nor|neither|nobody|nothing|without|cannot|lacks?|fails?|failed|unable|\w+n['’]t"
    r"|nicht|kein(?:e[mnrs]?)?|niemals|ohne|pas|jamais|aucune?|nunca|jamás|ningun[oa]s?|ningún|não|нет|не|нельзя|никогда"
    r"|لا|ليس|ليست|لم|لن|नहीं)\b",
    re.IGNORECASE,
)
_BEFORE_WORD = re.compile(
    r"(?:not|no|never|nor|neither|without|cannot|\w+n['’]t|unable|nicht|kein(?:e[mnrs]?)?|niemals|ohne|pas|jamais|aucune?"
    r"|nunca|jamás|ningun[oa]s?|ningún|não|не|нельзя|никогда|لا|ليس|ليست|لم|لن)\Z",
    re.IGNORECASE,
)
_NO_DENIAL = listed(
    "only just merely simply alone more less fewer later longer sooner earlier than least until unless but matter "
    "doubt one nur mehr weniger seulement plus moins solo más menos только более"
)
"""Words that make something else of a "not" before them: not only, no more than, not until."""
_CLAUSE_END = re.compile(r"[,;:.!?()\[\]–—\"“”]")
_REACH = 4
"""Words after a "not" among which the one is that it denies."""
_SHORTEST = 2
"""Letters of words that mean little in many languages: no se permiten."""


def denials(text: str) -> int:
    """Count words that say no."""
    return len(_SAYS_NO.findall(text))


def denied(text: str, reader: WordReader) -> frozenset[str]:
    """Return the terms that a text denies and nowhere affirms, by the first one after each word that says no.

    "The fee is not refundable" denies that something is refundable; "dogs, not cats" denies cats.
    """
    if not denials(text):
        return frozenset()
    no, yes = set(), set()
    for clause in _CLAUSE_END.split(text):
        words = reader.read(clause)
        hit: set[int] = set()
        for place, word in enumerate(words.words):
            after = range(place + 1, min(place + 1 + _REACH, len(words.words)))
            content = (at for at in after if words.stems[at] and len(words.words[at]) > _SHORTEST)
            if _BEFORE_WORD.match(word) and not (after and words.words[after[0]].lower() in _NO_DENIAL):
                hit |= {next(content, -1)}
        no |= {words.stems[at] for at in hit - {-1}}
        yes |= {stem for at, stem in enumerate(words.stems) if stem and at not in hit}
    return frozenset(no - yes)
