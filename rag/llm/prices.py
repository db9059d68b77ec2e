"""The cost of tokens, by the user's own price table: prices change too often to ship."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import InvalidInput
from .language_model import Usage


@dataclass(frozen=True, slots=True)
class Price:
    """Prices of a million tokens of the prompt and of the answer, in any currency."""

    prompt: float
    completion: float

    def __post_init__(self) -> None:
        for name in ("prompt", "completion"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
                raise InvalidInput(f"the {name} price is {value!r}; give the money for a million tokens, 0 or more")


Prices = Mapping[str, Price]
"""Prices by model: ``MODEL``, ``openai:MODEL``, or ``openai:MODEL@HOST`` where servers differ; the last wins."""


def price_of(model: str, prices: Prices) -> Price | None:
    """Return the price of a model by its name, its name without the server, or its bare name; None if there is none.

    Examples
    --------
    >>> price_of("openai:tiny@localhost:8000", {"tiny": Price(1, 2)})
    Price(prompt=1, completion=2)
    """
    anywhere = model.rpartition("@")[0] if model.startswith("openai:") and "@" in model else model
    names = (model, anywhere, anywhere.partition(":")[2])
    return next((prices[name] for name in names if name in prices), None)


def priced(usage: Usage, price: Price | None) -> Usage:
    """Return usage with its cost, or unchanged without a price."""
    if price is None:
        return usage
    cost = (usage.prompt_tokens * price.prompt + usage.completion_tokens * price.completion) / 1e6
    return replace(usage, cost=cost)


def read_prices(path: str | Path) -> dict[str, Price]:
    """Read ``{"openai:MODEL": {"prompt": 0.15, "completion": 0.60}}``.

    Raises
    ------
    InvalidInput
        The file cannot be read, or is not a price table.
    """
    try:
        table = json.loads(Path(path).read_text(encoding="utf-8"))
        return {name: Price(**row) for name, row in table.items()}
    except OSError as error:
        raise InvalidInput(f"cannot read the prices {path}: {error.strerror or error}") from error
    except (AttributeError, TypeError, ValueError) as error:
        form = '{"openai:MODEL": {"prompt": 0.15, "completion": 0.60}}, money for a million tokens'
        raise InvalidInput(f"{path} is not a price table ({error}); write {form}") from error
