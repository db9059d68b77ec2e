"""Feedback over HTTP: answers are kept as they are given, readers vote on theirs, and reviewers judge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from rag.errors import InvalidInput
from rag.feedback import NO_ANSWER, Judgement, Kept, NoSuchAnswer, Proposal, Span, judge

from .errors import NoSuch
from .events import Json
from .forms import JudgedForm, ReviewForm, VotedForm
from .public_ids import public_id, public_source

if TYPE_CHECKING:
    from .feedback_desk import Desk
    from .views import AllowedView, Views

_LOOKED_AT = 50
"""Answers to review in one response, at most."""
_LOOKED_THROUGH = 1000
"""Answers that are looked through for those that a reviewer may see, the oldest first."""


class SpanBody(BaseModel):
    """A stretch of a document's text."""

    model_config = ConfigDict(extra="forbid")

    document: str = Field(max_length=64, description="Id of the document, as in citations.")
    start: int = Field(ge=0, le=2**31, description="First character.")
    end: int = Field(ge=1, le=2**31, description="One after the last character.")


class Voting(BaseModel):
    """What a reader says about an answer."""

    model_config = ConfigDict(extra="forbid")

    answer: str = Field(max_length=64, description="The `feedback` of the answer.")
    kb: str | None = Field(None, max_length=1000, description="The knowledge base that was asked.")
    vote: Literal["up", "down", "withdraw"] = Field(description="`withdraw` takes back all that was said.")
    reason: str = Field("", max_length=2_000, description="Why, in words.")
    correction: str = Field("", max_length=20_000, description="The right answer, in words.")
    spans: list[SpanBody] = Field(default_factory=list, max_length=20, description="Where the documents answer.")


class Judging(BaseModel):
    """What a reviewer finds right for a question."""

    model_config = ConfigDict(extra="forbid")

    answer: str = Field(max_length=64, description="Id of the answer under review.")
    kb: str | None = Field(None, max_length=1000)
    verdict: Literal["accept", "reject"]
    spans: list[SpanBody] = Field(default_factory=list, max_length=20, description="Where the documents answer.")
    answers: list[str] = Field(default_factory=list, max_length=20, description="Right answers, in words.")
    unanswerable: bool = Field(False, description="The documents hold no answer.")
    question: str = Field("", max_length=10_000, description="The question, complete in itself, if it was not.")


def routes(views: Views) -> APIRouter:
    """Return the routes."""
    router = APIRouter()

    @router.post(
        "/v1/feedback", summary="Vote on an answer, say what is right, or take it back", response_model=VotedForm
    )
    async def vote(body: Voting, request: Request) -> Response:
        own, desk = _desk(views, request, body.kb)

        def work() -> dict[str, Any]:
            if body.vote == "withdraw":
                desk.feedback.withdraw(body.answer, principal=own.principal.name)
            else:
                spans = _spans(own, body.spans)
                desk.feedback.vote(
                    body.answer,
                    body.vote,
                    principal=own.principal.name,
                    reason=body.reason,
                    correction=body.correction,
                    spans=spans,
                )
            return _voted(own, desk.feedback.row(body.answer, principal=own.principal.name))

        return Json(await _found(work))

    @router.get("/v1/feedback/{answer}", summary="What its reader has said about an answer", response_model=VotedForm)
    async def voted(answer: str, request: Request, kb: str | None = None) -> Response:
        own, desk = _desk(views, request, kb)
        return Json(await _found(lambda: _voted(own, desk.feedback.row(answer, principal=own.principal.name))))

    @router.get(
        "/v1/feedback-review",
        summary="Answers that readers voted on and nobody has judged yet",
        response_model=ReviewForm,
    )
    async def to_review(request: Request, kb: str | None = None) -> Response:
        own, desk = _desk(views, request, kb, "review")
        return Json(await _found(lambda: _reviewable(own, desk)))

    @router.post("/v1/feedback-review", summary="Judge a question, or reject its feedback", response_model=JudgedForm)
    async def judged(body: Judging, request: Request) -> Response:
        own, desk = _desk(views, request, body.kb, "review")

        def work() -> dict[str, Any]:
            if not _shown(own, [desk.feedback.row(body.answer)]):
                raise NoSuch(NO_ANSWER)
            told = Judgement(tuple(_spans(own, body.spans)), tuple(body.answers), body.unanswerable, body.question)
            judge(desk.feedback, body.answer, told if body.verdict == "accept" else None)
            return {"answer": body.answer, "state": desk.feedback.row(body.answer).state}

        return Json(await _found(work))

    return router


