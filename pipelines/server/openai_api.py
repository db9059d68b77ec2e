"""OpenAI's chat protocol: a knowledge base is a model, and its citations are annotations of the text."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import Response

from rag.answers import Answer
from rag.errors import InvalidInput
from rag.llm.language_model import Message

from .bodies import Chat
from .events import Json, event, pieces_while_connected, stream, while_connected
from .forms import EVENTS, CompletionForm, ModelForm, ModelsForm
from .public_ids import public_id, public_source

if TYPE_CHECKING:
    from .views import AllowedView, Views

_MARK = re.compile(r"\[(\d+)\]")


def routes(views: Views) -> APIRouter:
    """Return the routes."""
    router = APIRouter()
    started = int(time.time())

    @router.get("/v1/models", summary="The knowledge bases, as OpenAI's clients list models", response_model=ModelsForm)
    async def models(request: Request) -> dict[str, Any]:
        return {"object": "list", "data": [_model(name, started) for name in views.names(request)]}

    @router.get("/v1/models/{name}", summary="One of them", response_model=ModelForm)
    async def model(name: str, request: Request) -> dict[str, Any]:
        return _model(views.of(request, name).name, started)

    @router.post(
        "/v1/chat/completions",
        summary="An answer by OpenAI's protocol",
        response_model=CompletionForm,
        responses={200: EVENTS},
    )
    async def chat(body: Chat, request: Request) -> Response:
        own = views.of(request, body.model)
        question, history = _conversation(body)
        said = _Saying(own, str(request.base_url))
        if body.stream:
            pieces = pieces_while_connected(request, own.ask_stream(question, history=history))
            wanted = body.stream_options is not None and body.stream_options.include_usage
            return stream(said.chunks(pieces, usage=wanted))
        answer = await while_connected(request, own.ask(question, history=history))
        return Json(said.whole(answer))

    return router


def _model(name: str, created: int) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": created, "owned_by": "rag-workbench"}


def _conversation(body: Chat) -> tuple[str, list[Message]]:
    """Return the question, which is the last message, and the turns before; rules are the knowledge base's own."""
    *before, last = body.messages
    if last.role != "user" or not last.text.strip():
        raise InvalidInput("the last message must be a question: role 'user', with a text")
    turns = [("user" if each.role == "user" else "assistant", each.text) for each in before if each.role in _TURNS]
    return last.text, [Message(role, text) for role, text in turns if text.strip()]  # type: ignore[arg-type]


_TURNS = frozenset({"user", "assistant"})


class _Saying:
    """One answer in OpenAI's words."""

    def __init__(self, own: AllowedView, base_url: str) -> None:
        self._own = own
        self._base_url = base_url
        self._head = {"id": f"chatcmpl-{uuid.uuid4().hex}", "created": int(time.time()), "model": own.name}

    def whole(self, answer: Answer) -> dict[str, Any]:
        """Return the whole answer as one response."""
        message = {"role": "assistant", "content": answer.text, "annotations": self._annotations(answer)}
        choice = {"index": 0, "message": message, "finish_reason": _finish(answer)}
        named = {**self._head, "object": "chat.completion", "choices": [choice], "usage": _usage(answer)}
        return {**named, "rag": self._own.answer(answer)}

    async def chunks(self, pieces: AsyncIterator[str | Answer], *, usage: bool) -> AsyncIterator[str]:
        """Yield the answer as events: its pieces, then the annotations and ``rag``, then what it cost."""
        shown = ""
        yield self._chunk({"role": "assistant", "content": ""})
        async for piece in pieces:
            if not isinstance(piece, Answer):
                shown += piece
                yield self._chunk({"content": piece})
                continue
            if piece.text != shown:  # what was shown is withheld: this protocol takes nothing back
                yield self._chunk({"content": f"\n\n{piece.text}"})
            annotations = self._annotations(piece, len(shown) + 2 if piece.text != shown else 0)
            yield self._chunk({"annotations": annotations}, finish=_finish(piece), rag=self._own.answer(piece))
            if usage:
                yield event({**self._head, "object": _CHUNK, "choices": [], "usage": _usage(piece)})
            yield event("[DONE]")

    def _chunk(self, delta: dict[str, Any], finish: str | None = None, **more: Any) -> str:  # noqa: ANN401 - JSON
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return event({**self._head, "object": _CHUNK, "choices": [choice], **more})

    def _annotations(self, answer: Answer, shift: int = 0) -> list[dict[str, Any]]:
        """Return an annotation for each mark; its address is the document's own, else this server's."""
        cited = {each.n: each for each in answer.citations}
        found = []
        for mark in _MARK.finditer(answer.text):
            if (each := cited.get(int(mark[1]))) is None:
                continue
            here = f"{self._base_url}v1/documents/{public_id(each.document)}?kb={quote(self._own.name, safe='')}"
            found.append(
                {
                    "type": "url_citation",
                    "url_citation": {
                        "start_index": mark.start() + shift,
                        "end_index": mark.end() + shift,
                        "title": each.title or public_source(each.source),
                        "url": each.url or f"{here}#char={each.start},{each.end}",
                    },
                }
            )
        return found


_CHUNK = "chat.completion.chunk"


def _finish(answer: Answer) -> str:
    return "length" if answer.incomplete else "stop"


def _usage(answer: Answer) -> dict[str, int]:
    prompt, said = answer.usage.prompt_tokens, answer.usage.completion_tokens
    return {"prompt_tokens": prompt, "completion_tokens": said, "total_tokens": prompt + said}
