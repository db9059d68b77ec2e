"""Documents over HTTP: a list of them, uploads as jobs with progress, deletion."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Form, Query, Request, UploadFile
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from rag.errors import InvalidInput

from .events import Json
from .forms import DocumentsForm, JobForm, Removed
from .jobs import Job, Jobs
from .public_ids import public_source
from .uploads import Kept, safe_name

if TYPE_CHECKING:
    from .views import AllowedView, Views

MOST_FILES = 100
_LONGEST = 8192


def routes(views: Views, jobs: Jobs, refresh: Callable[[], object]) -> APIRouter:
    """Return the routes."""
    router = APIRouter()

    @router.get("/v1/documents", summary="The documents, page by page", response_model=DocumentsForm)
    async def listed(
        request: Request,
        kb: str | None = None,
        where: Annotated[str | None, Query(max_length=_LONGEST, description="Filter over documents.")] = None,
        after: Annotated[str | None, Query(max_length=80, description="Id of the last one that was seen.")] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> Response:
        return Json(await run_in_threadpool(views.of(request, kb).listed, where, after, limit))

    @router.post(
        "/v1/documents", status_code=202, summary="Upload files; they are read as a job", response_model=JobForm
    )
    async def upload(
        request: Request,
        files: Annotated[list[UploadFile], Form(description=f"At most {MOST_FILES}.")],
        kb: Annotated[str | None, Form()] = None,
        acl: Annotated[list[str], Form(description="Groups that may read them; default: all of yours.")] = [],  # noqa: B006
    ) -> Response:
        own = views.of(request, kb, "upload")
        jobs.check_room()
        names = [safe_name(each.filename or "") for each in files]
        if len(files) > MOST_FILES:
            raise InvalidInput(f"{len(files)} files are more than {MOST_FILES}: send several requests")
        if len(set(names)) < len(names):
            raise InvalidInput("two files of one upload have the same name: the second would replace the first")
        groups, writer = own.groups([each for each in acl if each.strip()]), own.writer()
        pairs = list(zip(names, files, strict=True))
        kept = await run_in_threadpool(lambda: [writer.uploads.keep(name, each.file, groups) for name, each in pairs])
        return Json({"job": _started(jobs, own, kept, refresh).told()}, 202)

    @router.delete(
        "/v1/documents/{document}", summary="Remove an uploaded file, with all documents in it", response_model=Removed
    )
    async def delete(document: str, request: Request, kb: str | None = None) -> Response:
        own = views.of(request, kb, "upload")
        jobs.check()

        def work() -> int:
            found = own.original(document)
            removed = own.writer().remove(found.source, found.location)
            refresh()
            return removed

        return Json({"removed": await run_in_threadpool(work)})

    return router


def resume(jobs: Jobs, own: AllowedView, refresh: Callable[[], object]) -> None:
    """Start jobs for uploads that a restart has cut short."""
    writer = own.writer()
    writer.uploads.sweep()
    for kept in writer.missing().values():
        _started(jobs, own, kept, refresh)


def _started(jobs: Jobs, own: AllowedView, kept: list[Kept], refresh: Callable[[], object]) -> Job:
    writer = own.writer()

    def work(job: Job) -> dict[str, Any]:
        try:
            return writer.add(kept, job)
        finally:
            refresh()

    return jobs.start(Job(own.principal, own.name, [public_source(each.source) for each in kept]), work)
