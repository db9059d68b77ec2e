"""Structured answers: a model fills in a pydantic class or a JSON schema, and the value is validated."""

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
from .language_model import Completion, LanguageModel, Message, Usage
from .reasoning import without_thoughts
from .sampling import Sampling

Schema = type[Any] | Mapping[str, Any] | JsonSchema
_FENCE = "```"


class Structured(NamedTuple):
    """A value and the completion that it was read from."""

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

    A model that can be constrained cannot write anything else. Any other model gets the schema in the prompt, and is
    told what is wrong with an answer that does not fit.

    Parameters
    ----------
    model
        Any language model.
    messages
        The conversation.
    schema
        A pydantic class, or a JSON schema; bound its strings, see `JsonSchema`.
    sampling, deadline
        As in `LanguageModel.complete`; the deadline covers all attempts together.
    attempts
        Maximum number of answers to ask for, where the model cannot be constrained.
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
        The schema is not valid.
    """
    constraint = as_json_schema(schema)
    if isinstance(model, ChatModel) and constraint.kind in model.constrains:
        completion = model.complete(
            messages, sampling=sampling, deadline=deadline, constraint=constraint, cancel=cancel
        )
        return Structured(read_value(schema, completion.text), completion)
    form = json.dumps(constraint.schema, ensure_ascii=False)
    rule = f"Answer with one JSON value that fits this JSON schema, and nothing else:\n{form}"
    talk = [*messages[:-1], Message("user", f"{messages[-1].content}\n\n{rule}")]
    until, cancel = Deadline.after(deadline), cancel or Cancellation()
    stopped = {"cancel": cancel} if isinstance(model, ChatModel) else {}
    usage = Usage()
    while True:
        completion = model.complete(talk, sampling=sampling, deadline=until.remaining, **stopped)
        usage += completion.usage
        attempts -= 1
        text = _without_fence(without_thoughts(completion.text))
        try:
            return Structured(read_value(schema, text), replace(completion, texts=(text,), usage=usage))
        except ConstraintUnmet as error:
            if attempts < 1 or until.passed or cancel.called:
                error.attempts = usage.calls
                raise
            wrong = f"That does not do: {error}. {rule}"
            talk = [*talk, Message("assistant", completion.text), Message("user", wrong)]


def as_json_schema(schema: Schema) -> JsonSchema:
    """Return a pydantic class or a mapping as a constraint."""
    if isinstance(schema, JsonSchema):
        return schema
    if isinstance(schema, Mapping):
        return JsonSchema(schema)
    describe = getattr(schema, "model_json_schema", None)
    if describe is None:
        raise InvalidInput(f"schema={schema!r}: give a pydantic class or a JSON schema as a mapping")
    return JsonSchema(describe(), name=getattr(schema, "__name__", "answer"))


def read_value(schema: Schema, text: str) -> Any:  # noqa: ANN401 - what the schema says
    """Return the value of a text, validated; raise `ConstraintUnmet` if it does not fit."""
    value = as_json_schema(schema).parse(text)
    validate = getattr(schema, "model_validate", None)
    if validate is None:
        return value
    try:
        return validate(value)
    except ValueError as error:  # pydantic's own checks may ask for more than its schema says
        raise ConstraintUnmet(f"the answer is not a valid {getattr(schema, '__name__', schema)}: {error}") from None


def _without_fence(text: str) -> str:
    """Remove the Markdown fence that many models put around JSON."""
    text = text.strip()
    if text.startswith(_FENCE) and text.endswith(_FENCE) and len(text) > 2 * len(_FENCE):
        return text[len(_FENCE) : -len(_FENCE)].removeprefix("json").strip()
    return text
