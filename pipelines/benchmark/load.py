"""An index under load: what is asked for, and the figures of a row, from requests served at rising rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.errors import InvalidInput

from .open_loop import Served

SHARES = (0.1, 0.25, 0.5, 0.7, 0.8, 0.9, 1.0, 1.2)
"""Offered rates as shares of what an index can do, where no rates are given."""

PATIENCE = 2.0
"""An overloaded index is given up after this many times the length of the schedule."""

MAX_REQUESTS = 200_000
_LEAST_REQUESTS = 50
_LONGER = 5


@dataclass(frozen=True, kw_only=True)
class Load:
    """Requests to offer to each configuration, one rate after the other.

    Attributes
    ----------
    rates
        Requests per second; empty for `SHARES` of what each configuration can do.
    seconds
        Length of each schedule; up to five times as long where there would be fewer than 50 requests.
    servers
        Number of threads that serve.
    writes
        Share of the requests that replace a vector (remove it, add it under a new id) instead of searching. The mixture
        is measured beside searches alone.
    """

    rates: tuple[float, ...] = ()
    seconds: float = 2.0
    servers: int = 1
    writes: float = 0.0

    def __post_init__(self) -> None:
        if any(rate <= 0 for rate in self.rates) or list(self.rates) != sorted(set(self.rates)):
            raise InvalidInput(f"--load {','.join(f'{r:g}' for r in self.rates)}: rates above 0, rising, or auto")
        if self.seconds <= 0:
            raise InvalidInput("--load-time must be more than 0")
        if not 0 <= self.writes < 1:
            raise InvalidInput(f"--writes {self.writes:g} is not a share from 0 to below 1; write 0.1 for 10 %")

    @property
    def kinds(self) -> tuple[float, ...]:
        """Shares of writes to measure: none, and those asked for."""
        return (0.0, self.writes) if self.writes else (0.0,)

    def length(self, rate: float) -> float:
        """Return the seconds to offer a rate: longer for few requests a second, so that there are some."""
        return max(self.seconds, min(_LEAST_REQUESTS / rate, _LONGER * self.seconds))

    def rates_for(self, capacity: float) -> tuple[float, ...]:
        """Return the rates to offer to a configuration that can serve ``capacity`` requests a second."""
        return self.rates or tuple(share * capacity for share in SHARES)

    def form(self) -> dict[str, Any]:
        """Return the values for a row."""
        return {**asdict(self), "rates": list(self.rates)}

    @property
    def n_steps(self) -> int:
        """Number of measurements of one configuration."""
        return len(self.kinds) * (len(self.rates or SHARES) + 1)

    @property
    def least_seconds(self) -> float:
        """The least time that measuring one configuration takes."""
        return self.n_steps * self.seconds


@dataclass(frozen=True, slots=True)
class LoadStep:
    """One rate offered to one configuration.

    Attributes
    ----------
    rate
        Requests per second that were to come; None where all came at once, to find what can be done.
    writes
        Share of writes among them.
    served
        When they were served.
    is_write
        bool, shape (n,).
    recall, recall_after
        Of the searches, and of all queries afterwards.
    """

    rate: float | None
    writes: float
    served: Served
    is_write: NDArray[np.bool_]
    recall: float | None
    recall_after: float | None

    def figures(self) -> dict[str, Any]:
        """Return milliseconds by percentile, and whether the index kept up."""
        reads, writes = ~self.is_write, self.is_write
        latency, service = 1000 * self.served.latency, 1000 * self.served.service
        return {
            "rate": self.rate,
            "writes": self.writes,
            "n": len(latency),
            "kept_up": self.served.kept_up,
            "per_second": self.served.per_second,
            "unserved": self.served.unserved,
            **_percentiles(latency[reads], ""),
            **_percentiles(service[reads & ~np.isnan(service)], "service_"),
            **_percentiles(latency[writes], "write_"),
            "recall": self.recall,
            "recall_after": self.recall_after,
        }


def written(rate: float) -> str:
    """Write a rate for people."""
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.3g}"


def load_figures(load: Load, steps: Sequence[LoadStep]) -> dict[str, Any]:
    """Return the figures of a row: for each share of writes the capacity, each rate, and the highest one kept up."""
    series = []
    for writes in load.kinds:
        own = [step.figures() for step in steps if step.writes == writes]
        offered = sorted((step for step in own if step["rate"] is not None), key=lambda step: float(step["rate"]))
        burst = next((step for step in own if step["rate"] is None), None)
        series.append(
            {
                "writes": writes,
                "capacity": burst and burst["per_second"],
                "keeps_up_to": _last_kept_up(offered),
                "steps": offered,
            }
        )
    return {**load.form(), "arrivals": "Poisson", "series": series}


def _last_kept_up(steps: Sequence[Mapping[str, Any]]) -> float | None:
    """Return the highest rate before the first that was too much; None if the first already was."""
    last = None
    for step in steps:
        if not step["kept_up"]:
            break
        last = float(step["rate"])
    return last


def _percentiles(milliseconds: NDArray[np.float64], name: str) -> dict[str, float | None]:
    names = [f"{name}p{q}_ms" for q in (50, 95, 99)]
    if not len(milliseconds):
        return dict.fromkeys(names)
    return dict(zip(names, np.percentile(milliseconds, (50, 95, 99)).tolist(), strict=True))
