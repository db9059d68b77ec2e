"""What kind of thing a question asks for, told by its words.

The kinds follow the coarse classes of Li and Roth, "Learning Question Classifiers" (COLING 2002), as far as a sentence
can be checked for them without a model. Rules are English; a question in another language is of kind ``other``, whose
features are the ones that need no grammar.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal[
    "person", "place", "time", "number", "money", "percent", "reason", "manner", "definition", "yesno", "thing", "other"
]
KINDS: tuple[Kind, ...] = get_args(Kind)

WORD = re.compile(r"\d+(?:[.,:]\d+)*\w*|[^\W\d]\w*(?:[.'’]\w+)*(?:\+\+|#)?")
"""A number with its inner marks, or a word with its inner dots and apostrophes."""


def listed(words: str) -> frozenset[str]:
    """Words of a literal, as a set."""
    return frozenset(words.split())


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
_BE = listed("is are was were be been being am 's")
_AUXILIARY = _BE | listed(
    "do does did has have had can could will would shall should may might must isn't aren't wasn't weren't don't "
    "doesn't didn't hasn't haven't hadn't can't couldn't won't wouldn't shouldn't"
)
_HOW: dict[str, Kind] = {
    "many": "number", "much": "number", "long": "number", "far": "number", "old": "number", "tall": "number",
    "large": "number", "big": "number", "high": "number", "deep": "number", "fast": "number", "often": "number",
    "wide": "number", "heavy": "number", "hot": "number", "small": "number", "late": "time", "early": "time",
    "soon": "time", "recently": "time",
}  # fmt: skip
_PREPOSITIONS = listed("in on at by for from to of with under during about into through as upon among since")
_QUESTION_WORDS = listed("who whom whose when where why how what which whats who's what's where's")
FUNCTION_WORDS = (
    _QUESTION_WORDS | _AUXILIARY | {"many", "much", "there", "some", "any", "please", "tell", "me", "i", "you", "we"}
)
"""Words that make a text a question and that an answer need not repeat."""
_GENERIC = listed("kind type sort form name term word example thing part one")


@dataclass(frozen=True, slots=True)
class Question:
    """A question, analysed.

    Attributes
    ----------
    kind
        What is asked for.
    focus
        Lower-case words that name the thing asked for ("city" in "what city ..."); answers often lack them.
    """

    text: str
    kind: Kind
    focus: tuple[str, ...] = ()


def analyse(text: str) -> Question:
    """Tell the kind and the focus of a question.

    The first question word decides, wherever it stands ("In what year ...", "X was founded by whom?"). Linear time.
    """
    words = [match.group().lower() for match in WORD.finditer(text)]
    at = next((i for i, word in enumerate(words) if word in _QUESTION_WORDS), None)
    if at is None:
        return Question(text, "yesno" if words and words[0] in _AUXILIARY else "other")
    if words[0] in _AUXILIARY:
        return Question(text, "yesno")
    word, rest = words[at].split("'")[0], words[at + 1 :]
    if word in ("who", "whom", "whose"):
        return Question(text, "person")
    if word in ("when", "where", "why"):
        return Question(text, {"when": "time", "where": "place", "why": "reason"}[word])  # type: ignore[arg-type]
    if word == "how":
        return _how(text, rest)
    return _what(text, rest)


def asks(sentence: str, question: str) -> bool:
    """Say whether a sentence asks the question itself, word for word, as an FAQ's heading or a command to type does."""
    asked, said = (" ".join(text.lower().split()) for text in (question, sentence))
    return asked.rstrip("?？؟ ") + "?" in said.replace("？", "?").replace("؟", "?")


def _how(text: str, rest: list[str]) -> Question:
    kind = _HOW.get(rest[0], "manner") if rest else "manner"
    if kind == "number" and rest[0] == "many":
        return Question(text, "number", tuple(rest[1:2]))
    if rest[:1] == ["much"] and (
        set(rest) & {"cost", "costs", "pay", "paid", "money", "worth", "spend", "spent", "earn"}
    ):
        return Question(text, "money")
    return Question(text, kind)


def _what(text: str, rest: list[str]) -> Question:
    """Read what stands after ``what``: its noun phrase, or the one after "is the", names what is asked for."""
    if rest and rest[0] in _BE:
        return _what_is(text, rest[1:])
    phrase = []
    for word in rest[:4]:
        if word in _AUXILIARY or word in _PREPOSITIONS:
            break
        phrase.append(word)
    if rest and rest[0] in _AUXILIARY:
        return Question(text, "thing")
    kinds = [_KIND_OF_NOUN[word] for word in phrase[:3] if word in _KIND_OF_NOUN]
    focus = tuple(phrase[:2])
    return Question(text, kinds[0] if kinds else "thing", focus)


def _what_is(text: str, rest: list[str]) -> Question:
    if rest[:1] == ["the"] or rest[:1] == ["a"] or rest[:1] == ["an"]:
        rest = rest[1:]
    phrase: list[str] = []
    for word in rest[:4]:
        if word in _PREPOSITIONS or word in _AUXILIARY:
            break
        phrase.append(word)
    kinds = [_KIND_OF_NOUN[word] for word in phrase if word in _KIND_OF_NOUN]
    if kinds:
        return Question(text, kinds[0], (phrase[-1],))
    if len(rest) <= 4 and not set(phrase) & _GENERIC:
        return Question(text, "definition")
    return Question(text, "thing", tuple(word for word in phrase if word in _GENERIC))
