"""Pages of cited documents: pictures of them, and where a span is on them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from rag.errors import InvalidInput
from rag.loaders.page_views import PageViews

from .events import Json
from .forms import BoxesForm

if TYPE_CHECKING:
    from .views import Views

_WIDEST, _NARROWEST = 2400, 100
_LONGEST_SPAN = 200_000


def routes(views: Views, pages: PageViews) -> APIRouter:
    """Return the routes; ``pages`` looks at the files of documents that ``views`` lets a request see."""
    router = APIRouter()

    @router.get(
        "/v1/documents/{document}/pages/{number}.png",
        summary="A page of a PDF file as a picture",
        response_class=Response,
        responses={200: {"content": {"image/png": {}}}},
    )
    async def picture(
        request: Request,
        document: str,
        number: int,
        kb: str | None = None,
        width: Annotated[int, Query(ge=_NARROWEST, le=_WIDEST, description="Pixels.")] = 1200,
    ) -> Response:
        own = views.of(request, kb)

        def look() -> bytes:
            return pages.picture(own.original(document), number, width=width)

        own_site = {"Cross-Origin-Resource-Policy": "same-origin"}  # an <img> on another site sends no origin
        return Response(await run_in_threadpool(look), media_type="image/png", headers=own_site)

    @router.get(
        "/v1/documents/{document}/boxes",
        summary="Where a span of the text is on the pages of a PDF file",
        response_model=BoxesForm,
    )
    async def boxes(
        request: Request,
        document: str,
        start: Annotated[int, Query(ge=0, description="Characters of the text, as citations count them.")],
        end: Annotated[int, Query(ge=0)],
        kb: str | None = None,
    ) -> Response:
        if not start < end <= start + _LONGEST_SPAN:
            raise InvalidInput(f"start and end are a span of 1 to {_LONGEST_SPAN:,} characters, not {start} to {end}")

        own = views.of(request, kb)

        def look() -> list[dict[str, Any]]:
            return [asdict(each) for each in pages.marks(own.original(document), start, end)]

        return Json({"pages": await run_in_threadpool(look)})

    return router
