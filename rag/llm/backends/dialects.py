"""Dialects of OpenAI's chat protocol: the options that each kind of server supports, and their names.

Many servers ignore fields that they do not know. An option that a dialect does not list is refused here by name,
so that none is dropped silently.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ..constraints import Choice, Constraint, JsonSchema, Regex, parts
from ..sampling import Sampling

_STANDARD = {"temperature": "temperature", "top_p": "top_p", "seed": "seed", "stop": "stop"}
_WRAP = "answer"
"""Field that carries a choice or a pattern on servers that support schemas only."""

Way = Literal["schema", "structured_outputs", "grammar"]


@dataclass(frozen=True, slots=True)
class Dialect:
    """One kind of server.

    Attributes
    ----------
    fields
        Option of `Sampling` -> field of the request.
    n
        Whether one request can ask for several answers; otherwise it is repeated.
    limit
        Field for ``max_tokens``.
    ways
        Kind of constraint -> how it is requested.
    """

    fields: Mapping[str, str]
    n: bool
    limit: str
    ways: Mapping[str, Way]


DIALECTS: dict[str, Dialect] = {
    "openai": Dialect(
        _STANDARD, n=True, limit="max_completion_tokens",
        ways={"json schema": "schema", "choice": "schema", "regex": "schema"},
    ),
    "compatible": Dialect(_STANDARD, n=False, limit="max_tokens", ways={"json schema": "schema", "choice": "schema"}),
    "llamacpp": Dialect(
        _STANDARD | {"top_k": "top_k", "min_p": "min_p", "repetition_penalty": "repeat_penalty"},
        n=False, limit="max_tokens",
        ways={"json schema": "schema", "choice": "grammar", "regex": "schema"},
    ),
    "lmstudio": Dialect(
        _STANDARD | {"top_k": "top_k", "repetition_penalty": "repeat_penalty"},
        n=False, limit="max_tokens",
        ways={"json schema": "schema", "choice": "schema"},
    ),
    "ollama": Dialect(_STANDARD, n=False, limit="max_tokens", ways={"json schema": "schema", "choice": "schema"}),
    "vllm": Dialect(
        _STANDARD | {name: name for name in ("top_k", "min_p", "repetition_penalty")},
        n=True, limit="max_tokens",
        ways={"json schema": "schema", "choice": "structured_outputs", "regex": "structured_outputs"},
    ),
}  # fmt: skip


def body(dialect: Dialect, sampling: Sampling, constraint: Constraint | None) -> dict[str, Any]:
    """Return the fields of a request for the options."""
    fields: dict[str, Any] = {dialect.limit: sampling.max_tokens}
    for option, field in dialect.fields.items():
        value = getattr(sampling, option)
        if value not in (None, ()):
            fields[field] = list(value) if isinstance(value, tuple) else value
    if dialect.n and sampling.n > 1:
        fields["n"] = sampling.n
    if constraint is not None:
        fields |= _asked(constraint, dialect.ways[constraint.kind])
    return fields


def unwrap(dialect: Dialect, constraint: Constraint | None, text: str) -> str:
    """Return the text of a choice or pattern inside a JSON object; any other text unchanged."""
    if constraint is None or isinstance(constraint, JsonSchema) or dialect.ways[constraint.kind] != "schema":
        return text
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    inner = value.get(_WRAP) if isinstance(value, dict) else None
    return inner if isinstance(inner, str) else text


def _asked(constraint: Constraint, way: Way) -> dict[str, Any]:
    if way == "structured_outputs" and isinstance(constraint, Choice):
        return {"structured_outputs": {"choice": list(constraint.options)}}
    if way == "structured_outputs" and isinstance(constraint, Regex):
        return {"structured_outputs": {"regex": constraint.pattern}}
    if way == "grammar" and isinstance(constraint, Choice):
        return {"grammar": "root ::= " + " | ".join(map(_gbnf, constraint.options))}
    schema = _schema(constraint)
    name = constraint.name if isinstance(constraint, JsonSchema) else _WRAP
    form = {"name": name, "schema": schema, "strict": _is_strict(schema)}
    return {"response_format": {"type": "json_schema", "json_schema": form}}


def _schema(constraint: Constraint) -> dict[str, Any]:
    if isinstance(constraint, JsonSchema):
        return constraint.closed
    inner = (
        {"enum": list(constraint.options)}
        if isinstance(constraint, Choice)
        else {"pattern": f"^(?:{constraint.pattern})$"}
    )
    return {
        "type": "object",
        "properties": {_WRAP: {"type": "string", **inner}},
        "required": [_WRAP],
        "additionalProperties": False,
    }


def _is_strict(schema: dict[str, Any]) -> bool:
    """Tell whether OpenAI's strict mode accepts a schema: every object closed, every property required."""
    return all(
        part.get("additionalProperties") is False and set(part.get("required", ())) == set(part["properties"])
        for part in parts(schema)
        if "properties" in part
    )


def _gbnf(text: str) -> str:
    """Return a text as a literal of llama.cpp's grammars."""
    return json.dumps(text, ensure_ascii=False)
