"""The child process that parses: reads jobs from stdin, writes documents to stdout, and can be killed at any time.

``python -P -m rag.loaders.worker MEGABYTES`` is started by `pool`. The process has a memory limit, a limit of
processor time per job, may write no file, start no process and reach no network. A job is
``{"job": n, "path", "name", "type", "seconds", "whole", "wall", "skip": members to leave out}``; with ``view`` it asks
for a page as a picture or for rectangles on it, see `pdf_view`. Answers name the job's number.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from typing import cast

from ..documents.boxes import box_rows
from ..documents.sections import section_rows
from .errors import LoadError
from .formats import ParseContext, format_of, parse, true_kind
from .frames import Message, Unpacker, pack
from .reading import read_file, reason_of
from .results import Failed, Parsed
from .sandbox import allow_seconds, confine, no_alarm, used_seconds

Send = Callable[[Message], None]


def main() -> None:
    """Serve jobs until stdin ends."""
    confine(int(sys.argv[1]))
    channel = os.dup(1)
    os.dup2(2, 1)  # a parser that prints must not break the frames

    def send(message: Message) -> None:
        no_alarm()
        view = memoryview(pack(message))
        while view:
            view = view[os.write(channel, view) :]

    unpacker = Unpacker()
    while data := os.read(0, 1 << 16):
        for job in unpacker.feed(data):
            run(job, send)


def run(job: Message, send: Send) -> None:
    """Do one job: announce it, send its results, close it with ``done`` or ``failed``."""
    number, begun = job["job"], used_seconds()
    seconds, whole, wall = (float(str(job[name])) for name in ("seconds", "whole", "wall"))
    skip = cast("list[str]", job["skip"])

    def allow() -> None:
        allow_seconds(max(0.0, min(seconds, whole - (used_seconds() - begun))), wall)

    def enter(member: str) -> bool:
        if member in skip:
            return False
        send({"job": number, "kind": "member", "member": member, "used": used_seconds() - begun})
        allow()
        return True

    send({"job": number, "kind": "start"})
    allow()

    context = ParseContext(str(job["name"]), str(job["type"]), enter=enter, seconds=whole)
    try:
        for message in _messages(job, context):
            send({"job": number, **message})
            allow()
        send({"job": number, "kind": "done", "type": context.type})
    except Exception as error:  # noqa: BLE001 - whatever a parser raises is this file's failure and no other's
        cause = reason_of(error)
        send({"job": number, "kind": "failed", "reason": cause.reason, "detail": cause.detail, "loader": context.type})


def _messages(job: Message, context: ParseContext) -> Iterator[Message]:
    if "view" not in job:
        return _results(str(job["path"]), context)
    from .pdf_view import view

    return view(str(job["path"]), cast("Message", job["view"]))


def _results(path: str, context: ParseContext) -> Iterator[Message]:
    import hashlib

    data = read_file(path, format_of(context.type).limit)
    yield {"kind": "sha256", "sha256": hashlib.sha256(data).hexdigest()}
    if not data.strip():
        raise LoadError("empty", "an empty file")
    context.type = true_kind(data, context.type)
    for item in parse(data, context):
        if isinstance(item, Failed):
            yield {"kind": "failure", **_fields(item)}
        else:
            yield {"kind": "document", **_fields(item), "type": item.type or context.type}


def _fields(item: Parsed | Failed) -> Message:
    fields: Message = {name: getattr(item, name) for name in item.__dataclass_fields__}
    if isinstance(item, Parsed):
        fields["sections"] = section_rows(item.sections)
        fields["boxes"] = box_rows(item.boxes)
        fields["metadata"] = dict(item.metadata)
        fields["account"] = item.account.as_dict()
    return fields


if __name__ == "__main__":
    main()
