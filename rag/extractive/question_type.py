"""Classify questions by the kind of answer they ask for.

The kinds follow the coarse classes of Li and Roth, "Learning Question Classifiers" (COLING 2002), as far as a sentence
can be checked for them without a model. The rules here are English; those of other languages are in `rag.languages`. A
question in a language without any is of kind ``other``, whose features need no grammar.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Literal, cast, get_args

from ..grounding.words import AUXILIARY, BE, QUESTION_WORDS, WORD, listed
from ..languages import question_language, rules

Kind = Literal[
    "person", "place", "time", "number", "money", "percent", "reason", "manner", "definition", "yesno", "thing", "other"
]
KINDS: tuple[Kind, ...] = get_args(Kind)


_NOUNS: dict[Kind, str] = {
    "time": "year years date day month time century decade era period season weekday age",
    "place": "city country state place location town region area province county continent river street nation "
    "island district village neighborhood neighbourhood building stadium venue site capital territory",
    "person": "person people man woman president king queen author actor actress singer scientist player coach "
    "philosopher leader emperor writer director composer artist architect pope general politician character "
    "economist engineer inventor mathematician doctor officer minister founder ruler",
    "number": "number population amount length height size width depth distance temperature speed weight quantity "
    "total rate score ratio count mass area pressure volume limit maximum minimum",
    "money": "price cost salary budget revenue fee income fine",
    "percent": "percentage percent proportion share fraction",
    "reason": "reason cause purpose motive",
}
_KIND_OF_NOUN = {noun: kind for kind, nouns in _NOUNS.items() for noun in nouns.split()}

_WHAT = frozenset(("what", "which"))
_HOW: dict[str, Kind] = {
    "many": "number", "much": "number", "long": "number", "far": "number", "old": "number", "tall": "number",
    "large": "number", "big": "number", "high": "number", "deep": "number", "fast": "number", "often": "number",
    "wide": "number", "heavy": "number", "hot": "number", "small": "number", "late": "time", "early": "time",
    "soon": "time", "recently": "time",
}  # fmt: skip
_PREPOSITIONS = listed("in on at by for from to of with under during about into through as upon among since")
_GENERIC = listed("kind type sort form name term word example thing part one")


@dataclass(frozen=True, slots=True)
class AnalysedQuestion:
    """A question, analysed.

    Attributes
    ----------
    kind
        The kind of answer asked for.
    focus
        Lower-case words that name the thing asked for ("city" in "what city ..."); answers often lack them.
    language
        Of the question; empty where nobody can tell.
    """

    text: str
    kind: Kind
    focus: tuple[str, ...] = ()
    language: str = ""


def analyse(text: str) -> AnalysedQuestion:
    """Return the kind and the focus of a question, in linear time.

    The first question word decides, wherever it is ("In what year ...", "X was founded by whom?").
    """
    code = question_language(text)
    if code in {"", "en"}:
        return replace(_in_english(text), language=code)
    return AnalysedQuestion(text, cast("Kind", rules(code).kind_of(text) or "other"), language=code)


def _in_english(text: str) -> AnalysedQuestion:
    words = [match.group().lower() for match in WORD.finditer(text)]
    at = next((i for i, word in enumerate(words) if word in QUESTION_WORDS), None)
    if at is None:
        return AnalysedQuestion(text, "yesno" if words and words[0] in AUXILIARY else "other")
    if words[0] in AUXILIARY:
        return AnalysedQuestion(text, "yesno")
    word, rest = words[at].split("'")[0], words[at + 1 :]
    if word in ("who", "whom", "whose"):
        return AnalysedQuestion(text, "person")
    if word in ("when", "where", "why"):
        return AnalysedQuestion(text, {"when": "time", "where": "place", "why": "reason"}[word])  # type: ignore[arg-type]
    if word == "how":
        return _how(text, rest)
    return _what(text, rest)


def asks(sentence: str, question: str) -> bool:
    """Tell whether a sentence contains the question itself, as the heading of an FAQ or a command to type does."""
    asked, said = (" ".join(text.lower().split()) for text in (question, sentence))
    return asked.rstrip("?？؟ ") + "?" in said.replace("？", "?").replace("؟", "?")


def _how(text: str, rest: list[str]) -> AnalysedQuestion:
    kind = _HOW.get(rest[0], "manner") if rest else "manner"
    if kind == "number" and rest[0] == "many":
        return AnalysedQuestion(text, "number", tuple(rest[1:2]))
    if rest[:1] == ["much"] and (
        set(rest) & {"cost", "costs", "pay", "paid", "money", "worth", "spend", "spent", "earn"}
    ):
        return AnalysedQuestion(text, "money")
    return AnalysedQuestion(text, kind)


def _what(text: str, rest: list[str]) -> AnalysedQuestion:
    """Read the noun phrase after ``what``, or after "what is the", which names what is asked for."""
    if rest and rest[0] in BE:
        return _what_is(text, rest[1:])
    if rest and rest[0] in AUXILIARY:
        return AnalysedQuestion(text, "thing")
    if rest and rest[0] in {"happens", "happened"}:
        return AnalysedQuestion(text, "manner")
    phrase = _noun_phrase(rest)
    kinds = [_KIND_OF_NOUN[word] for word in phrase[:3] if word in _KIND_OF_NOUN]
    return AnalysedQuestion(text, kinds[0] if kinds else "thing", tuple(phrase[:2]))


def _what_is(text: str, rest: list[str]) -> AnalysedQuestion:
    rest = rest[1:] if rest and rest[0] in {"the", "a", "an"} else rest
    phrase = _noun_phrase(rest)
    kinds = [_KIND_OF_NOUN[word] for word in phrase if word in _KIND_OF_NOUN]
    if kinds:
        return AnalysedQuestion(text, kinds[0], (phrase[-1],))
    if len(rest) <= 4 and not set(phrase) & _GENERIC:
        return AnalysedQuestion(text, "definition")
    return AnalysedQuestion(text, "thing", tuple(word for word in phrase if word in _GENERIC))


def _noun_phrase(words: list[str]) -> list[str]:
    return list(takewhile(lambda word: word not in AUXILIARY | _PREPOSITIONS, words[:4]))
