"""The error that parsers raise if a file cannot be loaded, and its reasons."""

from __future__ import annotations

from typing import Literal, get_args

Reason = Literal[
    "crash",  # the parser process died
    "empty",  # nothing to read in it
    "encoding",  # bytes that are not text in any encoding tried
    "encrypted",  # needs a password
    "extra",  # an optional package is missing; the detail says the install line
    "io",  # the operating system could not read it
    "limit",  # bigger than a limit allows: bombs, nesting, counts
    "memory",  # the parser wanted more memory than it may have
    "missing",  # no such file
    "outside",  # a link that leaves the folder it was found in
    "parse",  # broken, or not of the format its name says
    "permission",  # may not be read
    "special",  # a device, pipe or socket
    "timeout",  # the parser took too long
    "type",  # a format that is not read
]
REASONS: frozenset[str] = frozenset(get_args(Reason))


class LoadError(Exception):
    """Raised by parsers to give up on a file (or member) with a reason; never leaves this package."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason: Reason = reason
        self.detail = detail


class SourceLimit(LoadError):  # noqa: N818 - named like the errors of `rag.errors`
    """A limit for a source as a whole: a container must not pass it off as a failure of one member."""
