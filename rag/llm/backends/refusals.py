"""Options that a server refuses by name: which one a reply means, and the request without it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence, Set as AbstractSet
from typing import Any

from ..language_model import Message
from .wire import safe_start

ROLES = "the system role"
_LIMITS = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
_TUNING = ("temperature", "top_p", "seed")
_TRANSPORT = ("stream_options", "stream")
_OPTIONS = (*_LIMITS, *_TUNING, *_TRANSPORT)
_STATUSES = frozenset({400, 404, 405, 415, 422, 500, 501})
"""Of replies that may refuse an option; some servers answer 500 where a model's template raises."""
_REFUSES = re.compile(
    r"not (?:be |currently |yet )*(?:support|permit|allow|recogni[sz]|implement|accept|enabl|valid|available|expected)"
    r"|n't (?:support|accept|allow)|unsupported|unrecogni[sz]ed|unknown|unexpected|forbidden|deprecated|no longer"
    r"|unsupported_|extra_|only the default|only supports? the default|additional propert",
    re.IGNORECASE,
)
_DEMANDS_VALUE = re.compile(
    r"\b(?:should|must|can only|has to|needs to) be\b(?! between 0\b)|cannot both|out of range|invalid value",
    re.IGNORECASE,
)
"""Another value than 0 is wanted, which nobody asks for who has a wish of their own: the server's own will do."""
_ABOUT_ROLES = re.compile(
    r"\bsystem[ _-]?(?:role|message|prompt|instruction)|\brole\b.{0,30}\bsystem\b|\bsystem\b.{0,20}\brole\b"
    r"|['\"]system['\"]|developer instruction|\broles? must alternate|\bonly\b.{0,40}\broles? (?:is|are) "
    r"(?:supported|allowed)|alternat\w+.{0,40}\buser\b",
    re.IGNORECASE,
)
_DEMANDS_ROLES = re.compile(r"must alternate|\bonly\b|should be|must be|alternat|one of", re.IGNORECASE)
_READ = 8_000


def refused(status: int, reply: bytes, fields: dict[str, Any], messages: Sequence[Message]) -> str | None:
    """Return the option of a request that a server refuses by its name, or `ROLES`; None where it means another fault.

    Parameters
    ----------
    status, reply
        Of the server's answer.
    fields, messages
        What it was asked with.
    """
    if status not in _STATUSES:
        return None
    text = reply[:_READ].decode("utf-8", "replace").replace('\\"', '"')
    named = _parameter(text)
    sent = [option for option in _OPTIONS if option in fields]
    mentions = {option: at.start() for option in sent if (at := re.search(rf"\b{option}\b", text))}
    blamed = named if named in sent else min(mentions, key=lambda option: mentions[option], default=None)
    if blamed and (_REFUSES.search(text) or (fields[blamed] == 0 and _DEMANDS_VALUE.search(text))):
        return blamed
    if named in sent:
        return None
    wrong = _ABOUT_ROLES.search(text) and (_REFUSES.search(text) or _DEMANDS_ROLES.search(text))
    return ROLES if wrong and folded(messages) != list(messages) else None


def _parameter(text: str) -> str:
    """Return the parameter that a reply in OpenAI's form blames; empty where it names none."""
    try:
        error = json.loads(text)["error"]
        return str(error["param"] or "").rpartition(".")[2]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""


def without(fields: dict[str, Any], options: AbstractSet[str]) -> dict[str, Any]:
    """Return the fields of a request without options; the limit of tokens goes by its other name instead."""
    kept = {_LIMITS[name] if name in _LIMITS and name in options else name: value for name, value in fields.items()}
    gone = set(options) - set(_LIMITS) | ({"stream_options"} if "stream" in options else set())
    return {name: value for name, value in kept.items() if name not in gone}


def folded(messages: Sequence[Message]) -> list[Message]:
    """Return a conversation for a model without a system role: what that says goes into the user's first message.

    Messages of one role that follow each other become one, for such models want the roles to alternate.
    """
    rules = [each.content for each in messages if each.role == "system"]
    made: list[Message] = []
    for each in messages:
        if each.role == "system":
            continue
        content = each.content
        if each.role == "user" and rules:
            content, rules = "\n\n".join([*rules, content]), []
        if made and made[-1].role == each.role:
            made[-1] = Message(each.role, f"{made[-1].content}\n\n{content}")
        else:
            made.append(Message(each.role, content))
    return made


class Refused(Exception):  # noqa: N818 - it names what happened
    """A server refused an option by its name; ``option`` is that."""

    def __init__(self, option: str, reply: bytes) -> None:
        super().__init__(f"it refuses {option}: {safe_start(reply)}")
        self.option = option
