"""Words that tell which way something goes, so that "raises" is not borne out by "lowers"."""

from __future__ import annotations

import re

# Beginnings of words, and whole words where they end in ";".
_UP = """
increas rais rise; rising; rose; grow grew; gain elevat enhanc improv promot induc activat stimulat higher more; greater
upregulat expand longer better strengthen
"""
_DOWN = """
decreas reduc lower fall; falls; fell; declin drop diminish impair inhibit suppress block prevent less; fewer smaller
downregulat attenuat shrink shorter worse weaken
"""
_PAIRS = (
    (_UP, _DOWN),
    ("high;", "low;"),
    ("before; prior; earlier;", "after; later; following;"),
    ("with;", "without;"),
    ("first; earliest; begin began; start", "last; latest; final end; ends; ended;"),
    ("always; all;", "never; none;"),
    ("presence; present;", "absence; absent; lack"),
    ("positive", "negative"),
    ("allow permit accept", "forbid forbad disallow refus reject deny denie"),
    ("enabl", "disabl"),
    ("requir mandatory necessary", "optional unnecessary needless"),
    ("true; correct right;", "false; incorrect wrong"),
    ("same; similar identical", "differ unlike; distinct"),
    ("over; above; exceed", "under; below;"),
    ("sensitiv susceptib", "resist insensitiv"),
    ("north", "south"),
    ("east", "west"),
    ("win; wins; won; winner", "lose; loses; lost; loser"),
)


def _words(written: str) -> str:
    return "|".join(re.escape(word[:-1]) + r"\b" if word.endswith(";") else re.escape(word) for word in written.split())


_PATTERNS = tuple(tuple(re.compile(rf"\b(?:{_words(side)})") for side in pair) for pair in _PAIRS)


def directions(text: str) -> frozenset[tuple[int, int]]:
    """Return which sides, 0 or 1, of which pairs of opposites a text names."""
    plain = text.lower().replace("up-reg", "upreg").replace("down-reg", "downreg")
    return frozenset(
        (place, side) for place, pair in enumerate(_PATTERNS) for side in (0, 1) if pair[side].search(plain)
    )


def opposed(claim: frozenset[tuple[int, int]], evidence: frozenset[tuple[int, int]]) -> int:
    """Count the sides of a claim of which the evidence names only the other one."""
    return sum((place, 1 - side) in evidence and (place, side) not in evidence for place, side in claim)
