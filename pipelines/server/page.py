"""The chat page: one HTML file, its modules and its style, sent with a policy that lets nothing else run or load."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from rag.errors import RagError

from .errors import NoSuch
from .principals import principal_of

if TYPE_CHECKING:
    from .views import AllowedView, Views

STATIC: Final = Path(__file__).with_name("static")
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
"""Nothing comes from elsewhere, nothing leaves, and no text can become markup: Trusted Types have no policy."""
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


def routes(views: Views, *, uploads: bool, reports: bool) -> APIRouter:
    """Return the routes of the page's own files, which hold nobody's data and so need no token; and what it may offer.

    Parameters
    ----------
    uploads, reports
        Whether the server takes documents, and shows reports.
    """
    router = APIRouter(include_in_schema=False)
    files = {file.name: file.read_bytes() for file in STATIC.iterdir() if file.suffix in _TYPES}

    @router.get("/")
    async def page() -> Response:
        return _sent("index.html", files["index.html"])

    @router.get("/static/{name}")
    async def static(name: str) -> Response:
        if name not in files:
            raise NoSuch("the page has no such file")
        return _sent(name, files[name])

    @router.get("/v1/page")
    async def offered(request: Request) -> dict[str, Any]:
        every = [views.of(request, name) for name in views.names(request)]
        principal = principal_of(request)
        review = "review" in principal.scopes
        return {
            "uploads": [each.name for each in every if uploads and _takes(each)],
            "review": [each.name for each in every if review and each.desk is not None],
            "reports": reports and principal.groups is None,
        }

    return router


def _takes(view: AllowedView) -> bool:
    """Whether documents can be added there: not to several knowledge bases together, nor without the scope."""
    try:
        view.writer()
    except RagError:
        return False
    return True


def _sent(name: str, data: bytes) -> Response:
    return Response(data, media_type=_TYPES[Path(name).suffix], headers=_HEADERS)
