"""Asking a language model for texts: strictly parsed, bounded in time and tokens, kept by content."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import Protocol

from ..errors import LLMBadResponse
from ..generation.language_model import Completion, LanguageModel, Message
from ..generation.sampling import Sampling
from .stage import LONGEST

TOKENS = 256
_FENCE = re.compile(r"\A\s*```(?:json)?\s*(.*?)\s*```\s*\Z", re.DOTALL)


class Cache(Protocol):
    """What keeps completions by key; `rag.generation.cache.CompletionCache` is one."""

    def get(self, key: str) -> Completion | None:
        """Return what is kept, if anything."""
        ...

    def put(self, key: str, completion: Completion) -> None:
        """Keep a completion."""
        ...


def texts(
    model: LanguageModel,
    messages: Sequence[Message],
    most: int,
    *,
    deadline: float | None,
    cache: Cache | None = None,
    tokens: int = TOKENS,
) -> list[str]:
    """Return the texts that a model gives, at least one.

    Parameters
    ----------
    most
        Texts that were asked for; more is a refusal to follow, and an error.
    deadline
        Seconds; None for no limit.
    cache
        The same conversation with the same model costs nothing twice.
    tokens
        That the model may write.

    Raises
    ------
    LLMBadResponse
        The answer is no JSON list of texts, or one of its texts is empty or too long.
    """
    sampling = Sampling(max_tokens=tokens)
    key = _key(model, messages, sampling)
    kept = cache.get(key) if cache is not None else None
    completion = kept or model.complete(messages, sampling=sampling, deadline=deadline)
    found = parsed(completion.text, most)
    if cache is not None and kept is None:
        cache.put(key, completion)
    return found


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


def _key(model: LanguageModel, messages: Sequence[Message], sampling: Sampling) -> str:
    said = [model.name, [asdict(message) for message in messages], asdict(sampling)]
    return hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
