"""Sampling options of language models: one set for all back ends."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

from ..errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Sampling:
    """Options of one call of a language model; a back end refuses by name those that it does not support.

    Attributes
    ----------
    temperature
        0 is greedy: always the likeliest token. None: the back end's default; some hosted models accept no other.
    top_k, top_p, min_p
        Draw only from the ``k`` likeliest tokens; from the likeliest that together have probability ``p``; from those
        at least ``p`` times as likely as the likeliest. None: the back end's own default.
    repetition_penalty
        Above 1 makes tokens that the text already holds less likely. None: no penalty.
    seed
        The same seed gives the same text, where the back end guarantees that.
    stop
        Texts that end the answer and are not part of it.
    max_tokens
        Maximum number of tokens of an answer.
    n
        Answers to draw; `rag.generation.voting.vote` finds the one that most of them agree with.
    """

    temperature: float | None = 0.0
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    repetition_penalty: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    max_tokens: int = 512
    n: int = 1

    def __post_init__(self) -> None:
        for name, kind, low, high in _RANGES:
            value = getattr(self, name)
            if value is None and name not in {"max_tokens", "n"}:
                continue
            if isinstance(value, bool) or not isinstance(value, kind) or not low <= value <= high:
                what = "a whole number" if kind is Integral else "a number"
                raise InvalidInput(f"{name}={value!r} of Sampling must be {what} from {low} to {high}")
        given: object = self.stop
        stop = (given,) if isinstance(given, str) else tuple(self.stop)
        if not all(isinstance(text, str) and text for text in stop):
            raise InvalidInput(f"stop={self.stop!r} of Sampling: give the texts that end an answer, none of them empty")
        object.__setattr__(self, "stop", stop)


_RANGES: tuple[tuple[str, Any, float, float], ...] = (
    ("temperature", Real, 0.0, 10.0),
    ("top_k", Integral, 1, 1_000_000),
    ("top_p", Real, 0.0, 1.0),
    ("min_p", Real, 0.0, 1.0),
    ("repetition_penalty", Real, 0.01, 100.0),
    ("seed", Integral, 0, 2**63 - 1),
    ("max_tokens", Integral, 1, 1_000_000),
    ("n", Integral, 1, 64),
)
