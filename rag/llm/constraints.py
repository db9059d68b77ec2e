"""Constraints on an answer: a JSON schema, a choice, or a pattern.

Local models cannot break one: tokens that would do so get no probability. Servers get it in the fields of their own
protocol. Either way the text is checked before it is returned.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import ConstraintUnmet, ExtraMissing, InvalidInput


class JsonSchema:
    """JSON that fits a schema.

    Parameters
    ----------
    schema
        A JSON Schema, draft 2020-12, as ``json.load`` gives it. Bound its strings and lists (``maxLength``,
        ``maxItems``): unbounded ones may run into ``max_tokens``. References must be inside it; nothing is fetched.
    name
        Its name in requests to servers.

    Raises
    ------
    InvalidInput
        It is not a valid schema.
    ExtraMissing
        ``jsonschema`` is not installed.
    """

    kind = "json schema"

    def __init__(self, schema: Mapping[str, Any], *, name: str = "answer") -> None:
        if not isinstance(schema, Mapping):
            raise InvalidInput(f"JsonSchema({schema!r}): give a mapping, as json.load gives it")
        self.schema = dict(schema)
        self.name = name
        try:
            self._validator = _validator(self.schema)
            _closed(self.schema)
        except RecursionError:
            raise InvalidInput("the JSON schema is nested too deeply to be checked; flatten it") from None

    @property
    def closed(self) -> dict[str, Any]:
        """The schema as models get it: an object that lists its properties has no others.

        Whatever fits it fits ``schema``. Without it, a model may invent properties without end.
        """
        if any(_COMBINED & part.keys() or {"$ref", "properties"} <= part.keys() for part in parts(self.schema)):
            return self.schema
        closed: dict[str, Any] = _closed(self.schema)
        return closed

    def parse(self, text: str) -> Any:  # noqa: ANN401 - what the schema says
        """Return the value of ``text``.

        Raises
        ------
        ConstraintUnmet
            It is not JSON, or does not fit the schema.
        """
        import referencing.exceptions

        try:
            value = json.loads(text, parse_constant=_refuse_constant)
            fault = next(self._validator.iter_errors(value), None)
        except referencing.exceptions.Unresolvable as error:
            raise _nowhere(str(error.ref)) from None
        except (ValueError, RecursionError) as error:
            raise ConstraintUnmet(f"the answer is not JSON ({error}): {text[:200]!r}") from None
        if fault is not None:
            place = "/".join(str(part) for part in fault.absolute_path) or "the whole"
            raise ConstraintUnmet(f"the answer does not fit the schema at {place}: {str(fault.message)[:200]}")
        return value

    check = parse

    def __repr__(self) -> str:
        return f"JsonSchema({json.dumps(self.schema, sort_keys=True)})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, JsonSchema) and repr(other) == repr(self)

    def __hash__(self) -> int:
        return hash(repr(self))


@dataclass(frozen=True)
class Choice:
    """One of several texts, and nothing else."""

    options: tuple[str, ...]
    kind = "choice"

    def __init__(self, options: Sequence[str]) -> None:
        object.__setattr__(self, "options", tuple(options))
        if isinstance(options, str) or not self.options or not all(self.options):
            raise InvalidInput(f"Choice({options!r}): give a list of texts that are not empty")
        if len(set(self.options)) < len(self.options):
            raise InvalidInput(f"Choice({options!r}): a text is listed twice")

    def check(self, text: str) -> None:
        """Raise `ConstraintUnmet` unless ``text`` is one of the options."""
        if text not in self.options:
            raise ConstraintUnmet(f"the answer is not one of {', '.join(map(repr, self.options[:20]))}: {text[:200]!r}")


@dataclass(frozen=True)
class Regex:
    """A text that a regular expression matches as a whole.

    Use only what Python's ``re`` and Rust's ``regex`` share: no look-around, no back-references.
    """

    pattern: str
    kind = "regex"

    def __post_init__(self) -> None:
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise InvalidInput(f"Regex({self.pattern!r}): {error}") from None

    def check(self, text: str) -> None:
        """Raise `ConstraintUnmet` unless the whole of ``text`` matches."""
        if not re.fullmatch(self.pattern, text):
            raise ConstraintUnmet(f"the answer does not match {self.pattern!r}: {text[:200]!r}")


Constraint = JsonSchema | Choice | Regex


_COMBINED = frozenset(
    {
        "$dynamicRef",
        "allOf",
        "dependentSchemas",
        "if",
        "minProperties",
        "not",
        "patternProperties",
        "propertyNames",
        "unevaluatedProperties",
    }
)
"""A schema with one of these is left open: an object of it may need properties that another part names."""


def _closed(schema: Any) -> Any:  # noqa: ANN401 - any part of a schema
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    named = schema.get("properties")
    if not isinstance(named, dict):
        data = {"const", "enum", "default", "examples"}
        return {key: value if key in data else _closed(value) for key, value in schema.items()}
    closed = {**schema, "properties": {name: _closed(each) for name, each in named.items()}}
    closed |= {key: {name: _closed(each) for name, each in closed[key].items()} for key in {"$defs"} & closed.keys()}
    alone = not {"anyOf", "oneOf", "$ref"} & schema.keys() and set(schema.get("required", ())) <= named.keys()
    return closed | ({"additionalProperties": False} if alone and "additionalProperties" not in schema else {})


def parts(schema: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - any part of a schema
    """Yield every object in a schema, itself included."""
    if isinstance(schema, dict):
        yield schema
        schema = list(schema.values())
    for part in schema if isinstance(schema, list) else ():
        yield from parts(part)


def _validator(schema: dict[str, Any]) -> Any:  # noqa: ANN401 - jsonschema has no public type for it
    try:
        import jsonschema
        import referencing.jsonschema
    except ImportError as error:
        raise ExtraMissing("JSON schemas need jsonschema: pip install 'rag-workbench[constrained]'") from error
    try:
        jsonschema.Draft202012Validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise InvalidInput(f"not a JSON schema: {error.message}") from None
    resource = referencing.jsonschema.DRAFT202012.create_resource(schema)
    resolver = referencing.Registry().with_resource("", resource).resolver()
    references = [part["$ref"] for part in parts(schema) if isinstance(part.get("$ref"), str)]
    for reference in references if "$id" not in schema else ():
        try:
            resolver.lookup(reference)
        except referencing.exceptions.Unresolvable:
            raise _nowhere(reference) from None
    # An empty registry: by default, jsonschema fetches from the network what a reference names.
    return jsonschema.Draft202012Validator(schema, registry=referencing.Registry())


def _nowhere(reference: str) -> InvalidInput:
    return InvalidInput(f"$ref {reference!r} is not in the schema, and nothing is fetched; write it into $defs")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
