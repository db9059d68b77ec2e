"""Condense a conversation into a self-contained question, by rules: add the topic to a question that points back.

"What is throat cancer?" ... "Is it treatable?" -> "Is it treatable? (throat cancer)". No model, no delay; a question
that is self-contained already is left as it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ..grounding.words import FUNCTION_WORDS, listed
from .corpus import Corpus
from .protocol import QueryDraft

_WORD = re.compile(r"[^\W_]+(?:[-'’.][^\W_]+)*")
_POINTS_BACK = re.compile(
    r"\b(?:it|its|it's|itself|they|them|their|theirs|he|him|his|she|her|hers|this|that|these|those|there|here|such|"
    r"one|ones|another|others?|both|either|former|latter|same|first one|previous|above|mentioned|you said|the two)\b",
    re.IGNORECASE,
)
_GOES_ON = re.compile(
    r"^\s*(?:and|but|so|or|also|then|ok|okay|what about|how about|what if|what else|any|why(?: not)?\s*\??$"
    r"|tell me more|more about|go on|compare|no,|yes,|i see|interesting|thanks?)\b",
    re.IGNORECASE,
)
_STOP = listed(
    "a an the and or but nor so if then than as at by for from in into of off on onto out over to up with about after "
    "against among around before behind below beneath beside between beyond down during except inside near outside "
    "since through throughout toward under until upon within without i me my mine we us our ours you your yours he him "
    "his she her hers it its they them their theirs this that these those there here who whom whose which what when "
    "where why how am is are was were be been being do does did done doing have has had having can could may might "
    "must shall should will would not no very too all any each every few most such own same s t d ll ve re m don won "
    "isn aren wasn weren doesn didn hasn haven couldn shouldn wouldn because while again once both either neither "
    "asides system"
)
_CHAT = listed(
    "tell know find info information please give like want mean also main some different type types kind kinds thing "
    "things good best way ways help need explain describe example examples difference differences between compare "
    "common popular important interesting sure think heard really much many lot lots little bit use used using make "
    "made get got okay ok thanks thank yes no more other others well still even just only actually"
)
_FEW = 2  # words of its own with which a question is hardly self-contained
_MOST = 4
_TURNS = 6
_FADES = 0.75
_OPENING = 0.5  # what the first turn is about stays the topic of many talks
_NAME = 0.5
_LONG_TURN = 8  # words of a turn above which each says less of what the talk is about


class Condenser:
    """Puts the topic of the conversation behind a question that points back or is too short to be self-contained.

    Parameters
    ----------
    most
        Words that are taken over, at most.
    """

    name = "condense"
    waits = False

    def __init__(self, *, most: int = _MOST) -> None:
        self.most = most

    def rewrite(self, asked: QueryDraft, corpus: Corpus, *, deadline: float | None = None) -> QueryDraft:  # noqa: ARG002
        """Return the question with the topic behind it."""
        if not asked.history or not depends(asked.text):
            return asked
        topic = topic_words(asked.text, asked.history, self.most)
        return replace(asked, text=f"{asked.text.rstrip()} ({' '.join(topic)})") if topic else asked


def depends(text: str) -> bool:
    """Say whether a question needs what was said before: it points back, goes on, or has hardly a word of its own."""
    return bool(_POINTS_BACK.search(text) or _GOES_ON.match(text) or len(own_words(text)) <= _FEW)


def topic_words(text: str, history: Sequence[str], most: int) -> list[str]:
    """Return the words that the earlier questions turn on and that ``text`` lacks, in the order of their last use."""
    there = {_key(word) for word in own_words(text)}
    scores: dict[str, float] = {}
    last: dict[str, tuple[int, int, str]] = {}
    turns = list(history[-_TURNS:])
    if len(history) > _TURNS:
        turns.insert(0, history[0])
    for number, turn in enumerate(turns):
        weight = _FADES ** (len(turns) - 1 - number) + (_OPENING if number == 0 else 0.0)
        words = own_words(turn)
        weight *= min(1.0, (_LONG_TURN / max(1, len(words))) ** 0.5)
        for at, word in enumerate(words):
            key = _key(word)
            if key not in there:
                is_name = word[0].isupper() and at > 0
                scores[key] = scores.get(key, 0.0) + weight * (1 + _NAME * is_name)
                last[key] = (number, at, word)
    best = sorted(scores, key=lambda key: (-scores[key], last[key]))[:most]
    return [last[key][2] for key in sorted(best, key=lambda key: last[key])]


def own_words(text: str) -> list[str]:
    """Return the words of a text that carry a meaning of their own."""
    words = _WORD.findall(text)
    return [w for w in words if len(w) > 1 and not _plain(w) & (_STOP | _CHAT | FUNCTION_WORDS)]


def _plain(word: str) -> frozenset[str]:
    """Return a word in lower case, and the part before its apostrophe: ``what's`` is a ``what``."""
    low = word.lower()
    return frozenset({low, re.split("['’]", low)[0]})


def _key(word: str) -> str:
    low = word.lower().removesuffix("'s").removesuffix("’s")
    return low[:-1] if len(low) > 3 and low.endswith("s") and not low.endswith("ss") else low
