"""Negation: the terms that a text denies, by the word after each "not"."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .invisible import seen
from .words import WordReader, Words, listed

_SAYS_NO = re.compile(
    r"\b(?:not|no|never|none|nor|neither|nobody|nothing|without|cannot|lacks?|fails?|failed|unable|\w*n['’]t"
    r"|n[.·*_-]o[.·*_-]t"
    r"|nicht|kein(?:e[mnrs]?)?|keinesfalls|keineswegs|mitnichten|niemals|ohne|pas|jamais|aucune?"
    r"|nunca|jamás|ningun[oa]s?|ningún|tampoco|não|non(?!-)|senza|нет|не|нельзя|никогда|без|немає|ніколи"
    r"|niet|geen|nooit|zonder|inte|ikke|ikkje|aldrig|aldri|ingen|inget|nie|nigdy|bez|není|nejsou|nikdy|fără"
    r"|nem|nincs|soha|eivät|değil|tidak|bukan|không|chưa|δεν|δε|όχι|ποτέ|לא|אין|لا|ليس|ليست|لم|لن|नहीं|नही)\b",
    re.IGNORECASE,
)
_DOUBTS = re.compile(
    r"\b(?:un(?:true|likely|founded)|false(?:ly|hood)?|incorrect(?:ly)?|wrong(?:ly)?|lies?|myth|fiction|hoax"
    r"|mistake[nd]?"
    r"|den(?:y|ies|ied|ying|ials?)|refut(?:e|es|ed)|rebut\w*|reject(?:s|ed)?|disput(?:e|es|ed)|disprov\w+|contradict\w*"
    r"|contrary|doubtful|doubts?|nonsense|rumou?rs?|fake|bogus|baseless|supposedly|allegedly|purportedly"
    r"|impossible|unable|used to be|anything but|(?:kept?|keeps?) from"
    r"|hardly|scarcely|barely|rarely|seldom|infrequently|avoid(?:s|ed|ing)?|refus(?:e|es|ed)"
    r"|refrain(?:s|ed|ing)?|abstain(?:s|ed|ing)?|far from(?! \d)"
    r"|misconceptions?|misbeliefs?|fallac(?:y|ies)|fallacious|erroneous(?:ly)?|inaccurate(?:ly)?|misleading(?:ly)?"
    r"|kaum|selten|vermeid\w*|rarement|guère|évit\w+|raramente|apenas|evit(?:ar|e|en|a|an)|редко|едва|избега\w+"
    r"|n[e’']|sans|nul(?:le)?|nullement|contrairement|contrariamente|entgegen|tegenstelling|вопреки"
    r"|irrtum|irrtümlich|mythos|unzutreffend|inexact|erronée?s?|errone[oa]s?|inesatt[oa]|mythe|mito|onwaar"
    r"|onjuist|миф|ошибочно"
    r"|stop(?:s|ped)?|cease[sd]?|unlike|except|instead|rather|prevent(?:s|ed)?|prohibit\w*|forb[ia]d\w*|nowhere"
    r"|few|little|falsch|unwahr|l(?:ü|ue)ge|gelogen|faux|fausse|mensonge|falsos?|falsas?|mentira|неверно|ложь|ложно|неправда)\b",
    re.IGNORECASE,
)
"""Words that deny, beside those that only negate; the French "ne" is here, as its "pas" is there."""
_NOBODY = (
    r"niemand|nichts|nirgends|weder|personne(?= n(?:e\b|['’]))|rien|nadie|nessun[oa]?|niente|nulla|neanche"
    r"|nemmeno|neppure|ninguém|nenhuma?|никто|ничто|ничего|niets|nergens|nikt|żad(?:en|na|ne|nych|nej)"
)
"""Words that deny by themselves, or beside a "not" that they do not undo."""
_CLOSE_TO_NO = re.compile(
    rf"hardly|scarcely|barely|rarely|seldom|kaum|selten|guère|rarement|raramente|apenas|редко|едва|{_NOBODY}",
    re.IGNORECASE,
)
_NO_PREFIX_SAYS = re.compile(
    rf"\b(?:(?:{_CLOSE_TO_NO.pattern})(?!\w)|infrequently|avoid(?:s|ed|ing)?|refrain(?:s|ed|ing)?|abstain(?:s|ed|ing)?"
    r"|vermeid\w*|évit\w+|evit(?:ar|e|en|a|an)|избега\w+|n(?:e\b|['’])(?=.{1,40}\bplus\b)|contrairement"
    r"|entgegen|вопреки|sans)",
    re.IGNORECASE,
)
"""Words in a claim that no prefix in a document says: "unable" may be "not able", but an index is not "hardly"."""
_NOBODY_SAYS = re.compile(rf"\b(?:{_NOBODY})(?!\w)", re.IGNORECASE)
_HALF_DENIALS = re.compile(
    r"\b(?:lack\w*|absen\w+|only|ban(?:s|ned)?|block\w*|end(?:s|ed)?|lost|loss|miss\w*|free|zero|minus|exclu\w+"
    r"|declin\w+|opposed?|against|alone|fewer|less|reduc\w+|abol\w+|remov\w+)\b",
    re.IGNORECASE,
)
"""Words by which a document may say what a claim says with a "not"."""
_NEGATIVE_FORMS = re.compile(r"\b(?:un|in|im|ir|il|dis|non-?)[^\W\d_]{3,}|\b[^\W\d_]{3,}less\b", re.IGNORECASE)
"""The same by a form of the word: impossible, careless."""
_NOT_DENYING = re.compile(
    r"\b(?:(?:not|\w+n['’]t) (?:only|just|merely|simply)|not until|nothing but"
    r"|no(?:t)? (?:more|less|fewer|later|earlier|sooner|longer|higher|lower) than(?=\W*\d)"
    r"|no (?:doubt|matter|one but)|rather than|false (?:positive|negative)s?|false alarms?)\b",
    re.IGNORECASE,
)
_FRAME = re.compile(
    r"\b(?:false|untrue|incorrect|wrong|lie|myth|fiction|mistake|mistaken|hoax|den(?:y|ies|ied)|refut(?:es?|ed)"
    r"|reject(?:s|ed)?"
    r"|doubtful|no evidence|disprove[ds]?|contrary to|far from(?: it being)? true|falsch|faux|falso)\b",
    re.IGNORECASE,
)
_BEFORE_WORD = re.compile(
    r"(?:not|non|no|never|nor|neither|without|cannot|\w+n['’]t|unable|nicht|kein(?:e[mnrs]?)?|niemals|ohne|pas"
    r"|jamais|aucune?|nunca|jamás|ningun[oa]s?|ningún|não|niet|geen|nooit|inte|ikke|nie|не|нельзя|никогда|لا|ليس|ليست|لم|لن)\Z",
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
    return denials(text) + len(_DOUBTS.findall(text)) + len(_NOBODY_SAYS.findall(text))


def denying(words: Sequence[str]) -> frozenset[int]:
    """Return the places of the words that negate."""
    text = " ".join(words)
    idle = [match.span() for match in _NOT_DENYING.finditer(text)]
    places, at = set(), 0
    for place, word in enumerate(words):
        inside = any(start <= at < end for start, end in idle)
        if not inside and (_SAYS_NO.fullmatch(word) or _CLOSE_TO_NO.fullmatch(word)):
            places.add(place)
        at += len(word) + 1
    return frozenset(places)


def framed(text: str) -> bool:
    """Tell whether a text calls something false: "it is a myth that"."""
    return bool(_FRAME.search(seen(text)))


def may_deny(text: str, claim: str) -> bool:
    """Tell whether a document's text may say what a claim says with a "not"."""
    if doubts(text) > 0 or _HALF_DENIALS.search(text):
        return True
    return bool(_NEGATIVE_FORMS.search(text)) and not _NO_PREFIX_SAYS.search(seen(claim))


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
