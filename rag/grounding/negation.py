"""Negation: the terms that a text denies, by the word after each "not"."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .invisible import seen
from .words import WordReader, Words, listed

_SAYS_NO = re.compile(
    r"\b(?:not|no|never|none|nor|neither|nobody|nothing|without|cannot|lacks?|fails?|failed|unable|\w*n['’]t"
    r"|nicht|kein(?:e[mnrs]?)?|niemals|ohne|pas|jamais|aucune?|nunca|jamás|ningun[oa]s?|ningún|não|нет|не|нельзя|никогда"
    r"|لا|ليس|ليست|لم|لن|नहीं)\b",
    re.IGNORECASE,
)
_DOUBTS = re.compile(
    r"\b(?:un(?:true|likely|founded)|false(?:ly|hood)?|incorrect(?:ly)?|wrong(?:ly)?|lies?|myth|fiction|hoax|mistake[nd]?"
    r"|den(?:y|ies|ied|ying|ials?)|refut(?:e|es|ed)|rebut\w*|reject(?:s|ed)?|disput(?:e|es|ed)|disprov\w+|contradict\w*"
    r"|contrary|doubtful|doubts?|nonsense|rumou?rs?|fake|bogus|baseless|supposedly|allegedly|purportedly"
    r"|impossible|unable|used to be|anything but|(?:kept?|keeps?) from"
    r"|hardly|scarcely|barely|rarely|seldom|infrequently|avoid(?:s|ed|ing)?|refus(?:e|es|ed)"
    r"|refrain(?:s|ed|ing)?|abstain(?:s|ed|ing)?|far from(?! \d)"
    r"|kaum|selten|nie|keineswegs|vermeid\w*|rarement|guère|évit\w+|raramente|apenas|evit(?:ar|e|en|a|an)|редко|едва|избега\w+"
    r"|stop(?:s|ped)?|cease[sd]?|unlike|except|instead|rather|prevent(?:s|ed)?|prohibit\w*|forb[ia]d\w*|nowhere|few|little"
    r"|falsch|unwahr|l(?:ü|ue)ge|gelogen|faux|fausse|mensonge|falsos?|falsas?|mentira|неверно|ложь|ложно|неправда|rien)\b",
    re.IGNORECASE,
)
"""Words that deny, beside those that only negate."""
_ADVERBS = re.compile("hardly|scarcely|barely|rarely|seldom", re.IGNORECASE)
_HALF_DENIALS = re.compile(
    r"\b(?:un|in|im|ir|il|dis|non-?)[^\W\d_]{3,}|\b[^\W\d_]{3,}less\b"
    r"|\b(?:lack\w*|absen\w+|only|ban(?:s|ned)?|block\w*|end(?:s|ed)?|lost|loss|miss\w*|free|zero|minus|exclu\w+|declin\w+|opposed?|against|alone|fewer|less|reduc\w+|abol\w+|remov\w+)\b",
    re.IGNORECASE,
)
"""Words by which a document may say what a claim says with a "not": impossible, careless, lack."""
_NOT_DENYING = re.compile(
    r"\b(?:(?:not|\w+n['’]t) (?:only|just|merely|simply)|not until|nothing but"
    r"|no(?:t)? (?:more|less|fewer|later|earlier|sooner|longer|higher|lower) than(?=\W*\d)"
    r"|no (?:doubt|matter|one but)|rather than|false (?:positive|negative)s?|false alarms?)\b",
    re.IGNORECASE,
)
_FRAME = re.compile(
    r"\b(?:false|untrue|incorrect|wrong|lie|myth|fiction|mistake|mistaken|hoax|den(?:y|ies|ied)|refut(?:es?|ed)|reject(?:s|ed)?"
    r"|doubtful|no evidence|disprove[ds]?|contrary to|far from(?: it being)? true|falsch|faux|falso)\b",
    re.IGNORECASE,
)
_BEFORE_WORD = re.compile(
    r"(?:not|non|no|never|nor|neither|without|cannot|\w+n['’]t|unable|nicht|kein(?:e[mnrs]?)?|niemals|ohne|pas|jamais|aucune?"
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
    return len(_SAYS_NO.findall(seen(text)))


def doubts(text: str) -> int:
    """Count the words that negate or deny otherwise: "hardly", "it is false that", "avoid"."""
    text = _NOT_DENYING.sub("", seen(text))
    return denials(text) + len(_DOUBTS.findall(text))


def denying(words: Sequence[str]) -> frozenset[int]:
    """Return the places of the words that negate."""
    text = " ".join(words)
    idle = [match.span() for match in _NOT_DENYING.finditer(text)]
    places, at = set(), 0
    for place, word in enumerate(words):
        inside = any(start <= at < end for start, end in idle)
        if not inside and (_SAYS_NO.fullmatch(word) or _ADVERBS.fullmatch(word)):
            places.add(place)
        at += len(word) + 1
    return frozenset(places)


def framed(text: str) -> bool:
    """Tell whether a text calls something false: "it is a myth that"."""
    return bool(_FRAME.search(seen(text)))


def may_deny(text: str) -> bool:
    """Tell whether a document's text may say what a claim says with a "not"."""
    return doubts(text) > 0 or bool(_HALF_DENIALS.search(text))


def denied(text: str, reader: WordReader) -> frozenset[str]:
    """Return the terms that a text denies and nowhere affirms: the first one after each word that negates.

    "The fee is not refundable" denies that something is refundable; "dogs, not cats" denies cats.
    """
    text = seen(text)
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
