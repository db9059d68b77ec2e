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

if TYPE_CHECKING:
    from .collections import Collection, Collections


def routes(collections: Collections) -> APIRouter:
    """Return the routes."""
    router = APIRouter()

    @router.get("/health", summary="Whether the server runs")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @router.get("/v1/status", summary="The knowledge bases and what they hold")
    async def status() -> dict[str, Any]:
        return {
            "knowledge_bases": await run_in_threadpool(lambda: [_status(collections, n) for n in collections.names])
        }

    @router.post("/v1/ask", summary="An answer with citations; as events where `stream` or the Accept header says so")
    async def ask(body: Asking, request: Request) -> Response:
        own = collections.get(body.kb)
        options: dict[str, Any] = {"k": body.k, "where": body.where}
        options["history"] = [Message(turn.role, turn.content) for turn in body.history]
        if body.stream or "text/event-stream" in request.headers.get("accept", ""):
            pieces = own.bot.aask_stream(body.question, **options)
            return stream(_events(own, pieces_while_connected(request, pieces)), error_name="error")
        answer = await while_connected(request, own.bot.aask(body.question, **options))
        return Json(own.answer(answer))

    @router.post("/v1/search", summary="The passages that fit a question")
    async def search(body: Searching) -> Response:
        own = collections.get(body.kb)
        found = await own.searches.search(body.question, body.k, body.where)
        told = {
            "question": body.question,
            "searched": found.question,
            "passages": [own.passage(each) for each in found.passages],
            "timings": found.timings,
            "notes": list(found.notes),
            "pipeline": {"digest": own.bot.retriever.config.digest},
        }
        return Json(told)

    @router.post("/v1/explain", summary="How a question came to its passages")
    async def explain(body: Searching) -> Response:
        own = collections.get(body.kb)
        found = await run_in_threadpool(own.bot.retriever.explain, body.question, body.k, where=body.where)
        return Json(own.explanation(found))

    @router.get("/v1/documents/{document}", summary="The text of a document, which citations count characters in")
    async def document(document: str, kb: str | None = None) -> Response:
        return Json(await run_in_threadpool(collections.get(kb).document, document))

    return router


async def _events(own: Collection, pieces: AsyncIterator[str | Answer]) -> AsyncIterator[str]:
    async for piece in pieces:
        yield event(own.answer(piece), "answer") if isinstance(piece, Answer) else event({"text": piece}, "text")


def _status(collections: Collections, name: str) -> dict[str, Any]:
    own = collections.get(name)
    retriever = own.bot.retriever
    with retriever.kb.view():
        facts = {"documents": len(retriever.kb.document_ids()), "chunks": len(retriever.kb.chunk_ids())}
        return {
            "name": name,
            **facts,
            "seq": retriever.kb.seq,
            "indexes": list(retriever.kb.indexes),
            "generator": getattr(own.bot.generator, "name", own.bot.config.generator),
            "pipeline": {"digest": own.bot.config.digest},
            "notes": list(own.bot.notes),
        }
