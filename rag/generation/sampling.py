"""How a language model draws its tokens: one set of options for all back ends."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Sampling:
    """Options of one call of a language model; what a back end cannot do it refuses by name.

    Attributes
    ----------
    temperature
        0 is greedy: always the likeliest token. None: the back end's own default; some hosted models take no other.
    top_k, top_p, min_p
        Draw only from the ``k`` likeliest tokens; from the likeliest that together have probability ``p``; from those
        at least ``p`` times as likely as the likeliest. None: the back end's own default.
    repetition_penalty
        Above 1 makes tokens that stand in the text less likely. None: no penalty.
    seed
        Same seed, same text, where the back end keeps that promise.
    stop
        Texts that end the answer; they are not part of it.
    max_tokens
        Tokens of an answer, at most.
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
        for name, low, high in _RANGES:
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise InvalidInput(f"{name}={value!r} of Sampling must be from {low} to {high}")
        if any(not text for text in self.stop):
            raise InvalidInput("stop of Sampling holds an empty text; give the texts that end an answer")


_RANGES: tuple[tuple[str, float, float], ...] = (
    ("temperature", 0.0, 10.0),
    ("top_k", 1, 1_000_000),
    ("top_p", 0.0, 1.0),
    ("min_p", 0.0, 1.0),
    ("repetition_penalty", 0.01, 100.0),
    ("seed", 0, 2**63 - 1),
    ("max_tokens", 1, 1_000_000),
    ("n", 1, 64),
)
