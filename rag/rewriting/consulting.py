"""Asking a language model for texts, strictly parsed."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from ..errors import LLMBadResponse
from ..llm.consulting import CompletionStore, consulted
from ..llm.language_model import LanguageModel, Message
from ..llm.sampling import Sampling
from .stage import LONGEST

TOKENS = 256
_FENCE = re.compile(r"\A\s*```(?:json)?\s*(.*?)\s*```\s*\Z", re.DOTALL)


def texts(
    model: LanguageModel,
    messages: Sequence[Message],
    most: int,
    *,
    deadline: float | None,
    cache: CompletionStore | None = None,
    tokens: int = TOKENS,
) -> list[str]:
    """Return the texts that a model gives, at least one.

    Parameters
    ----------
    most
        Texts that were asked for; more is a refusal to follow, and an error.
    deadline, cache
        As in `rag.llm.consulting.consulted`.
    tokens
        That the model may write.

    Raises
    ------
    LLMBadResponse
        The answer is no JSON list of texts, or one of its texts is empty or too long.
    """
    sampling = Sampling(max_tokens=tokens)
    return consulted(model, messages, sampling, lambda said: parsed(said, most), deadline=deadline, cache=cache)


def parsed(answer: str, most: int) -> list[str]:
    """Read a model's answer."""
    fence = _FENCE.match(answer)
    try:
        values = json.loads(fence.group(1) if fence else answer)
    except (ValueError, RecursionError) as error:
        raise LLMBadResponse(f"the model answered no JSON: {answer[:80]!r}") from error
    if not isinstance(values, list) or not values or len(values) > most:
        raise LLMBadResponse(f"the model gave no list of 1 to {most} texts: {answer[:80]!r}")
    if not all(isinstance(v, str) and v.strip() and len(v) <= LONGEST for v in values):
        raise LLMBadResponse(f"the model's list holds something that is no text, empty or too long: {answer[:80]!r}")
    return [" ".join(value.split()) for value in values]
