"""Errors as clients see them: a status, and the sentence that the command line would show."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from rag import errors
from rag.errors import RagError


class NoSuch(RagError, LookupError):  # noqa: N818
    """No knowledge base or document of that name."""


class Forbidden(RagError, PermissionError):  # noqa: N818
    """A key may not do what was asked."""


STATUSES: dict[type[Exception], int] = {
    NoSuch: 404,
    Forbidden: 403,
    errors.CannotShow: 409,
    errors.InvalidInput: 400,
    errors.LLMUnsupported: 400,
    errors.PromptTooLong: 400,
    errors.BudgetExceeded: 429,
    errors.LLMTimeout: 504,
    errors.LLMError: 502,
    errors.DeadlinePassed: 504,
    errors.OutOfTime: 504,
    errors.Busy: 503,
    errors.StoreLocked: 503,
    errors.StoreMissing: 503,
    errors.RagError: 500,
}
"""The nearest class of an error counts."""
RETRY_S = 1
"""Seconds after which a client of a busy server may ask again."""
INTERNAL = "an error inside of the server; its log says more"


def status_of(error: Exception) -> int:
    """Return the HTTP status of an error."""
    return next((STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES), 500)


def told(error: Exception) -> dict[str, Any]:
    """Return an error's body, in the form that OpenAI's clients read; of others' errors nothing but that there is one.

    Errors of a store name files: they say no more than their kind, for a path is nobody's business.
    """
    status = status_of(error)
    if not isinstance(error, RagError):
        return body(INTERNAL, status, "internal")
    kind = type(error).__name__
    if isinstance(error, errors.StoreError):
        return body(f"the knowledge base cannot be read now ({kind}); the server's log says more", status, kind)
    return body(" ".join(str(error).split()), status, kind)


def unreadable(error: Mapping[str, Any]) -> str:
    """Return what is wrong with a request by Pydantic's account of it, in words for whoever sent it."""
    where, *inside = error["loc"]
    place = ".".join(str(each) for each in inside if isinstance(each, int) or _FIELD.fullmatch(each))
    kind = error["type"]
    if kind == "json_invalid":
        return f"the body is not JSON: {error['ctx']['error']}, at character {inside[-1]}"
    if where == "body" and not inside:
        return "the body must be a JSON object, sent with Content-Type: application/json"
    if "UploadFile" in error["msg"]:
        return f"{place}: this must be a file, with a file name"
    return f"{place or 'the body'}: {_SAID.get(kind, error['msg'])}"


_FIELD = re.compile(r"(?!str$)\w+")  # places in a union bring names of types too, such as constrained-str
_SAID = {"extra_forbidden": "there is no such field", "missing": "this field is missing"}


def body(message: str, status: int, kind: str) -> dict[str, Any]:
    """Return the body of an error."""
    return {"error": {"message": message, "type": kind, "code": status, "param": None}}


def headers(status: int) -> dict[str, str]:
    """Return the headers that go with a status."""
    return {"Retry-After": str(RETRY_S)} if status == 503 else {}
