"""A conversation as one text: by the template that a model was trained with, or plain."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from ..language_model import Message

_SPEAKERS = {"user": "User", "assistant": "Assistant"}
NEXT_TURN = "\nUser:"
"""Stops a model that goes on with the user's next turn."""


def plain_prompt(messages: Sequence[Message]) -> str:
    r"""Return the system's text and then the turns by speaker, up to where the model continues.

    Examples
    --------
    >>> plain_prompt([Message("system", "Be brief."), Message("user", "Hello")])
    'Be brief.\n\nUser: Hello\nAssistant:'
    """
    rules = [message.content for message in messages if message.role == "system"]
    turns = [f"{_SPEAKERS[message.role]}: {message.content}" for message in messages if message.role != "system"]
    return "\n\n".join([*rules, "\n".join([*turns, "Assistant:"])])


def without_control_tokens(messages: Sequence[Message], tokens: Sequence[str]) -> list[Message]:
    """Break up control tokens in texts, so that no document can end its turn or begin another.

    ``<|im_end|>`` in a text becomes ``< |im_end|>``, which is plain text.
    """
    longest_first = sorted((token for token in tokens if len(token) > 1), key=len, reverse=True)
    if not longest_first:
        return list(messages)
    pattern = re.compile("|".join(map(re.escape, longest_first)))

    def broken(text: str) -> str:
        # Breaking one up may leave another: <<s>s> holds a second one once the first is gone.
        while (changed := pattern.sub(lambda match: f"{match[0][0]} {match[0][1:]}", text)) != text:
            text = changed
        return text

    return [Message(message.role, broken(message.content)) for message in messages]


def render(messages: Sequence[Message], template: Callable[[list[dict[str, str]]], str] | None) -> tuple[str, bool]:
    """Return a conversation as a prompt.

    Parameters
    ----------
    template
        Renders a list of ``{"role", "content"}``; None for a model without one, which gets `plain_prompt`.

    Returns
    -------
    tuple
        The prompt, and whether a template rendered it (it then holds its own special tokens).
    """
    if template is None:
        return plain_prompt(messages), False
    turns = [{"role": message.role, "content": message.content} for message in messages]
    try:
        return template(turns), True
    except Exception as error:
        merged = _system_in_user(turns)
        if merged == turns or not _is_template_error(error):
            raise
        return template(merged), True  # templates like Gemma's reject the system role by an error


def _system_in_user(turns: list[dict[str, Any]]) -> list[dict[str, Any]]:
    rules = "\n\n".join(turn["content"] for turn in turns if turn["role"] == "system")
    rest = [dict(turn) for turn in turns if turn["role"] != "system"]
    if rules and rest:
        rest[0]["content"] = f"{rules}\n\n{rest[0]['content']}"
    return rest


def _is_template_error(error: Exception) -> bool:
    return any(kind.__module__.partition(".")[0] == "jinja2" for kind in type(error).__mro__) or isinstance(
        error, ValueError
    )
