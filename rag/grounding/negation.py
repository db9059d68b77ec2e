"""Negation: the terms that a text denies, by the word after each "not"."""

from __future__ import annotations

import re

from .words import WordReader, Words, listed

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
"""Words after which a "not" denies nothing: not only, no more than, not until."""
_EXCEPTIONS = listed("until unless except but bis außer jusqu hasta excepto salvo")
"""Words after a "not" by which it states a condition: not open until nine."""
_CLAUSE_END = re.compile(r"[,;:.!?()\[\]–—\"“”]")
_REACH = 4
"""Words after a "not" among which the denied one is looked for."""
_SHORTEST = 2
"""Letters of words that mean little in many languages, as in "no se permiten"."""


def denials(text: str) -> int:
    """Count the words that negate."""
    return len(_SAYS_NO.findall(text))


def denied(text: str, reader: WordReader) -> frozenset[str]:
    """Return the terms that a text denies and nowhere affirms: the first one after each word that negates.

    "The fee is not refundable" denies that something is refundable; "dogs, not cats" denies cats.
    """
    if not denials(text):
        return frozenset()
    no, yes = set(), set()
    for clause in _CLAUSE_END.split(text):
        words = reader.read(clause)
        places = {_denied_at(words, place) for place, word in enumerate(words.words) if _BEFORE_WORD.match(word)}
        no |= {words.stems[at] for at in places if at is not None}
        yes |= {stem for at, stem in enumerate(words.stems) if stem and at not in places}
    return frozenset(no - yes)


def _denied_at(words: Words, place: int) -> int | None:
    """Return the place of the word that the "not" at a place denies, if it denies one."""
    after = [word.lower() for word in words.words[place + 1 :]]
    if (after and after[0] in _NO_DENIAL) or any(word in _EXCEPTIONS for word in after):
        return None
    reach = range(place + 1, min(place + 1 + _REACH, len(words.words)))
    return next((at for at in reach if words.stems[at] and len(words.words[at]) > _SHORTEST), None)
