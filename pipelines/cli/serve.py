"""``rag serve``: knowledge bases over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rag.errors import ExtraMissing, InvalidInput

from .options import Json
from .output import print_json_line, stdout
from .pipeline_options import PipelineOptions, tell, with_pipeline_settings

if TYPE_CHECKING:
    from rag.knowledge_base import KnowledgeBase
    from rag.retrieval.config import PipelineConfig


@with_pipeline_settings
def command(
    bases: Annotated[list[str], typer.Argument(metavar="KB...", help="Folders of knowledge bases, or addresses.")],
    pipeline: PipelineOptions,
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Listen there; others than 127.0.0.1 need a token.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8080,
    token_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Every request must bring the token that this file holds.")
    ] = None,
    keys: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Readers of different rights: their keys and groups, in TOML."),
    ] = None,
    uploads: Annotated[
        bool, typer.Option("--uploads", help="Take documents, and delete them; of readers with the scope upload.")
    ] = False,
    variant: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=FILE.toml",
            help="Answer by these settings as well, as the model KB@NAME; repeatable.",
        ),
    ] = None,
    at_once: Annotated[int, typer.Option(metavar="N", min=1, help="Questions that are answered at a time.")] = 16,
    reports: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            exists=True,
            file_okay=False,
            help="Show the reports and results in that folder: of rag bench, experiment and evaluate --html.",
        ),
    ] = None,
    feedback: Annotated[
        bool, typer.Option("--feedback", help="Keep answers and what readers say about them beside each KB.")
    ] = False,
    feedback_history: Annotated[
        bool,
        typer.Option("--feedback-history", help="Keep earlier turns of a conversation as well."),
    ] = False,
    memory: Annotated[
        Path | None,
        typer.Option(metavar="DIR", file_okay=False, help="Keep conversations of requests that name a session there."),
    ] = None,
    memory_days: Annotated[
        float | None, typer.Option(metavar="DAYS", min=0.001, help="How long they are kept; without it for good.")
    ] = None,
    json: Json = False,
) -> None:
    """Answer over HTTP until Ctrl-C: a page for people at /, an API of its own, and OpenAI's. Needs the extra `server`.

    How questions are answered is what each knowledge base stores, see `rag configure`. The first one answers requests
    that name none; several are also asked together, as `all`.
    """
    try:
        from ..server.app import application
        from ..server.collections import Keep, opened
        from ..server.guard import Access, Limits
        from ..server.memories import Memories
        from ..server.principals import EVERYBODY, KeysFile
        from ..server.serving import address, few_arenas, listening, read_token, refuse_open, server
    except ImportError as error:
        raise ExtraMissing(f"serving needs {error.name}: pip install 'rag-workbench[server]'") from error
    few_arenas()
    if keys is not None and token_file is not None:
        raise InvalidInput("give --token-file, one for all, or --keys, one for each reader")
    if feedback_history and not feedback:
        raise InvalidInput("--feedback-history says what --feedback keeps: give both")
    if memory_days is not None and memory is None:
        raise InvalidInput("--memory-days says how long --memory keeps: give both")
    token = None if token_file is None else read_token(token_file)
    anybody = replace(EVERYBODY, scopes=EVERYBODY.scopes | {"upload"}) if uploads else EVERYBODY
    access = Access(token, keys=None if keys is None else KeysFile(keys), anybody=anybody)
    refuse_open(host, is_open=access.open)
    keep: Keep = "histories" if feedback_history else "answers" if feedback else "nothing"
    with (
        opened(
            bases, pipeline.of, at_once=at_once, rights=keys is not None, keep=keep, variants=_variants(variant or ())
        ) as collections,
        listening(host, port) as bound,
    ):
        for name in collections.names:
            tell(collections.get(name).bot.notes)
        told = {"address": address(bound), "knowledge_bases": collections.names, "token": not access.open}
        if json:
            print_json_line(told)
        else:
            stdout().print(f"{told['address']}  knowledge bases: {', '.join(collections.names)}; Ctrl-C ends it")
        limits = Limits()
        with suppress(KeyboardInterrupt):  # its ordinary end
            app = application(
                collections, access, limits, reports=reports, uploads=uploads, memories=Memories(memory, memory_days)
            )
            server(app, limits).run(sockets=[bound])


def _variants(given: Sequence[str]) -> dict[str, Callable[[KnowledgeBase], PipelineConfig]]:
    """Return how each variant is configured: by its file, and else as the knowledge base is."""
    found: dict[str, Callable[[KnowledgeBase], PipelineConfig]] = {}
    for each in given:
        name, _, file = each.partition("=")
        if not name or not file or name in found:
            raise InvalidInput(f"--variant {each!r}: write NAME=FILE.toml, each name once")
        found[name] = PipelineOptions({}, Path(file), ()).of
    return found
