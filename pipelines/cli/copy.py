"""``rag copy``: a knowledge base from one place to another, folder or server."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from rag.store.address import shown

from ..plain_text import one_line
from . import exit_codes
from .options import Json, Wait
from .output import print_json, progress_bar, stdout

if TYPE_CHECKING:
    from rag.knowledge_base import AddProgress


def command(
    source: Annotated[str, typer.Argument(metavar="FROM", help="Folder or address of the knowledge base.")],
    target: Annotated[
        str,
        typer.Argument(
            metavar="TO",
            help="New folder, or postgresql://HOST/DATABASE#NAME; experimental: milvus://HOST:PORT#NAME, or "
            "milvus:///FILE.db#NAME for Milvus Lite. A copy that is there is brought up to date.",
        ),
    ],
    index: Annotated[
        list[str] | None,
        typer.Option(metavar="SPEC", help="Index of a new copy, e.g. hnsw:storage=bit; may be repeated."),
    ] = None,
    wait: Wait = 0.0,
    json: Json = False,
) -> int:
    """Copy a knowledge base into a folder, a PostgreSQL database or Milvus. Nothing is embedded again.

    Run it again to bring the copy to what the original holds. Needs the extra `postgres` for a database, `milvus` for
    Milvus.
    """
    from rag.knowledge_base import KnowledgeBase

    with progress_bar(not json, "documents", "count") as bar:

        def told(progress: AddProgress) -> None:
            if bar is not None:
                bar(completed=progress.documents)

        report = KnowledgeBase.copy(source, target, indexes=index, wait=wait, on_progress=told)
    if json:
        print_json(asdict(report))
        return exit_codes.OK
    rate = report.chunks / report.seconds if report.seconds else 0.0
    new = report.added + report.changed
    stdout().print(
        f"{new} documents copied, {report.unchanged} were there, {report.removed} removed; {report.chunks} chunks in "
        f"{report.seconds:.1f} s ({rate:,.0f} a second)  {one_line(shown(target), 200)}",
        soft_wrap=True,
    )
    return exit_codes.OK
