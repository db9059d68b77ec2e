"""Servers as they are: an option refused by name is left out and not sent again; a content may be a list of parts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from rag import Completion, Message, Sampling
from rag.errors import LLMRefused
from rag.llm.backends.openai_chat import OpenAIChat
from rag.llm.backends.refusals import ROLES, folded, refused, without
from tests.chat_server import ChatServer

TALK = [Message("system", "Be brief."), Message("user", "How deep is the lock?")]
SAID = "The lock is four metres deep."
Ask = Callable[[OpenAIChat], Completion]


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer(lambda _: SAID) as running:
        yield running


def whole(model: OpenAIChat) -> Completion:
    return model.complete(TALK)


def streamed(model: OpenAIChat) -> Completion:
    stream = model.stream(TALK)
    assert "".join(stream) == SAID
    return stream.completion


def awaited(model: OpenAIChat) -> Completion:
    return asyncio.run(model.acomplete(TALK))


def awaited_stream(model: OpenAIChat) -> Completion:
    async def read() -> list[str | Completion]:
        return [piece async for piece in model.astream(TALK)]

    *pieces, last = asyncio.run(read())
    assert "".join(map(str, pieces)) == SAID
    assert isinstance(last, Completion)
    return last


EVERY_WAY = pytest.mark.parametrize("ask", [whole, streamed, awaited, awaited_stream])


def naming(option: str, message: str, *, bare: bool = False) -> Callable[[dict[str, Any]], tuple[int, object] | None]:
    error = {"message": message, "type": "invalid_request_error", **({} if bare else {"param": option, "code": None})}
    return lambda body: (400, {"error": error}) if option in body else None


REFUSALS = {
    "max_tokens": naming("max_tokens", "Unsupported parameter: use 'max_completion_tokens' instead of 'max_tokens'."),
    "max_tokens bare": naming("max_tokens", "max_tokens is not supported, write max_completion_tokens", bare=True),
    "temperature": naming("temperature", "'temperature' does not support 0. Only the default (1) is supported."),
    "another temperature": naming("temperature", "temperature: Input should be 1 when thinking is enabled", bare=True),
    "above zero": naming("temperature", "temperature must be greater than 0"),
    "strict schema": lambda body: (
        (422, {"detail": [{"loc": ["body", "temperature"], "msg": "Extra inputs are not permitted"}]})
        if "temperature" in body
        else None
    ),
}


@EVERY_WAY
@pytest.mark.parametrize("refusal", REFUSALS)
def test_an_option_is_left_out_and_that_is_remembered(server: ChatServer, ask: Ask, refusal: str) -> None:
    server.refuse = REFUSALS[refusal]
    for _ in range(2):  # another model object for the same server and model
        with OpenAIChat(refusal, base_url=server.url) as model:
            assert ask(model).text == SAID
    assert len(server.requests) == 3
    first, second, third = server.requests
    assert second == third
    assert first["max_tokens"] == second.get("max_tokens", second.get("max_completion_tokens"))


@EVERY_WAY
def test_a_server_without_a_system_role_gets_the_rules_from_the_user(server: ChatServer, ask: Ask) -> None:
    def refuse(body: dict[str, Any]) -> tuple[int, object] | None:
        return (400, {"message": "System role not supported"}) if body["messages"][0]["role"] == "system" else None

    server.refuse = refuse
    with OpenAIChat("no-system", base_url=server.url) as model:
        assert ask(model).text == SAID
        assert ask(model).usage.calls == 1
    assert server.requests[-1]["messages"] == [{"role": "user", "content": "Be brief.\n\nHow deep is the lock?"}]


@pytest.mark.parametrize("ask", [streamed, awaited_stream])
@pytest.mark.parametrize("option", ["stream_options", "stream"])
def test_a_server_without_stream_options_or_streams(server: ChatServer, ask: Ask, option: str) -> None:
    server.refuse = naming(option, f"Unrecognized request argument supplied: {option}", bare=True)
    with OpenAIChat(f"no-{option}", base_url=server.url) as model:
        assert ask(model).text == SAID


def test_several_options_one_after_another(server: ChatServer) -> None:
    kinds = [REFUSALS["max_tokens"], REFUSALS["temperature"]]
    server.refuse = lambda body: next((said for kind in kinds if (said := kind(body))), None)
    with OpenAIChat("both", base_url=server.url, attempts=1) as model:
        answer = model.complete(TALK)
    assert (answer.text, answer.usage.calls) == (SAID, 3)


def test_an_option_refused_for_ever_ends_in_an_error_and_is_not_remembered(server: ChatServer) -> None:
    said = {"error": {"message": "Unsupported parameter", "param": "temperature"}}
    server.refuse = lambda _: (400, said)
    with OpenAIChat("stubborn", base_url=server.url) as model, pytest.raises(LLMRefused, match="Unsupported"):
        model.complete(TALK)
    assert len(server.requests) == 2
    server.refuse = lambda _: None
    with OpenAIChat("stubborn", base_url=server.url) as model:
        model.complete(TALK)
    assert server.requests[-1]["temperature"] == 0


def test_what_a_person_asked_for_is_not_dropped(server: ChatServer) -> None:
    server.refuse = naming("stop", "Unsupported parameter: 'stop'")
    with OpenAIChat("no-stop", base_url=server.url) as model, pytest.raises(LLMRefused, match="stop"):
        model.complete(TALK, sampling=Sampling(stop=("\n",)))


@EVERY_WAY
def test_a_content_in_parts(server: ChatServer, ask: Ask) -> None:
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "Five?"}], "closed": True}
    server.content = lambda text: [thought, {"type": "text", "text": text}]
    with OpenAIChat("parts", base_url=server.url) as model:
        assert ask(model).text == SAID


FIELDS = {"max_tokens": 9, "temperature": 0, "stream": True, "stream_options": {}, "seed": 3}


@pytest.mark.parametrize(("status", "said", "option"), [
    (400, "Unsupported value: 'messages[0].role' does not support 'system' with this model.", ROLES),
    (400, "Conversation roles must alternate user/assistant/user/assistant/...", ROLES),
    (500, "Only user and assistant roles are supported!", ROLES),
    (400, "Developer instruction is not enabled for models/some", ROLES),
    (422, '"loc":["messages",0,"role"],"msg":"Input should be \'user\' or \'assistant\'","input":"system"', ROLES),
    (400, "unknown field: seed", "seed"),
    (400, "temperature must be between 0 and 1", None),
    (400, "This model's maximum context length is 512 tokens; reduce max_tokens or the messages", None),
    (400, "max_tokens is too large: 9000", None),
    (401, "temperature is not supported", None),
    (404, "The model does not exist", None),
])  # fmt: skip
def test_which_option_a_reply_means(status: int, said: str, option: str | None) -> None:
    assert refused(status, json.dumps({"error": {"message": said, "param": None}}).encode(), FIELDS, TALK) == option


def test_a_conversation_without_a_system_role_alternates() -> None:
    talk = [Message("user", "a"), Message("user", "b"), Message("assistant", "c"), Message("system", "s")]
    assert folded([*talk, Message("user", "d")]) == [
        Message("user", "s\n\na\n\nb"), Message("assistant", "c"), Message("user", "d")
    ]  # fmt: skip
    assert refused(400, b"System role not supported", FIELDS, [Message("user", "a")]) is None


def test_fields_without_options() -> None:
    assert without(FIELDS, {"stream", "temperature", ROLES}) == {"max_tokens": 9, "seed": 3}
    assert without({"max_tokens": 9}, {"max_tokens"}) == {"max_completion_tokens": 9}
