"""``rag serve``: knowledge bases over HTTP."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from rag.errors import ExtraMissing

from .options import Json
from .output import print_json_line, stdout
from .pipeline_options import PipelineOptions, tell, with_pipeline_settings


@with_pipeline_settings
def command(
    bases: Annotated[list[Path], typer.Argument(metavar="KB...", help="Folders of knowledge bases.")],
    pipeline: PipelineOptions,
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Listen there; others than 127.0.0.1 need a token.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8080,
    token_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Every request must bring the token that this file holds.")
    ] = None,
    at_once: Annotated[int, typer.Option(metavar="N", min=1, help="Questions that are answered at a time.")] = 16,
    json: Json = False,
) -> None:
    """Answer over HTTP until Ctrl-C: an API of its own, and OpenAI's. Needs the extra `server`.

    How questions are answered is what each knowledge base stores, see `rag configure`. The first one answers requests
    that name none; several are also asked together, as `all`.
    """
    try:
        from ..server.app import application
        from ..server.collections import opened
        from ..server.guard import Access, Limits
        from ..server.serving import address, listening, read_token, refuse_open, server
    except ImportError as error:
        raise ExtraMissing(f"serving needs {error.name}: pip install 'rag-workbench[server]'") from error
    token = None if token_file is None else read_token(token_file)
    refuse_open(host, token)
    with opened(bases, pipeline.of, at_once=at_once) as collections, listening(host, port) as bound:
        for name in collections.names:
            tell(collections.get(name).bot.notes)
        told = {"address": address(bound), "knowledge_bases": collections.names, "token": token is not None}
        if json:
            print_json_line(told)
        else:
            stdout().print(f"{told['address']}  knowledge bases: {', '.join(collections.names)}; Ctrl-C ends it")
        limits = Limits()
        with suppress(KeyboardInterrupt):  # its ordinary end
            server(application(collections, Access(token), limits), limits).run(sockets=[bound])
