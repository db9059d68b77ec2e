"""Read chat completions from servers, JSON objects or server-sent events, without trusting them."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

from ...errors import LLMBadResponse
from ..language_model import Usage, well_formed
from .secrets import without_secrets

_LINE_END = re.compile("\r\n|\r|\n")  # not str.splitlines: an answer may hold U+2028
_ABSURD = 10**9
"""More tokens than any call has; a server that reports as many could use up a budget."""
_THOUGHTS = {"thinking", "reasoning", "redacted_thinking", "reasoning_text", "thought"}
"""Types of the parts of a content that are reasoning."""
UNFINISHED = {
    "length": "the answer reached max_tokens",
    "content_filter": "the server's content filter cut the answer",
}


@dataclass(frozen=True, slots=True)
class StreamPart:
    """The content of one event of a stream."""

    text: str | None = None
    finish: str | None = None
    usage: Usage | None = None


def read_reply(body: bytes) -> tuple[tuple[str, ...], list[str | None], Usage]:
    """Read a complete chat completion: texts, why each ended, tokens.

    Raises
    ------
    LLMBadResponse
        It is not one; the message shows its beginning.
    """
    reply = _json(body.decode("utf-8", "replace"))
    choices = reply.get("choices")
    if not isinstance(choices, list) or not choices:
        raise LLMBadResponse(f"the reply holds no choices: {safe_start(body)}")
    texts, ends = [], []
    for choice in choices:
        message = choice.get("message") if isinstance(choice, dict) else None
        text = _content(message.get("content")) if isinstance(message, dict) else None
        end = _string(choice.get("finish_reason")) if isinstance(choice, dict) else None
        if not isinstance(text, str) and not (text is None and end in UNFINISHED and isinstance(message, dict)):
            raise LLMBadResponse(f"the reply holds no text: {safe_start(body)}")
        texts.append(well_formed(text or ""))
        ends.append(end)
    return tuple(texts), ends, _usage(reply) or Usage()


def read_event(data: str) -> StreamPart:
    """Read one event of a stream.

    Raises
    ------
    LLMBadResponse
        It is not a chunk of a chat completion, or reports an error.
    """
    event = _json(data)
    if event.get("error"):
        raise LLMBadResponse(f"the server broke the stream off: {safe_start(json.dumps(event['error']).encode())}")
    choices = event.get("choices")
    if choices is None or choices == []:  # the last event may hold nothing but the usage
        return StreamPart(usage=_usage(event))
    choice = choices[0] if isinstance(choices, list) else None
    delta = choice.get("delta") if isinstance(choice, dict) else None
    text = _content(delta.get("content")) if isinstance(delta, dict) else None
    if not isinstance(choice, dict) or not isinstance(text, str | None):
        raise LLMBadResponse(f"an event of the stream is not a chunk of a chat completion: {safe_start(data.encode())}")
    return StreamPart(text, _string(choice.get("finish_reason")), _usage(event))


class Halves:
    """Holds back half a character at the end of a piece: some servers split emoji, one surrogate in each event."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, piece: str) -> str:
        """Take a piece, return its whole characters."""
        text = self._held + piece
        self._held = text[-1:] if "\ud800" <= text[-1:] <= "\udbff" else ""
        return well_formed(text.removesuffix(self._held))

    def rest(self) -> str:
        """Return the replacement of a half that stayed alone."""
        return well_formed(self._held)


async def events(chunks: AsyncIterator[bytes]) -> AsyncIterator[str]:
    """Yield the data of server-sent events (WHATWG HTML, 9.2), however the bytes are split into packets.

    A last event without an empty line counts: some servers omit the line after ``[DONE]``.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    parts, data = list[str](), list[str]()
    async for chunk in chunks:
        parts.append(decoder.decode(chunk))
        if not any(end in parts[-1] for end in "\r\n"):
            continue
        text = "".join(parts)
        # A carriage return at the end may be half of a line's end.
        lines = _LINE_END.split(text.removesuffix("\r"))
        parts = [lines.pop() + "\r" * text.endswith("\r")]
        for event in _events(lines, data):
            yield event
    for event in _events([*_LINE_END.split("".join(parts)), ""], data):
        yield event


def _events(lines: list[str], data: list[str]) -> Iterator[str]:
    for line in lines:
        if line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
        elif not line and data:
            event = "\n".join(data)
            data.clear()
            yield event


def safe_start(body: bytes) -> str:
    """Return the first 200 characters of a reply, quoted, without controls and secrets."""
    text = without_secrets(body[:4000].decode("utf-8", "replace"))
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return repr(text[:200]) if text else "it is empty"


def _json(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise LLMBadResponse(f"the reply is not a JSON object: {safe_start(text[:4000].encode())}")
    return value


def _usage(reply: dict[str, Any]) -> Usage | None:
    usage = reply.get("usage")
    if not isinstance(usage, dict):
        return None
    counts = (usage.get("prompt_tokens"), usage.get("completion_tokens"))
    return Usage(*(n if isinstance(n, int) and 0 < n < _ABSURD else 0 for n in counts))


def _content(value: object) -> object:
    """Return a content that is a list of parts as its text, thoughts left out; any other content unchanged."""
    if not isinstance(value, list):
        return value
    parts = [part if isinstance(part, dict) else {"text": part} for part in value]
    if not all(isinstance(part.get("text"), str) or part.get("type") in _THOUGHTS for part in parts):
        return value
    return "".join(part["text"] for part in parts if part.get("type") not in _THOUGHTS)


def _string(value: object) -> str | None:
    return value if isinstance(value, str) else None
