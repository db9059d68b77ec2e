"""Ask a language model on the way to an answer: cached by content, counted, without its reasoning."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from ..deadlines import Deadline
from ..errors import LLMError, OutOfTime, StoreError
from .cache import content_key
from .language_model import Completion, LanguageModel, Message, Usage
from .reasoning import without_thoughts
from .sampling import Sampling
from .spending import spend

log = logging.getLogger(__name__)

_VERSION = 1
Read = TypeVar("Read")


class CompletionStore(Protocol):
    """Stores completions by key, as `rag.llm.cache.CompletionCache` does."""

    def get(self, key: str) -> Completion | None:
        """Return the completion of a key, if there is one."""
        ...

    def put(self, key: str, completion: Completion) -> None:
        """Keep a completion."""
        ...


def parsed_completion(
    model: LanguageModel,
    messages: Sequence[Message],
    sampling: Sampling,
    read: Callable[[str], Read],
    *,
    deadline: Deadline,
    cache: CompletionStore | None = None,
) -> Read:
    """Return a model's answer, parsed by ``read``.

    Parameters
    ----------
    read
        Parses an answer, and raises if it is useless; that one is not cached.
    deadline
        Enforced even if the model does not heed it.
    cache
        The same conversation with the same model costs nothing the second time. A cache that fails is ignored.

    Raises
    ------
    OutOfTime
        The deadline passed.
    """
    key = content_key((model.name, getattr(model, "revision", "")), sampling, _VERSION, messages)
    kept = kept_by(cache, key)
    if kept is not None:
        return read(without_thoughts(kept.text))
    start = time.perf_counter()
    try:
        completion = deadline.run(lambda: model.complete(messages, sampling=sampling, deadline=deadline.remaining))
    except (LLMError, OutOfTime) as error:
        spend(model.name, Usage(calls=getattr(error, "attempts", 1), seconds=time.perf_counter() - start))
        raise
    spend(model.name, completion.usage)
    found = read(without_thoughts(completion.text))
    keep_in(cache, key, completion)
    return found


def kept_by(cache: CompletionStore | None, key: str) -> Completion | None:
    """Return a cached completion, if there is one; a cache that fails is ignored."""
    try:
        return cache.get(key) if cache is not None else None
    except StoreError as error:
        log.warning("asking without the cache: %s", error)
        return None


def keep_in(cache: CompletionStore | None, key: str, completion: Completion) -> None:
    """Cache a complete answer; a cache that fails is ignored."""
    try:
        if cache is not None and not completion.incomplete:
            cache.put(key, completion)
    except StoreError as error:  # the answer is there and paid for
        log.warning("the answer was not kept: %s", error)
