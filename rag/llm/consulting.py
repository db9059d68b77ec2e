"""Asking a language model something on the way to an answer: kept by content, counted, thoughts left out."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from ..errors import LLMError, StoreError
from .cache import content_key
from .language_model import Completion, LanguageModel, Message, Usage
from .reasoning import without_thoughts
from .sampling import Sampling
from .spending import spend

log = logging.getLogger(__name__)

_VERSION = 1
Read = TypeVar("Read")


class CompletionStore(Protocol):
    """What keeps completions by key; `rag.llm.cache.CompletionCache` is one."""

    def get(self, key: str) -> Completion | None:
        """Return what is kept, if anything."""
        ...

    def put(self, key: str, completion: Completion) -> None:
        """Keep a completion."""
        ...


def consulted(
    model: LanguageModel,
    messages: Sequence[Message],
    sampling: Sampling,
    read: Callable[[str], Read],
    *,
    deadline: float | None,
    cache: CompletionStore | None = None,
) -> Read:
    """Return what ``read`` makes of a model's answer.

    Parameters
    ----------
    read
        Raises where the answer is of no use; that one is not kept.
    deadline
        Seconds; None for no limit.
    cache
        The same conversation with the same model costs nothing twice. One that fails is done without.
    """
    key = content_key((model.name, getattr(model, "revision", "")), sampling, _VERSION, messages)
    kept = kept_by(cache, key)
    if kept is not None:
        return read(without_thoughts(kept.text))
    start = time.perf_counter()
    try:
        completion = model.complete(messages, sampling=sampling, deadline=deadline)
    except LLMError as error:
        spend(model.name, Usage(calls=error.attempts, seconds=time.perf_counter() - start))
        raise
    spend(model.name, completion.usage)
    found = read(without_thoughts(completion.text))
    keep_in(cache, key, completion)
    return found


def kept_by(cache: CompletionStore | None, key: str) -> Completion | None:
    """Return what a cache keeps, if anything; one that fails is done without."""
    try:
        return cache.get(key) if cache is not None else None
    except StoreError as error:
        log.warning("asking without the cache: %s", error)
        return None


def keep_in(cache: CompletionStore | None, key: str, completion: Completion) -> None:
    """Keep a whole completion; a cache that fails costs no answer."""
    try:
        if cache is not None and not completion.incomplete:
            cache.put(key, completion)
    except StoreError as error:  # the answer is there and paid for
        log.warning("the answer was not kept: %s", error)