def _desk(views: Views, request: Request, kb: str | None, scope: Any = "feedback") -> tuple[AllowedView, Desk]:  # noqa: ANN401 - a literal
    own = views.of(request, kb)  # spans are read from documents: it takes the right to read as well
    own.principal.check(scope)
    if own.desk is None:
        raise NoSuch("no feedback is kept here: rag serve KB --feedback keeps it, of each knowledge base alone")
    return own, own.desk


async def _found(work: Any) -> Any:  # noqa: ANN401 - a function, and what it returns
    try:
        return await run_in_threadpool(work)
    except NoSuchAnswer as error:
        raise NoSuch(str(error)) from error


def _spans(own: AllowedView, spans: Sequence[SpanBody]) -> list[Span]:
    """Return spans with the documents' own ids; one that may not be seen is as one that is not there."""
    found = []
    for each in spans:
        document = own.original(each.document)
        if not each.start < each.end <= len(document.text):
            raise InvalidInput(f"a span from {each.start} to {each.end} is not in the document {each.document}")
        found.append(Span(document.id, each.start, each.end, ""))
    return found


def _public(spans: Sequence[Span]) -> list[dict[str, Any]]:
    return [
        {"document": public_id(each.document), "start": each.start, "end": each.end, "quote": each.quote}
        for each in spans
    ]


def _voted(own: AllowedView, row: Kept) -> dict[str, Any]:
    """Return what a reader said; of spans, those that the reader may still read."""
    visible = frozenset(own.documents()) if row.spans else frozenset()
    said = {"vote": row.vote, "reason": row.reason, "correction": row.correction}
    return {"answer": row.id, **said, "spans": _public([each for each in row.spans if each.document in visible])}


# ---- review ---------------------------------------------------------------------------------------------------------


def _shown(own: AllowedView, rows: Sequence[Kept]) -> list[Kept]:
    """Return those of the rows that a reviewer may see: one who may read every document that the answer was made from.

    Of a document that is gone nobody knows who might read it, nor of which documents earlier turns speak; what was
    searched for can be made of them.
    """
    if own.principal.groups is None:
        return list(rows)
    visible = frozenset(own.documents())
    return [
        replace(row, searched=row.question)
        for row in rows
        if not row.history and {s.document for s in (*row.citations, *row.passages, *row.spans)} <= visible
    ]


def _reviewable(own: AllowedView, desk: Desk) -> dict[str, Any]:
    rows = _shown(own, desk.feedback.rows("new", limit=_LOOKED_THROUGH))
    return {
        "to_review": len(rows),
        "rows": [{**_voted(own, row), **_to_review(row, desk.proposal(row))} for row in rows[:_LOOKED_AT]],
    }


def _to_review(row: Kept, found: Proposal) -> dict[str, Any]:
    judgement = found.judgement
    return {
        "at": row.at,
        "question": row.question,
        "searched": row.searched,
        "history": [{"role": turn.role, "content": turn.content} for turn in row.history],
        "text": row.answer,
        "abstained": row.abstained,
        "proposed": judgement
        and {
            "spans": _public(judgement.spans),
            "answers": list(judgement.answers),
            "unanswerable": judgement.unanswerable,
        },
        "why": found.why,
        "passages": [
            {**own, "source": public_source(each.document)}
            for own, each in zip(_public(found.passages), found.passages, strict=True)
        ],
        "lost": len(found.lost),
    }
