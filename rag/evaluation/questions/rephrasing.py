"""Ask a question in other words than its sentence has, by rules: another verb, another order, another frame.

Only changes that keep the meaning whatever the document is about are made, so nouns stay as they are. English, as the
templates are that make the questions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from .questions import Question
from .taking_out import EASY, FIRST, copied

_VERBS = {
    "add": "include", "allow": "permit", "choose": "pick", "combine": "put together", "configure": "set up",
    "connect": "link", "create": "make", "customize": "adapt", "define": "specify", "delete": "get rid of",
    "deploy": "roll out", "disable": "turn off", "enable": "turn on", "exclude": "leave out", "generate": "produce",
    "handle": "deal with", "include": "add", "limit": "restrict", "override": "replace", "prevent": "avoid",
    "protect": "secure", "receive": "get", "remove": "get rid of", "restrict": "limit", "run": "execute",
    "save": "store", "show": "display", "specify": "define", "split": "divide", "start": "launch", "store": "keep",
    "validate": "check", "verify": "check",
}  # fmt: skip
"""Verbs that mean the same whatever they are done to, with one object behind them."""
_HOW = re.compile(r"How (do|can) I (\w+) (.+)\?")
_TAIL = re.compile(r"(.+?) ((?:only )?(?:for|in|during|with|without|before|after|inside|when) .+)")
_WHAT = re.compile(r"What (is|are) (?:(?:an?|the) )?(?!.* of )(\w\S*(?: \S+){0,2})\?")


def rephrased(question: str, answer: str) -> str:
    """Return a question that is too easy in other words: the first that is not, or the one that repeats least.

    Parameters
    ----------
    answer
        The sentence that answers it, see `copied`.
    """
    if copied(question, answer) < EASY:
        return question
    found = [*_candidates(question)]
    better = next((text for text in found if copied(text, answer) < EASY), None)
    return better or min((question, *found), key=lambda text: copied(text, answer))


def _candidates(question: str) -> Iterator[str]:
    """Yield other wordings, the nearest first."""
    if how := _HOW.fullmatch(question):
        ask, verb, rest = how.groups()
        tail, other = _TAIL.fullmatch(rest), _VERBS.get(verb)
        if tail:
            yield f"{tail[2][0].upper()}{tail[2][1:]}, how {ask} I {verb} {tail[1]}?"
        if other:
            yield f"How {ask} I {other} {rest}?"
        if tail and other:
            yield f"{tail[2][0].upper()}{tail[2][1:]}, how {ask} I {other} {tail[1]}?"
    elif what := _WHAT.fullmatch(question):
        yield f"What {'does' if what[1] == 'is' else 'do'} {what[2]} mean?"


def in_other_words(question: Question, text: str) -> Question:
    """Return a question with another text; what it was first is noted, for whoever reviews it."""
    if text == question.text:
        return question
    return replace(question, text=text, metadata={**question.metadata, FIRST: question.text})
