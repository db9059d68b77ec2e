"""A language model as judge: an unreadable verdict is a failure, not a zero."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ..deadlines import Deadline
from ..errors import InvalidInput
from ..llm.language_model import Completion, LanguageModel, Message
from ..llm.parsed_completion import parsed_completion
from ..llm.sampling import Sampling

DEADLINE_S = 120.0
"""Seconds for a vote: enough for a small model on a processor to read ten passages."""
_OBJECT = re.compile(r"\{[^{}]*\}", re.DOTALL)
Vote = TypeVar("Vote")


class _Said(dict[str, Completion]):
    """A cache of completions for as long as a judge lives."""

    put = dict.__setitem__


class Unreadable(ValueError):  # noqa: N818 - named as the verdict is
    """The judge's answer does not have the requested form."""


@dataclass(frozen=True, slots=True)
class Judge:
    """A language model and the way it is asked.

    Attributes
    ----------
    model
        Any `LanguageModel`.
    votes
        Answers drawn for each verdict; the mean of the readable ones counts, and their agreement is reported.
    seed
        Seed of the first vote; each further one takes the next.
    temperature
        If None, 0 for one vote, else 0.7: more votes of a greedy model would only repeat it.
    rubrics
        Replacements of those of `rag.evaluation.metrics.judged.RUBRICS`, by name.
    deadline
        Seconds for each vote, enforced even if the model does not heed them; None for no limit. A judge that was late
        is not asked for the verdict's further votes.
    max_tokens
        Tokens of each vote, at most. A small model that never comes to an end is quicker with few; one that thinks
        first needs thousands.

    Notes
    -----
    What was asked before is not asked again: several metrics are read from one verdict.
    """

    model: LanguageModel
    votes: int = 1
    seed: int = 0
    temperature: float | None = None
    rubrics: Mapping[str, str] = field(default_factory=dict)
    deadline: float | None = DEADLINE_S
    max_tokens: int = 512
    _said: _Said = field(default_factory=_Said, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        Deadline.after(self.deadline)  # refuses what is not a limit
        if self.votes < 1:
            raise InvalidInput(f"a judge has 1 vote or more, not {self.votes}")

    def ask(self, system: str, user: str) -> list[dict[str, Any] | str]:
        """Return each vote: a JSON object, or its problem."""
        return self.ask_for(readable, system, user)

    def ask_for(self, read: Callable[[str], Vote], system: str, user: str) -> list[Vote | str]:
        """Return each vote as ``read`` makes it of the model's text, or its problem.

        Parameters
        ----------
        read
            Raises `Unreadable` where the text has not the requested form.
        system
            Instructions; left out where empty.
        """
        heat = self.temperature if self.temperature is not None else (0.0 if self.votes == 1 else 0.7)
        messages = (*([Message("system", system)] if system else []), Message("user", user))
        found: list[Vote | str] = []
        for vote in range(self.votes):
            try:
                sampling = Sampling(temperature=heat, seed=self.seed + vote, max_tokens=self.max_tokens)
                until = Deadline.after(self.deadline)
                found.append(parsed_completion(self.model, messages, sampling, read, deadline=until, cache=self._said))
            except Unreadable as error:
                found.append(f"the judge's answer is unreadable: {error}")
            except Exception as error:  # noqa: BLE001 - whatever a model raises, the row has failed by name
                found.append(f"the judge failed ({type(error).__name__}: {' '.join(str(error).split())[:120]})")
                if isinstance(error, TimeoutError):
                    break
        return found


def readable(text: str) -> dict[str, Any]:
    """Return the last JSON object in a judge's answer.

    Raises
    ------
    Unreadable
        There is none.
    """
    for match in reversed(_OBJECT.findall(text)):
        try:
            found = json.loads(match)
        except ValueError:
            continue
        if isinstance(found, dict):
            return found
    shown = " ".join(text.split())[:60]
    raise Unreadable(f"no JSON object in {shown!r}" if shown else "an empty answer")


def quoted(text: str) -> str:
    """Mark a text as data; it cannot close the mark itself."""
    return f"<<<{text.replace('<<<', '< < <').replace('>>>', '> > >')}>>>"


def read_votes(
    votes: Sequence[dict[str, Any] | str], read: Callable[[dict[str, Any]], float]
) -> tuple[list[float], list[str]]:
    """Return the values that ``read`` finds in the votes, and the problems of the other votes."""
    values: list[float] = []
    wrong = [vote for vote in votes if isinstance(vote, str)]
    for vote in votes:
        try:
            if not isinstance(vote, str):
                values.append(read(vote))
        except Unreadable as error:
            wrong.append(f"the judge's answer is unreadable: {error}")
    return values, wrong
