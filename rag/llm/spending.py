"""What a question's calls of language models cost, whoever makes them: rewriters and rerankers beside the generator."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from .language_model import Usage
from .prices import Prices, price_of, priced

_METER: ContextVar[list[tuple[str, Usage]] | None] = ContextVar("meter", default=None)


@contextmanager
def metered() -> Iterator[list[tuple[str, Usage]]]:
    """Give a list that grows by the name and usage of each model that is consulted within."""
    spent: list[tuple[str, Usage]] = []
    token = _METER.set(spent)
    try:
        yield spent
    finally:
        _METER.reset(token)


def spend(model: str, usage: Usage) -> None:
    """Say that a model was asked."""
    meter = _METER.get()
    if meter is not None:
        meter.append((model, usage))


def total(spent: Sequence[tuple[str, Usage]], prices: Prices) -> Usage:
    """Return the sum, each priced by its own model's price."""
    return sum((priced(usage, price_of(model, prices)) for model, usage in spent), Usage())
