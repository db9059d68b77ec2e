"""Typed parameters, and the spec strings that name an index: ``"hnsw:M=32,ef=128"``.

An engine declares two frozen dataclasses of parameters, one for building and one for searching. The same declaration
serves spec strings, sweeps, help texts and the tables of the documentation.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from .errors import InvalidInput, UnknownParameter, unknown

Value = int | float | bool | str | None
AUTO = "auto"


def param(
    default: Value,
    text: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    effort: tuple[int, int] | None = None,
) -> Any:  # noqa: ANN401 - the default of a field of any type
    """Declare one parameter: its default, one line of help, and the values it may take (``low`` and ``high`` included).

    ``effort`` marks the search parameter along which recall rises; it is the range that the tuner searches.
    """
    meta = {"help": text, "low": low, "high": high, "choices": choices, "effort": effort}
    return dataclasses.field(default=default, metadata=meta)


def facts(field: dataclasses.Field[Any]) -> Mapping[str, Any]:
    """Return what `param` declares of a field; a plain default, ``m: int = 32``, allows every value of its type."""
    return {"help": "", "low": None, "high": None, "choices": (), "effort": None, **field.metadata}


@dataclass(frozen=True, kw_only=True, slots=True)
class Sweeps:
    """Parameter values worth trying for an engine: sweeps such as ``"M=16|32,ef=16..128"``.

    Attributes
    ----------
    quick, full
        For ``rag bench --grid``; the search effort comes last and rises.
    first, more
        Builds for the tuner: tried for every engine, and only for the engines that did best.
    """

    quick: tuple[str, ...] = ("",)
    full: tuple[str, ...] = ("",)
    first: tuple[str, ...] = ("",)
    more: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """Base of the parameter classes: frozen dataclasses of ``param`` fields, checked when an object is made.

    A field is an int, float, bool or str, or one of these ``| None``, where None is written ``auto`` in a spec. A field
    with a plain default, ``m: int = 32``, has no limits and no line of help.
    """

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            object.__setattr__(self, field.name, _check(type(self), field, getattr(self, field.name)))

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the names of the parameters."""
        return tuple(f.name for f in dataclasses.fields(cls))

    def changed(self) -> dict[str, Value]:
        """Return the parameters that differ from their defaults."""
        fields = dataclasses.fields(self)
        return {f.name: getattr(self, f.name) for f in fields if getattr(self, f.name) != f.default}

    def replace(self, changes: Mapping[str, Value]) -> Self:
        """Return a copy with some parameters changed.

        Raises
        ------
        UnknownParameter
            The message has the nearest known parameter.
        """
        for name in changes:
            if name not in self.names():
                raise UnknownParameter(unknown("parameter", name, self.names(), f"of {type(self).__name__}"))
        return dataclasses.replace(self, **changes)


@dataclass(frozen=True, slots=True)
class Spec:
    """An engine by name with its parameters; ``str(spec)`` parses back to an equal spec."""

    name: str
    build: Parameters
    search: Parameters

    def __str__(self) -> str:
        parts = {**self.build.changed(), **self.search.changed()}
        return self.name if not parts else self.name + ":" + ",".join(f"{k}={_text(v)}" for k, v in parts.items())


_known_hints: dict[type[Any], dict[str, tuple[type[Any], bool]]] = {}


def hints(cls: type[Any]) -> dict[str, tuple[type[Any], bool]]:
    """Return the bare type of every field, and whether it may be None; cached per class."""
    if cls not in _known_hints:
        found = typing.get_type_hints(cls)
        _known_hints[cls] = {f.name: _bare(cls, f, found[f.name]) for f in dataclasses.fields(cls)}
    return _known_hints[cls]


def _bare(cls: type[Any], field: dataclasses.Field[Any], hint: Any) -> tuple[type[Any], bool]:  # noqa: ANN401
    if field.default is dataclasses.MISSING:
        raise InvalidInput(f"the {field.name!r} parameter of {cls.__name__} needs a default, a plain value or `param`")
    options = typing.get_args(hint) if typing.get_origin(hint) in {types.UnionType, typing.Union} else (hint,)
    bare: list[type[Any]] = [option for option in options if option is not type(None)]
    if len(bare) != 1 or bare[0] not in _WORDS:
        what = getattr(hint, "__name__", hint)
        raise InvalidInput(
            f"the {field.name!r} parameter of {cls.__name__} is a {what}; it must be an int, float, bool or str"
        )
    return bare[0], len(bare) < len(options)


_WORDS: dict[type[Any], str] = {bool: "true or false", str: "a string", int: "an int", float: "a float"}


def _text(value: Value) -> str:
    return AUTO if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _check(cls: type[Parameters], field: dataclasses.Field[Any], value: Any) -> Value:  # noqa: ANN401 - to be found out
    kind, optional = hints(cls)[field.name]
    if hasattr(value, "item"):  # a numpy scalar
        value = value.item()
    if kind is float and type(value) is int:
        value = float(value)
    if value is None and optional:
        return None
    if type(value) is not kind or not _within(value, facts(field)):
        what = _range(kind, facts(field)) + (" or auto" if optional else "")
        raise InvalidInput(f"the {field.name!r} parameter of {cls.__name__} must be {what}. Got {value!r} instead")
    checked: Value = value
    return checked


def _within(
    value: Any,  # noqa: ANN401 - a number or a string, by the field
    meta: Mapping[str, Any],
) -> bool:
    if meta["choices"]:
        return value in meta["choices"]
    if isinstance(value, float) and not math.isfinite(value):
        return False
    return (meta["low"] is None or value >= meta["low"]) and (meta["high"] is None or value <= meta["high"])


def _range(kind: type, meta: Mapping[str, Any]) -> str:
    if meta["choices"]:
        return "one of " + ", ".join(meta["choices"])
    if meta["low"] is None and meta["high"] is None:
        return _WORDS[kind]
    low = "(-inf" if meta["low"] is None else f"[{meta['low']}"
    high = "inf)" if meta["high"] is None else f"{meta['high']}]"
    return f"{'an int' if kind is int else 'a float'} in the range {low}, {high}"
