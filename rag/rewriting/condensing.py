"""Condense a conversation into a self-contained question, by rules: add the topic to a question that points back.

"What is throat cancer?" ... "Is it treatable?" -> "Is it treatable? (throat cancer)". No language model; a question
that is self-contained already is left as it is. The topic's words are for whatever reads the question. The search takes
the question's own terms, for words of earlier turns mislead it, and the question's vector moved towards those turns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..deadlines import within
from ..errors import in_words
from ..terms import topic_terms
from .corpus import Corpus
from .dependence import need, own_words, spoken
from .protocol import BEHIND, QueryDraft, Unfinished, Variant

if TYPE_CHECKING:
    from ..embedding.protocol import Embedder

_MOST = 4
_TURNS = 6
_FADES = 0.75
_OPENING = 0.5  # what the first turn is about stays the topic of many talks
_NAME = 0.5
_HEARD, _OF_TURNS, _OF_ANSWER = 3, 0.4, 0.2
"""Last questions that the vector is moved towards, and the weights of these and of the last answer."""
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

    def rewrite(self, asked: QueryDraft, corpus: Corpus | None, *, deadline: float | None = None) -> QueryDraft:
        """Return the question with the topic behind it; in doubt, both readings, of which the plain one goes first."""
        code = spoken(asked.text, asked.history) if asked.history else ""
        topic = topic_words(asked.text, asked.history, self.most, code) if asked.history else []
        lacks = need(asked.text, topic, corpus, code) if topic else "nothing"
        if lacks == "nothing":
            return asked
        condensed = f"{asked.text.rstrip()} ({' '.join(topic)})"
        if lacks == "doubt":
            return replace(asked, variants=(*asked.variants, Variant(condensed, BEHIND)))
        by_words = replace(asked, text=condensed)
        if corpus is None or not corpus.dense:
            return by_words
        try:
            vector = within(deadline, partial(in_conversation, asked, corpus.embedder))
        except Exception as error:
            raise Unfinished(by_words, in_words(error)) from error
        return replace(by_words, terms=Counter(topic_terms(asked.text, corpus.analyser)), vector=vector)


def in_conversation(asked: QueryDraft, embedder: Embedder) -> NDArray[np.float32]:
    """Return a question's vector, moved towards the talk and of unit length.

    Parameters
    ----------
    asked
        With a history.
    """
    turns = asked.history[-_HEARD:]
    vectors = embedder.embed_queries([asked.text, *turns, *filter(None, [asked.answer])])
    talk, answer = vectors[1 : 1 + len(turns)], vectors[1 + len(turns) :]
    return _unit(vectors[0] + _OF_TURNS * _unit(talk.sum(axis=0)) + _OF_ANSWER * answer.sum(axis=0))


def _unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9), np.float32)


def topic_words(text: str, history: Sequence[str], most: int, code: str = "en") -> list[str]:
    """Return the words that the earlier questions turn on and that ``text`` lacks, in the order of their last use.

    Parameters
    ----------
    code
        The language of the talk.
    """
    there = {_key(word) for word in own_words(text, code)}
    scores: dict[str, float] = {}
    last: dict[str, tuple[int, int, str]] = {}
    turns = list(history[-_TURNS:])
    if len(history) > _TURNS:
        turns.insert(0, history[0])
    for number, turn in enumerate(turns):
        weight = _FADES ** (len(turns) - 1 - number) + (_OPENING if number == 0 else 0.0)
        words = own_words(turn, code)
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
