"""Parse durations and sizes as people write them: ``10m``, ``5ms``, ``200MB``."""

from __future__ import annotations

import re
from typing import TypeVar

from rag.errors import InvalidInput

Number = TypeVar("Number", int, float)

_SECONDS = {"us": 1e-6, "µs": 1e-6, "ms": 0.001, "s": 1.0, "": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_BYTES = {"b": 1, "": 1, "kb": 1000, "mb": 1000**2, "gb": 1000**3, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30}


def seconds(text: str, option: str) -> float:
    """Return a duration in seconds.

    Raises
    ------
    InvalidInput
        The text is not a duration, or is 0.
    """
    return _read(text, option, _SECONDS, "a duration such as 90s, 10m or 5ms")


def n_bytes(text: str, option: str) -> int:
    """Return a size in bytes.

    Raises
    ------
    InvalidInput
        The text is not a size, or is 0.
    """
    return int(_read(text, option, _BYTES, "a size such as 200MB or 2GB"))


def numbers(text: str | None, option: str, kind: type[Number]) -> tuple[Number, ...]:
    """Return the numbers of a list such as ``0.01,0.1``.

    Raises
    ------
    InvalidInput
        One of them is not a number, or has a fraction where ``kind`` is int.
    """
    try:
        return tuple(kind(part) for part in (text or "").split(",") if part.strip())
    except ValueError:
        what = "whole numbers" if kind is int else "numbers"
        raise InvalidInput(f"{option} {text!r} is not a list of {what}; separate them by commas") from None


def _read(text: str, option: str, units: dict[str, float] | dict[str, int], what: str) -> float:
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-zµ]*)\s*", text.lower())
    if not found or found[2] not in units or float(found[1]) <= 0:
        raise InvalidInput(f"{option} {text!r} is not {what}")
    return float(found[1]) * units[found[2]]
