"""Crude readers: every word that a file holds, wanted or not, to hold the parsers to account.

They share no code with the parsers: what both overlook would go unnoticed.
"""

from __future__ import annotations

from collections.abc import Callable

CRUDE: dict[str, Callable[[bytes], str]] = {}
"""By format name. Formats that are text through and through, and containers, have none."""


def crude(data: bytes, kind: str) -> str | None:
    """Return all text in a file's bytes; None if its format has no crude reader, or this one fails."""
    reader = CRUDE.get(kind)
    if reader is None:
        return None
    try:
        return reader(data)
    except Exception:  # noqa: BLE001 - the parser took the file: an account is worth no failure
        return None
