"""``rag parts``: list the parts of a pipeline, and the package of each."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from ..plain_text import one_line
from . import exit_codes
from .options import Json
from .output import print_json, stderr, stdout


def command(
    kind: Annotated[
        str | None, typer.Argument(metavar="KIND", help="loader, chunker, embedder, index, rewriter, reranker ...")
    ] = None,
    json: Json = False,
) -> int:
    """List loaders, chunkers, embedders, indexes, rewriters, fusions, rerankers, context steps, generators, metrics."""
    from rag.components import listed

    found = list(listed(kind))
    if json:
        print_json([asdict(part) for part in found])
        return exit_codes.OK
    from rich.table import Table

    table = Table("kind", "name", "from", "what it does", box=None, pad_edge=False)
    for part in found:
        if not part.problem:
            table.add_row(part.kind, one_line(part.name), one_line(part.package), one_line(part.line, 200))
    stdout().print(table)
    for part in found:
        if part.problem:
            stderr().print(f"cannot be loaded: {one_line(part.problem, 300)}", style="yellow", soft_wrap=True)
    return exit_codes.OK
