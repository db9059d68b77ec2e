"""Condense a conversation into a self-contained question, by rules: add the topic to a question that points back.

"What is throat cancer?" ... "Is it treatable?" -> "Is it treatable? (throat cancer)". No model, no delay; a question
that is self-contained already is left as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .corpus import Corpus
from .dependence import need, own_words
from .protocol import BEHIND, QueryDraft, Variant

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

    def rewrite(self, asked: QueryDraft, corpus: Corpus | None, *, deadline: float | None = None) -> QueryDraft:  # noqa: ARG002
        """Return the question with the topic behind it; in doubt, both readings, of which the plain one goes first."""
        topic = topic_words(asked.text, asked.history, self.most) if asked.history else []
        lacks = need(asked.text, topic, corpus) if topic else "nothing"
        if lacks == "nothing":
            return asked
        condensed = f"{asked.text.rstrip()} ({' '.join(topic)})"
        if lacks == "topic":
            return replace(asked, text=condensed)
        return replace(asked, variants=(*asked.variants, Variant(condensed, BEHIND)))


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


def _key(word: str) -> str:
    low = word.lower().removesuffix("'s").removesuffix("’s")
    return low[:-1] if len(low) > 3 and low.endswith("s") and not low.endswith("ss") else low
