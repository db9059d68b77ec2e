"""Where in a sentence stands something of the kind that a question asks for.

Every pattern is linear in the sentence. English words, and digits and capitals of any script that has them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from .question import Kind
from .words import Words

_MONTHS = "january february march april may june july august september october november december".split()
_TIME = frozenset(
    [m for m in _MONTHS if m not in ("march", "may")]
    + "century centuries decade decades monday tuesday wednesday thursday friday saturday sunday today spring summer autumn "
    "winter bc ad bce ce ago midnight noon morning evening year years".split()
)
_NUMBER = frozenset(
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen "
    "nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred hundreds thousand thousands million millions "
    "billion trillion dozen dozens both half twice once single pair couple several none zero".split()
)
_MONEY = frozenset("dollar dollars euro euros pound pounds cent cents yen million billion usd eur gbp us francs".split())
_PERCENT = frozenset("percent per half third quarter fifth quarters thirds majority percentage".split())
_REASON = frozenset(
    "because due since so therefore thus cause causes caused causing reason reasons result results resulted resulting led "
    "leads owing order lest avoid prevent prevents allow allows allowed enable enables ensure for as to".split()
)
_REASON_STRONG = frozenset("because due since therefore thus cause caused reason reasons result led owing avoid prevent".split())
_MANNER = frozenset("by through via using with use used uses means method process when run call set add".split())
_PLACE = frozenset("in at near from to within throughout across around between of".split())
_LEADS = frozenset("called termed named known dubbed titled entitled nicknamed means refers defined is are was were".split())
_YEAR = re.compile(r"(?:1\d{3}|20\d\d)s?\Z")

Clues = Callable[[Words, frozenset[str]], list[int]]


def _capitalised(words: Words, asked: frozenset[str]) -> list[int]:
    """Capitalised words that the question does not hold; the sentence's first word counts if the second is one too."""
    names = [i for i, (w, s) in enumerate(zip(words.words, words.stems, strict=True)) if s and w[0].isupper() and s not in asked]
    if names and names[0] == 0 and (len(names) == 1 or names[1] != 1):
        return names[1:]
    return names


def _person(words: Words, asked: frozenset[str]) -> list[int]:
    return _capitalised(words, asked)


def _place(words: Words, asked: frozenset[str]) -> list[int]:
    names = _capitalised(words, asked)
    held = set(names)
    led = [i for i in names if any(words.words[j].lower() in _PLACE for j in range(max(0, i - 3), i))]
    return led or sorted(held)


def _in(group: frozenset[str], *, digits: bool = False, year: bool = False) -> Clues:
    def find(words: Words, asked: frozenset[str]) -> list[int]:
        out = []
        for i, (word, stem) in enumerate(zip(words.words, words.stems, strict=True)):
            low = word.lower()
            if stem and stem in asked:
                continue
            if low in group or (digits and low[0].isdigit()) or (year and _YEAR.match(low)):
                out.append(i)
        return out

    return find


def _new(words: Words, asked: frozenset[str]) -> list[int]:
    return [i for i, stem in enumerate(words.stems) if stem and stem not in asked]


def _thing(words: Words, asked: frozenset[str]) -> list[int]:
    return _new(words, asked)


CLUES: dict[Kind, Clues] = {
    "person": _person,
    "place": _place,
    "time": _in(_TIME, year=True),
    "number": _in(_NUMBER, digits=True),
    "money": _in(_MONEY, digits=True),
    "percent": _in(_PERCENT, digits=True),
    "reason": _in(_REASON_STRONG),
    "manner": _in(_MANNER),
    "definition": _in(_LEADS),
    "thing": _thing,
    "yesno": _thing,
    "other": _thing,
}


def clues(kind: Kind, words: Words, asked: frozenset[str]) -> list[int]:
    """Positions of words that may answer a question of that kind, question's own stems (``asked``) left out."""
    return CLUES[kind](words, asked)


def nearness(clue_at: Sequence[int], matched: dict[str, list[int]], weight: dict[str, float], total: float) -> float:
    """Return how near the best clue stands to the matched terms: sum of weight times 1 / (1 + distance / 5), over ``total``."""
    best = 0.0
    for at in clue_at:
        value = sum(weight[stem] / (1 + min(abs(at - p) for p in places) / 5) for stem, places in matched.items())
        best = max(best, value)
    return best / total if total else 0.0
