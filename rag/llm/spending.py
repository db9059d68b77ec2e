"""The cost of all calls of language models for a question: of rewriters and rerankers beside the generator."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from .language_model import Usage
from .prices import Prices, price_of, priced

_METER: ContextVar[list[tuple[str, Usage]] | None] = ContextVar("meter", default=None)


@contextmanager
def metered() -> Iterator[list[tuple[str, Usage]]]:
    """Give a list that grows by the name and usage of each model called inside the block."""
    spent: list[tuple[str, Usage]] = []
    token = _METER.set(spent)
    try:
        yield spent
    finally:
        _METER.reset(token)


def spend(model: str, usage: Usage) -> None:
    """Record the usage of a call."""
    meter = _METER.get()
    if meter is not None:
        meter.append((model, usage))


def total(spent: Sequence[tuple[str, Usage]], prices: Prices) -> Usage:
    """Return the sum; each part is priced by its own model's price."""
    return sum((priced(usage, price_of(model, prices)) for model, usage in spent), Usage())
