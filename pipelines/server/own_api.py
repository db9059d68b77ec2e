"""The toolkit's own API: questions, searches, explanations, documents, status."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from rag.answers import Answer
from rag.llm.language_model import Message

from .bodies import Asking, Searching
from .events import Json, event, pieces_while_connected, stream, while_connected
from .forms import EVENTS, AnswerForm, DocumentForm, ExplanationForm, Health, SearchForm, StatusForm
from .memories import Memories

if TYPE_CHECKING:
    from .memories import Conversation
    from .views import AllowedView, Views


def routes(views: Views, memories: Memories = Memories()) -> APIRouter:  # noqa: B008 - frozen
    """Return the routes."""
    router = APIRouter()

    @router.get("/health", summary="Whether the server runs", response_model=Health)
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @router.get("/v1/status", summary="The knowledge bases and what they hold", response_model=StatusForm)
    async def status(request: Request) -> dict[str, Any]:
        every = [views.of(request, name) for name in views.names(request)]
        return {"knowledge_bases": await run_in_threadpool(lambda: [each.status() for each in every])}

    @router.post(
        "/v1/ask",
        summary="An answer with citations; as events where `stream` or the Accept header says so",
        response_model=AnswerForm,
        responses={200: EVENTS},
    )
    async def ask(body: Asking, request: Request) -> Response:
        own = views.of(request, body.kb)
        options: dict[str, Any] = {"k": body.k, "where": body.where}
        kept = memories.of(own, body)
        options["history"] = (
            await kept.history() if kept else [Message(turn.role, turn.content) for turn in body.history]
        )
        if body.stream or "text/event-stream" in request.headers.get("accept", ""):
            pieces = own.ask_stream(body.question, **options)
            return stream(_events(own, pieces_while_connected(request, pieces), kept), error_name="error")
        answer = await while_connected(request, own.ask(body.question, **options))
        if kept:
            await kept.remember(answer)
        return Json(own.answer(answer))

    @router.post("/v1/search", summary="The passages that fit a question", response_model=SearchForm)
    async def search(body: Searching, request: Request) -> Response:
        own = views.of(request, body.kb)
        found = await own.search(body.question, body.k, body.where)
        told = {
            "question": body.question,
            "searched": found.question,
            "passages": [own.passage(each) for each in found.passages],
            "timings": found.timings,
            "notes": list(found.notes),
            "pipeline": {"digest": own.digest},
        }
        return Json(told)

    @router.post("/v1/explain", summary="How a question came to its passages", response_model=ExplanationForm)
    async def explain(body: Searching, request: Request) -> Response:
        own = views.of(request, body.kb)
        found = await own.explain(body.question, body.k, body.where)
        return Json(own.explanation(found))

    @router.get(
        "/v1/documents/{document}",
        summary="The text of a document, which citations count characters in",
        response_model=DocumentForm,
    )
    async def document(document: str, request: Request, kb: str | None = None) -> Response:
        return Json(await run_in_threadpool(views.of(request, kb).document, document))

    return router


async def _events(
    own: AllowedView, pieces: AsyncIterator[str | Answer], kept: Conversation | None
) -> AsyncIterator[str]:
    async for piece in pieces:
        if kept and isinstance(piece, Answer):
            await kept.remember(piece)
        yield event(own.answer(piece), "answer") if isinstance(piece, Answer) else event({"text": piece}, "text")
