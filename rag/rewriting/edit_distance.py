"""Edit distance: how likely it is that one word was typed for another.

The four kinds of slips (a letter left out, put in, taken for another, swapped with the next) are those of F. Damerau,
"A technique for computer detection and correction of spelling errors", CACM 7(3), 1964.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

LONG = 8
"""Letters from which two slips in a word are believed."""

# Rows of a QWERTY keyboard with the half-key shift between them: near keys are likelier slips.
_ROWS = ((0.0, "qwertyuiop"), (0.25, "asdfghjkl"), (0.75, "zxcvbnm"))
# Letters that are taken for each other by ear.
_SOUNDS = ("aeiouy", "ck", "cs", "sz", "fv", "mn", "gj", "dt", "bp")
_LIKELY = 0.3
_FAR = 0.3
_PLACES = {key: (x + shift, float(y)) for y, (shift, row) in enumerate(_ROWS) for x, key in enumerate(row)}


def believed(typed: str) -> int:
    """Return how many slips in a word are believed."""
    return 2 if len(typed) >= LONG else 1


def within(typed: str, words: Iterable[str], slips: int) -> list[str]:
    """Return the words that are at most so many slips away and begin alike, see `begins_alike`."""
    from rapidfuzz import process
    from rapidfuzz.distance import OSA

    found = process.extract_iter(typed, words, scorer=OSA.distance, score_cutoff=slips)
    return [word for word, _, _ in found if begins_alike(typed, word)]


def begins_alike(typed: str, meant: str) -> bool:
    """Say whether two words have one first letter, or the first two swapped.

    People seldom get the first letter wrong (E. Yannakoudakis and D. Fawthrop, "The rules of spelling errors",
    Information Processing & Management 19(2), 1983); what differs there is more often another word.
    """
    return typed[:1] == meant[:1] or (len(typed) > 1 and typed[1] + typed[0] == meant[:2])


def cost(typed: str, meant: str) -> float:
    """Return how unlikely it is that ``typed`` means ``meant``: edits, the less likely ones weighted more.

    A swap and a neighbouring key are likely; a letter for another that neither lies nor sounds near is rather another
    word ("lectin" is no "leptin").
    """
    from rapidfuzz.distance import OSA

    total = float(OSA.distance(typed, meant))
    if len(typed) == len(meant):
        pairs = [(a, b) for a, b in zip(typed, meant, strict=True) if a != b]
        swapped = len(pairs) == 2 and pairs[0] == pairs[1][::-1]
        total += -_LIKELY if swapped else sum(_taken(a, b) for a, b in pairs)
    return total


def _taken(typed: str, meant: str) -> float:
    """Return what it adds to a slip that one letter was taken for another."""
    if _neighbours(typed, meant):
        return -_LIKELY
    alike = any(typed in sounds and meant in sounds for sounds in _SOUNDS)
    return 0.0 if alike else _FAR


def _neighbours(a: str, b: str) -> bool:
    if a not in _PLACES or b not in _PLACES:
        return False
    return math.dist(_PLACES[a], _PLACES[b]) < 1.3
