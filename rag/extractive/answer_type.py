"""Find words in a sentence that may be of the kind that a question asks for.

The word lists here are English; those of other languages are in `rag.languages`. Digits and capitals serve every script
that has them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from ..grounding.words import Words, listed
from ..languages import rules
from .question_type import Kind

_MOST = 50

_TIME = listed(
    "january february april june july august september october november december century centuries decade decades "
    "monday tuesday wednesday thursday friday saturday sunday today spring summer autumn winter bc ad bce ce ago "
    "midnight noon morning evening year years"
)
_NUMBER = listed(
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred hundreds thousand thousands "
    "million millions billion trillion dozen dozens both half twice once single pair couple several none zero"
)
_MONEY = listed("dollar dollars euro euros pound pounds cent cents yen million billion usd eur gbp us francs")
_PERCENT = listed("percent per half third quarter fifth quarters thirds majority percentage")
_REASON = listed("because due since therefore thus cause caused reason reasons result led owing avoid prevent")
_MANNER = listed("by through using via with use used uses means method process when run call set add")
_DEFINITION = listed("called termed named known dubbed titled entitled nicknamed means refers defined is are was")
_BEFORE_PLACE = listed("in at near from to within throughout across around between of")
_YEAR = re.compile(r"(?:1\d{3}|20\d\d)s?\Z")

_Finder = Callable[[Words, frozenset[str]], list[int]]


def new_names(words: Words, asked: frozenset[str]) -> list[int]:
    """Return the places of capitalised words that the question lacks; the first word counts if the second does."""
    pairs = enumerate(zip(words.words, words.stems, strict=True))
    found = [at for at, (word, stem) in pairs if stem and word[0].isupper() and stem not in asked]
    return found[1:] if found[:1] == [0] and found[1:2] != [1] else found


def new_numbers(words: Words, asked: frozenset[str]) -> list[int]:
    """Return the places of numbers that the question lacks."""
    pairs = enumerate(zip(words.words, words.stems, strict=True))
    return [at for at, (word, stem) in pairs if word[0].isdigit() and stem not in asked]


def _place(words: Words, asked: frozenset[str]) -> list[int]:
    names = new_names(words, asked)
    led = [at for at in names if any(word.lower() in _BEFORE_PLACE for word in words.words[max(0, at - 3) : at])]
    return led or names


def _new(words: Words, asked: frozenset[str]) -> list[int]:
    return [at for at, stem in enumerate(words.stems) if stem and stem not in asked]


def _of(group: frozenset[str], is_sign: Callable[[str], object] = lambda _: False) -> _Finder:
    def find(words: Words, asked: frozenset[str]) -> list[int]:
        pairs = enumerate(zip(words.words, words.stems, strict=True))
        fresh = ((at, word.lower()) for at, (word, stem) in pairs if not stem or stem not in asked)
        return [at for at, word in fresh if word in group or is_sign(word)]

    return find


def _is_digit(word: str) -> bool:
    return word[0].isdigit()


_ANYWHERE: frozenset[Kind] = frozenset(("person", "thing", "yesno", "other"))
"""Kinds whose finders know no words."""
_FINDERS: dict[Kind, _Finder] = {
    "person": new_names,
    "place": _place,
    "time": _of(_TIME, _YEAR.match),
    "number": _of(_NUMBER, _is_digit),
    "money": _of(_MONEY, _is_digit),
    "percent": _of(_PERCENT, _is_digit),
    "reason": _of(_REASON),
    "manner": _of(_MANNER),
    "definition": _of(_DEFINITION),
    "thing": _new,
    "yesno": _new,
    "other": _new,
}


def _never(_: str) -> bool:
    return False


_SIGNS: dict[Kind, Callable[[str], object]] = {
    "time": _YEAR.match,
    "number": _is_digit,
    "money": _is_digit,
    "percent": _is_digit,
}


def clues(kind: Kind, words: Words, asked: frozenset[str], code: str = "en") -> list[int]:
    """Return the places of words that may answer a question of that kind, except its own stems (``asked``).

    Parameters
    ----------
    code
        Of the words' language.
    """
    own = rules(code)
    if code == "en" or not (kind in own.clues or kind in _SIGNS):
        return _FINDERS[kind](words, asked)[:_MOST] if code == "en" or kind in _ANYWHERE else []
    sign = _SIGNS.get(kind)
    return _of(frozenset(), lambda word: own.clue(kind, word) or (sign is not None and sign(word)))(words, asked)[
        :_MOST
    ]


def defines(words: Words, asked: frozenset[str], code: str = "en") -> bool:
    """Tell whether a sentence opens like a definition of the asked stems: "A vector index is ...", "X means ...".

    Parameters
    ----------
    code
        As in `clues`.
    """
    defining = rules(code).defining_words
    for place, word in enumerate(words.words[:16]):
        if word.lower() in defining:
            head = {term for term, at in zip(words.terms, words.at, strict=True) if at < place}
            return bool(asked) and asked <= head and len(head) <= len(asked) + 3
    return False


def nearness(
    places: Sequence[int], matched: Mapping[str, Sequence[int]], weight: Mapping[str, float], total: float
) -> float:
    """Return how near the best clue is to the question's words: 0 (far, or no clue) to 1 (all of them next to it).

    Each matched word adds its weight / (1 + distance / 5), divided by the question's total weight.
    """
    best = 0.0
    for place in places:
        near = sum(weight[term] / (1 + min(abs(place - at) for at in found) / 5) for term, found in matched.items())
        best = max(best, near)
    return best / total if total else 0.0
