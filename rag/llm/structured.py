"""Answers as values: a model fills in a pydantic class or a JSON schema, and what comes back is validated."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from ..background import Cancellation
from ..deadlines import Deadline
from ..errors import ConstraintUnmet, InvalidInput
from .chat_model import ChatModel
from .constraints import JsonSchema
from .language_model import Completion, LanguageModel, Message
from .reasoning import without_thoughts
from .sampling import Sampling

Schema = type[Any] | Mapping[str, Any] | JsonSchema
_FENCE = "```"


class Structured(NamedTuple):
    """A value and how it came."""

    value: Any
    completion: Completion


def structured(
    model: LanguageModel,
    messages: Sequence[Message],
    schema: Schema,
    *,
    sampling: Sampling | None = None,
    deadline: float | None = None,
    attempts: int = 2,
    cancel: Cancellation | None = None,
) -> Structured:
    """Have a model answer in the form of a schema.

    A model that can be constrained writes nothing else. Any other one is told the schema, and told what was wrong with
    its answer if it was.

    Parameters
    ----------
    model
        Any language model.
    messages
        The conversation.
    schema
        A pydantic class, or a JSON schema; bound its strings, see `JsonSchema`.
    sampling, deadline
        As in `LanguageModel.complete`; the deadline is for all attempts together.
    attempts
        Answers to ask for, at most, where the model cannot be constrained.
    cancel
        Stops the model when it is called, from any thread.

    Returns
    -------
    Structured
        ``value``: an instance of the class, or the JSON value; ``completion``: the text it was read from, with the
        usage of all attempts.

    Raises
    ------
    ConstraintUnmet
        No answer fits the schema.
    InvalidInput
        The schema is none.
    """
    constraint = as_json_schema(schema)
    if isinstance(model, ChatModel) and constraint.kind in model.constrains:
        completion = model.complete(
            messages, sampling=sampling, deadline=deadline, constraint=constraint, cancel=cancel
        )
        return Structured(read_value(schema, completion.text), completion)
    until = Deadline.after(deadline)
    cancel = cancel or Cancellation()
    return _told(model, messages, schema, sampling=sampling, deadline=until, attempts=attempts, cancel=cancel)


def as_json_schema(schema: Schema) -> JsonSchema:
    """Return the constraint that a pydantic class or a mapping describes."""
    if isinstance(schema, JsonSchema):
        return schema
    if isinstance(schema, Mapping):
        return JsonSchema(schema)
    describe = getattr(schema, "model_json_schema", None)
    if describe is None:
        raise InvalidInput(f"schema={schema!r}: give a pydantic class or a JSON schema as a mapping")
    return JsonSchema(describe(), name=getattr(schema, "__name__", "answer"))


def read_value(schema: Schema, text: str) -> Any:  # noqa: ANN401 - what the schema says
    """Return the value that a text holds, validated; raise `ConstraintUnmet` where it does not fit."""
    value = as_json_schema(schema).parse(text)
    validate = getattr(schema, "model_validate", None)
    if validate is None:
        return value
    try:
        return validate(value)
    except ValueError as error:  # pydantic's own checks may ask for more than its schema says
        raise ConstraintUnmet(f"the answer is not a valid {getattr(schema, '__name__', schema)}: {error}") from None


def _told(
    model: LanguageModel,
    messages: Sequence[Message],
    schema: Schema,
    *,
    sampling: Sampling | None,
    deadline: Deadline,
    attempts: int,
    cancel: Cancellation,
) -> Structured:
    form = json.dumps(as_json_schema(schema).schema, ensure_ascii=False)
    rule = f"Answer with one JSON value that fits this JSON schema, and nothing else:\n{form}"
    talk = [*messages[:-1], Message("user", f"{messages[-1].content}\n\n{rule}")]
    usage = None
    while True:
        stopped = {"cancel": cancel} if isinstance(model, ChatModel) else {}
        completion = model.complete(talk, sampling=sampling, deadline=deadline.remaining, **stopped)
        usage = completion.usage if usage is None else usage + completion.usage
        attempts -= 1
        text = _without_fence(without_thoughts(completion.text))
        try:
            return Structured(read_value(schema, text), replace(completion, texts=(text,), usage=usage))
        except ConstraintUnmet as error:
            if attempts < 1 or deadline.passed or cancel.called:
                error.attempts = usage.calls
                raise
            wrong = f"That does not do: {error}. {rule}"
            talk = [*talk, Message("assistant", completion.text), Message("user", wrong)]


def _without_fence(text: str) -> str:
    """Take JSON out of the Markdown fence that many models put around it."""
    text = text.strip()
    if text.startswith(_FENCE) and text.endswith(_FENCE) and len(text) > 2 * len(_FENCE):
        return text[len(_FENCE) : -len(_FENCE)].removeprefix("json").strip()
    return text
