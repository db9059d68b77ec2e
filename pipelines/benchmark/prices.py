"""Cost of searching, by a table of one's own prices."""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

from rag.errors import InvalidInput

from .results import Row

_MILLION = 1e6


@dataclass(frozen=True, slots=True)
class MachinePrices:
    """Prices of what a search takes.

    Attributes
    ----------
    hour
        Of one hour of as many cores as the benchmark searched with.
    gigabyte_hour
        Of 10^9 bytes of memory for an hour, if it is paid apart.
    currency
        For the heading.
    """

    hour: float = 0.0
    gigabyte_hour: float = 0.0
    currency: str = "USD"

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a TOML file with fields of these names.

        Raises
        ------
        InvalidInput
            It cannot be read, or a field is unknown, negative or no number.
        """
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        except OSError as error:
            raise InvalidInput(f"cannot read the prices {path}: {error.strerror or error}") from error
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise InvalidInput(f"{path} is not TOML: {error}") from error
        names = [field.name for field in fields(cls)]
        if unknown := sorted(set(table) - set(names)):
            raise InvalidInput(f"{path}: unknown price {unknown[0]!r}: there are {', '.join(names)}")
        for name, value in table.items():
            _check(path, name, value)
        return cls(**table)

    def per_million(self, row: Row) -> float:
        """Return the cost of a million queries one after the other at the row's speed, its memory held meanwhile."""
        hours = _MILLION / float(row["qps"]) / 3600
        return hours * (self.hour + self.gigabyte_hour * float(row["memory_bytes"]) / 1e9)

    @property
    def heading(self) -> str:
        """What the column is called."""
        return f"{self.currency} per million"


def _check(path: Path, name: str, value: Any) -> None:  # noqa: ANN401 - what TOML gives
    if name == "currency":
        if not isinstance(value, str):
            raise InvalidInput(f"{path}: currency must be a text, not {value!r}")
    elif isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise InvalidInput(f"{path}: {name} must be a number, 0 or more, not {value!r}")
