"""OpenAI's embeddings: vectors of a knowledge base's embedder."""

from __future__ import annotations

import asyncio
import base64
import os
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from rag.documents.document import clean_text
from rag.errors import InvalidInput
from rag.llm.streaming import in_thread

from .bodies import Text
from .events import Json, while_connected
from .forms import EmbeddingsForm

if TYPE_CHECKING:
    from .views import AllowedView, Views

_MOST_TEXTS = 256


class Embedding(BaseModel):
    """A request of OpenAI's protocol."""

    input: Text | Annotated[list[Text], Field(min_length=1, max_length=_MOST_TEXTS)] = Field(
        description="A text, or several; lists of tokens are not read."
    )
    model: str | None = Field(None, description="Name of a knowledge base; the first one if left out.")
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = Field(None, description="Only the model's own.")
    input_type: Literal["passage", "query"] = Field("passage", description="What the vectors are of.")


def routes(views: Views) -> APIRouter:
    """Return the routes."""
    router = APIRouter()
    places = asyncio.Semaphore(os.cpu_count() or 1)

    @router.post("/v1/embeddings", summary="Vectors by OpenAI's protocol", response_model=EmbeddingsForm)
    async def embeddings(body: Embedding, request: Request) -> Response:
        own = views.of(request, body.model)
        texts = [clean_text(text) for text in ([body.input] if isinstance(body.input, str) else body.input)]
        if not all(text.strip() for text in texts):
            raise InvalidInput("a text to embed is empty")

        async def work() -> dict[str, Any]:
            async with places:
                return await in_thread(lambda: _embedded(own, body, texts))

        return Json(await while_connected(request, work()))

    return router


def _embedded(own: AllowedView, body: Embedding, texts: list[str]) -> dict[str, Any]:
    embedder = own.embedder
    if body.dimensions not in {None, embedder.dim}:
        raise InvalidInput(f"vectors of {own.name!r} have {embedder.dim} dimensions, not {body.dimensions}")
    vectors = embedder.embed_queries(texts) if body.input_type == "query" else embedder.embed_passages(texts)
    tokens = sum(map(len, embedder.tokenizer.offsets(texts)))
    rows = [_row(vector, body.encoding_format) for vector in np.asarray(vectors, np.dtype("<f4"))]
    data = [{"object": "embedding", "index": i, "embedding": row} for i, row in enumerate(rows)]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": data, "model": own.name, "usage": usage}


def _row(vector: Any, encoding: str) -> Any:  # noqa: ANN401 - an array; numbers or text
    return base64.b64encode(vector.tobytes()).decode() if encoding == "base64" else vector.tolist()
