"""Fields of the pipeline value: how one is declared, and which values it takes."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, Literal

Value = str | int | float | bool | tuple[str, ...] | None
Use = Literal["retrieval", "answer", "model", "resource"]

UNSET = "auto"
"""Text for an unset value where the default is another one: ``temperature = "auto"`` leaves it to the model."""


def choice(
    default: Value,
    text: str,
    *,
    use: Use = "retrieval",
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    kind: str = "",
    metavar: str = "",
) -> Any:  # noqa: ANN401 - used as the default of a field of any type
    """Declare one field: default, one line of help, allowed values (``low`` and ``high`` included).

    Parameters
    ----------
    use
        ``retrieval`` and ``answer``: the stage that reads it. ``model``: for answers by a language model only.
        ``resource``: for language models too, but it changes no answer, so it is not part of the digest.
    kind
        Kind of the parts that it names, see `rag.components.TABLES`.
    metavar
        For ``--help``; a field without one has no option of its own, ``--set`` and configuration files take it.
    """
    facts = {"help": text, "use": use, "low": low, "high": high, "choices": choices}
    return dataclasses.field(default=default, metadata={**facts, "kind": kind, "metavar": metavar})


def within(value: Any, meta: Mapping[str, Any]) -> bool:  # noqa: ANN401 - a number or a text, by the field
    """Whether a field takes a value of its type."""
    if meta["choices"]:
        return value in meta["choices"]
    if isinstance(value, tuple):
        return all(isinstance(each, str) and each and encodes(each) for each in value)
    if isinstance(value, str):
        return bool(value.strip()) and encodes(value)
    if not math.isfinite(value):
        return False
    return (meta["low"] is None or value >= meta["low"]) and (meta["high"] is None or value <= meta["high"])


def encodes(text: str) -> bool:
    """Whether a text can be stored: half a character of UTF-16 cannot."""
    return not any("\ud800" <= c <= "\udfff" for c in text)


def allowed(kind: type, optional: bool, meta: Mapping[str, Any]) -> str:
    """Return what a field takes, in words."""
    low, high = meta["low"], meta["high"]
    words = {bool: "true or false", str: "a text", int: "a whole number", float: "a number", tuple: "texts, none empty"}
    said = f"one of {', '.join(meta['choices'])}" if meta["choices"] else words[kind]
    if low is not None:
        said += f" from {low:g} to {high:g}" if high is not None else f", {low:g} or more"
    return f"{said}, or unset" if optional else said
