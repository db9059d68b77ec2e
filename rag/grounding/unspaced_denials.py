"""Denials in Chinese, Japanese and Korean, where a "not" is part of a longer run of letters.

Each clause of a claim is laid beside the clause of the document that has most of its pairs of letters: one that denies
and one that does not depart from each other.
"""

from __future__ import annotations

import re
from itertools import pairwise

_SCRIPT = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_IDLE = re.compile(
    "不得不|不可不|不能不|差不多|不[锈銹但仅僅只光过過断斷同久丹论論管]|不(?:到|足|超过|超過|低于|低於|高于|高於|少于|少於|多于|多於)|除非|是否"
    "|没收|沒收|未[来來满滿満]|非[常洲]|かもしれ(?:ない|ません)|な(?:ければ|くては)な(?:らない|りません)|だけで(?:は)?なく|少な[いく]"
    "|지 않으면 안|뿐(?:만)? 아니라"
)
_DENIES = re.compile(
    "[不没沒勿]|未|非|无法|無法|无需|無需|禁止|避免|拒绝|拒絕|从不|從不|ない|ません|なかっ|なく(?!な[りるっ])"
    "|지\\s?(?:않|못|마|말)|아니|아닌|아닙|없|못\\s?하|금지"
)
_CLAUSE = re.compile(r"[，。；、！？,;!?:：\n]+|(?<!\d)\.|\.(?!\d)")
_SAME = 0.6
"""Share of a clause's pairs of letters that another has, from which both say the same."""


def departs(claim: str, said: str) -> str:
    """Return how a claim denies what a document affirms, or affirms what it denies; empty if it does not.

    Examples
    --------
    >>> departs("门票不可退款", "门票可退款。")
    'the passage does not deny it'
    """
    if not _SCRIPT.search(claim):
        return ""
    own, other = _clauses(claim), _clauses(said)
    for pairs, denies in own:
        best = max(other, key=lambda each: (_share(pairs, each[0]), each[1] == denies), default=None)
        if best and _share(pairs, best[0]) >= _SAME and best[1] != denies:
            return "the passage does not deny it" if denies else "the passage denies it"
    return ""


def _clauses(text: str) -> list[tuple[frozenset[str], bool]]:
    """Return for each clause its pairs of letters, without those of what denies, and whether it denies."""
    found = []
    for clause in _CLAUSE.split(text):
        plain = _IDLE.sub("", clause)
        letters = re.sub(r"\W", "", _DENIES.sub("", plain))
        if len(letters) > 1:
            found.append((frozenset(map("".join, pairwise(letters))), bool(_DENIES.search(plain))))
    return found


def _share(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one)
