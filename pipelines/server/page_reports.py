"""Stored reports of a folder: pages of ``--html``, and the results of ``rag bench`` and ``rag experiment``.

A report is opened in a frame without an origin: it can read nothing of the page around it, runs no script but the
toolkit's own for sorting tables, and loads nothing.
"""

from __future__ import annotations

import hashlib
import html
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, Response

from rag.errors import RagError

from ..reports.pages import script_digest
from .errors import Forbidden, NoSuch
from .events import Json
from .forms import OpenedForm, ReportsForm
from .principals import principal_of

OPENED = "/reports/"
"""Where a report is opened, for a minute and without a token: a frame can send none."""
_OPEN_S = 60.0
_MOST_OPEN = 1000
_MOST = 500
_LARGEST = 32 << 20
_TITLE = re.compile(rb"<title>([^<]{1,300})</title>")
_HEAD = 4096
POLICY = (
    "sandbox allow-scripts; default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    f"script-src 'sha256-{script_digest()}'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)


@dataclass(frozen=True)
class Report:
    """A stored report.

    Attributes
    ----------
    id
        Opaque; the same as long as the path is.
    kind
        ``page``, ``benchmark`` or ``experiment``.
    modified
        Seconds since 1970.
    """

    id: str
    title: str
    kind: str
    path: Path
    modified: float

    def markup(self) -> str:
        """Return its page; raises RagError where the results cannot be read."""
        return _MADE[self.kind](self.path)

    def told(self) -> dict[str, Any]:
        """Return it for JSON."""
        moment = datetime.fromtimestamp(self.modified, UTC).isoformat(timespec="seconds")
        return {"id": self.id, "title": self.title, "kind": self.kind, "modified": moment}


def _page(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def _benchmark(path: Path) -> str:
    from ..benchmark.answers import load
    from ..benchmark.bot_load import load_saved
    from ..benchmark.report import report_page
    from ..benchmark.results import read

    return report_page(read(path), load(path), None, load_saved(path))


def _experiment(path: Path) -> str:
    from ..experiments.report import html as page
    from ..experiments.results import Result

    return page(Result.load(path))


_MADE: dict[str, Callable[[Path], str]] = {"page": _page, "benchmark": _benchmark, "experiment": _experiment}


def reports_in(folder: Path) -> list[Report]:
    """Return the reports in a folder and one level below it, newest first; links are not followed."""
    places = [folder, *(each for each in sorted(folder.iterdir()) if each.is_dir() and not each.is_symlink())]
    found = [report for place in places for report in _reports(place, folder)]
    return sorted(found, key=lambda each: (-each.modified, each.title))[:_MOST]


def _reports(place: Path, folder: Path) -> list[Report]:
    from ..benchmark.results import FILE
    from ..experiments.results import CARD

    markers = {"experiment": place / CARD, "benchmark": place / FILE}  # an experiment has a file of the other name too
    runs = [(kind, each) for kind, each in markers.items() if each.is_file() and not each.is_symlink()]
    found = [_report(place, folder, *runs[0])] if runs else []
    pages = [each for each in sorted(place.glob("*.html")) if each.is_file() and not each.is_symlink()]
    found += [_report(each, folder, "page", each) for each in pages if each.stat().st_size <= _LARGEST]
    return found


def report_id(name: str) -> str:
    """Return the public id of a report, of its path below the folder."""
    return hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def _report(path: Path, folder: Path, kind: str, marker: Path) -> Report:
    name = path.relative_to(folder).as_posix()
    title = _titled(path) if kind == "page" else ""
    return Report(report_id(name), title or (path.name if name == "." else name), kind, path, marker.stat().st_mtime)


def _titled(path: Path) -> str:
    with path.open("rb") as file:
        found = _TITLE.search(file.read(_HEAD))
    return html.unescape(found[1].decode("utf-8", "replace")).strip() if found else ""


class _Opened:
    """Reports that may be opened for a while by an address that nobody can guess."""

    def __init__(self) -> None:
        self._until: dict[str, tuple[float, str]] = {}

    def add(self, markup: str) -> str:
        now = time.monotonic()
        self._until = {key: own for key, own in self._until.items() if own[0] > now}
        while len(self._until) >= _MOST_OPEN:
            self._until.pop(next(iter(self._until)))
        ticket = secrets.token_urlsafe(24)
        self._until[ticket] = (now + _OPEN_S, markup)
        return ticket

    def get(self, ticket: str) -> str:
        until, markup = self._until.get(ticket, (0.0, ""))
        if until <= time.monotonic():
            raise NoSuch("this address of a report is no longer good; open the report again")
        return markup


def _allow(request: Request) -> None:
    """Refuse whoever may not read every document: reports quote questions and passages of all of them."""
    principal = principal_of(request)
    principal.check("read")
    if principal.groups is not None:
        raise Forbidden("reports quote documents of every group; this key may not read them all")


def routes(folder: Path) -> APIRouter:
    """Return the routes to the reports of a folder."""
    router = APIRouter()
    opened = _Opened()

    @router.get(
        "/v1/reports", summary="Stored reports of benchmarks, experiments and evaluations", response_model=ReportsForm
    )
    async def reports(request: Request) -> Response:
        _allow(request)
        return Json({"reports": [each.told() for each in await run_in_threadpool(reports_in, folder)]})

    @router.post(
        "/v1/reports/{report}",
        summary="An address that opens a report within the next minute",
        response_model=OpenedForm,
    )
    async def ticket(request: Request, report: str) -> Response:
        _allow(request)
        own = next((each for each in await run_in_threadpool(reports_in, folder) if each.id == report), None)
        if own is None:
            raise NoSuch("there is no such report")
        try:
            markup = await run_in_threadpool(own.markup)
        except (OSError, RagError, ValueError, KeyError) as error:
            raise NoSuch("the results cannot be read; rag bench report and rag experiment say why") from error
        return Json({"url": f"{OPENED}{opened.add(markup)}"})

    @router.get(OPENED + "{ticket}", include_in_schema=False)
    async def report(ticket: str) -> Response:
        heads = {"Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer"}
        return HTMLResponse(opened.get(ticket), headers=heads)

    return router
