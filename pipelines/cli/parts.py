"""``rag parts``: list the parts of a pipeline, and the package of each."""

from __future__ import annotations

from dataclasses import asdict
from itertools import groupby
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
    """List the parts that a pipeline can be made of. Each with its package: loaders, chunkers, rerankers and others."""
    from rag.components import listed

    found = list(listed(kind))
    if json:
        print_json([asdict(part) for part in found])
        return exit_codes.OK
    from rich.table import Table

    for title, parts in groupby((part for part in found if not part.problem), key=lambda part: part.kind):
        stdout().print(title, style="bold")
        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
        for no_wrap in (True, True, False):
            table.add_column(no_wrap=no_wrap, overflow="fold")
        for part in parts:
            table.add_row(f"  {one_line(part.name)}", one_line(part.package), one_line(part.line, 200))
        stdout().print(table)
    for part in found:
        if part.problem:
            stderr().print(one_line(part.problem, 300), style="yellow", soft_wrap=True)
    return exit_codes.OK
