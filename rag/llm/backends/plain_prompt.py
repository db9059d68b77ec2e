"""A conversation as one text, for models without a chat template and for plain functions."""

from __future__ import annotations

from collections.abc import Sequence

from ..language_model import Message

_SPEAKERS = {"user": "User", "assistant": "Assistant"}
NEXT_TURN = "\nUser:"
"""Where a model that goes on talking to itself must be stopped."""


def plain_prompt(messages: Sequence[Message]) -> str:
    r"""Write the system's text first, then the turns by speaker; ends where the model goes on.

    Examples
    --------
    >>> plain_prompt([Message("system", "Be brief."), Message("user", "Hello")])
    'Be brief.\n\nUser: Hello\nAssistant:'
    """
    rules = [message.content for message in messages if message.role == "system"]
    turns = [f"{_SPEAKERS[message.role]}: {message.content}" for message in messages if message.role != "system"]
    return "\n\n".join([*rules, "\n".join([*turns, "Assistant:"])])
