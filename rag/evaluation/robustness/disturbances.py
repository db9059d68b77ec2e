"""Disturb the passages that a generator reads: irrelevant ones, near copies, and ones that contradict.

Each takes the passages retrieved for a question and gives those that are read instead. The passages that were there
stay, so they still hold the answer; the added ones come first or last by a seed.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...answers import Answer
from ...documents.document import Passage
from ...errors import InvalidInput
from .typos import with_typos

if TYPE_CHECKING:
    from ...bot import Bot

Disturbance = Callable[[Sequence[Passage], Sequence[Passage], random.Random], list[Passage]]
"""Maps the passages of a question, passages of other questions and a random source to the passages read."""

MOST = 3
"""Passages added, at most."""

_NUMBER = re.compile(r"\b\d+(?:[.,]\d+)*\b")
_VERB = re.compile(
    r"\b(is|are|was|were|can|will|must|should|may|do|does|did|has|have|had)\b(?! not\b|n't)", re.IGNORECASE
)
_OPPOSITES = {
    "always": "never", "never": "always", "all": "no", "true": "false", "false": "true", "increase": "decrease",
    "increases": "decreases", "increased": "decreased", "decrease": "increase", "before": "after", "after": "before",
    "more": "less", "less": "more", "first": "last", "last": "first", "high": "low", "low": "high", "enable": "disable",
    "enabled": "disabled", "allowed": "forbidden", "required": "optional", "optional": "required",
}  # fmt: skip
_OPPOSITE = re.compile(rf"\b({'|'.join(_OPPOSITES)})\b", re.IGNORECASE)


def distractors(passages: Sequence[Passage], others: Sequence[Passage], rng: random.Random) -> list[Passage]:
    """Add passages that were retrieved for other questions."""
    known = {passage.chunk for passage in passages}
    strangers = [passage for passage in others if passage.chunk not in known]
    return _mixed(passages, rng.sample(strangers, min(MOST, len(strangers))), rng)


def near_duplicates(passages: Sequence[Passage], _: Sequence[Passage], rng: random.Random) -> list[Passage]:
    """Add copies of the best passages with a few typing errors."""
    wrong = (with_typos(passage.text, 3, seed=rng.randrange(2**31)) for passage in passages[:MOST])
    return _mixed(passages, _copies(passages, wrong), rng)


def contradictions(passages: Sequence[Passage], _: Sequence[Passage], rng: random.Random) -> list[Passage]:
    """Add copies of the best passages that say otherwise: other numbers, opposites, negated verbs."""
    wrong = (contradicted(passage.text, rng) for passage in passages[:MOST])
    return _mixed(passages, _copies(passages, wrong), rng)


def _copies(passages: Sequence[Passage], texts: Iterable[str]) -> list[Passage]:
    """Return passages with other texts; their chunk ids are negative, as no chunk of the knowledge base says that."""
    return [replace(p, text=text, chunk=-1 - at) for at, (p, text) in enumerate(zip(passages, texts, strict=False))]


def contradicted(text: str, rng: random.Random) -> str:
    """Change every number, turn words into their opposites, and negate the first verb of each sentence that has one."""
    text = _NUMBER.sub(lambda match: _other_number(match[0], rng), text)
    text = _OPPOSITE.sub(lambda match: _like(match[0], _OPPOSITES[match[0].lower()]), text)
    return "".join(_VERB.sub(r"\1 not", part, count=1) for part in re.split(r"(?<=[.!?])(?=\s)", text))


def _other_number(number: str, rng: random.Random) -> str:
    digits = [str((int(c) + rng.randint(1, 9)) % 10) if c.isdigit() else c for c in number]
    if digits[0] == "0" != number[0]:
        digits[0] = "1" if number[0] != "1" else "2"
    return "".join(digits)


def _like(model: str, word: str) -> str:
    return word.capitalize() if model[0].isupper() else word


def _mixed(passages: Sequence[Passage], added: Sequence[Passage], rng: random.Random) -> list[Passage]:
    both = [*added, *passages] if rng.random() < 0.5 else [*passages, *added]
    return [replace(passage, rank=rank) for rank, passage in enumerate(both, 1)]


DISTURBANCES: dict[str, Disturbance] = {
    "distractors": distractors,
    "near_duplicates": near_duplicates,
    "contradictions": contradictions,
}
"""Disturbances by name."""


class DisturbedBot:
    """A bot whose generator reads disturbed passages.

    Parameters
    ----------
    bot
        The bot whose retriever and generator are used.
    name
        Name of the disturbance.
    others
        Passages of other questions, for distractors.
    seed
        Same seed and question, same disturbance.
    """

    def __init__(self, bot: Bot, name: str, others: Sequence[Passage], *, seed: int = 0) -> None:
        if name not in DISTURBANCES:
            raise InvalidInput(f"there is no disturbance {name!r}; choose from {', '.join(DISTURBANCES)}")
        self._bot = bot
        self._disturbance = DISTURBANCES[name]
        self._others = others
        self._seed = seed

    def ask(self, question: str, *, k: int) -> Answer:
        """Answer from the disturbed passages."""
        found = self._bot.retriever.retrieve(question, k)
        digest = hashlib.sha256(f"{self._seed}\0{question}".encode(errors="surrogatepass")).digest()
        rng: Any = random.Random(digest)  # noqa: S311 - to test with, no secret
        return self._bot.generator.generate(question, self._disturbance(found, self._others, rng))
