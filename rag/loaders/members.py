"""Members of containers: each is parsed as a separate file and fails alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from .errors import LoadError, SourceLimit
from .formats import ParseContext, format_of, kind_by_content, kind_by_name, parse, true_kind
from .reading import reason_of
from .results import Failed, Parsed

MAX_DEPTH = 2


def read_member(name: str, read: Callable[[], bytes], context: ParseContext) -> Iterator[Parsed | Failed]:
    """Parse one member of a container.

    Parameters
    ----------
    name
        Its name in the container; part of its documents' ids.
    read
        Gives its bytes; called once, after the name has been found readable.
    """
    if not context.enter(context.prefix + name):
        return
    loader = ""
    try:
        kind = kind_by_name(name)
        data = read()
        if not data.strip():
            raise LoadError("empty", "an empty file")  # noqa: TRY301 - failures of one member meet below
        loader = true_kind(data, kind or kind_by_content(data[:4096]))
        if loader in {"zip", "eml", "mbox"} and context.depth >= MAX_DEPTH:
            raise LoadError("limit", f"containers are opened {MAX_DEPTH} deep")  # noqa: TRY301
        if len(data) > (limit := format_of(loader).limit):
            raise LoadError("limit", f"files of this type are read up to {limit >> 20} MB")  # noqa: TRY301
        for item in parse(data, context.inner(name, loader)):
            inner = f"{name}#{item.member}" if item.member else name
            yield (
                replace(item, member=inner, type=item.type or loader, inner=True)
                if isinstance(item, Parsed)
                else replace(item, member=inner, loader=item.loader or loader)
            )
    except SourceLimit:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a parser raises is this member's failure and no other's
        cause = reason_of(error)
        yield Failed(name, cause.reason, cause.detail, loader)
