"""``rag configure``: show and change the pipeline that is stored with a knowledge base."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rag.errors import InvalidInput
from rag.store.address import shown

from . import exit_codes
from .options import Json, KnowledgeBasePath, Wait
from .output import print_json, stdout
from .pipeline_options import PipelineOptions, read_settings, show


def command(
    kb: KnowledgeBasePath,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Change a setting, e.g. rerank=mmr; repeatable."),
    ] = None,
    file: Annotated[
        Path | None, typer.Option(metavar="FILE.toml", help="Change the settings that a file names.")
    ] = None,
    reset: Annotated[bool, typer.Option("--reset", help="Go back to the defaults first.")] = False,
    undo: Annotated[
        bool, typer.Option("--undo", help="Go back to the settings before; again, one step further.")
    ] = False,
    dump: Annotated[Path | None, typer.Option(metavar="FILE.toml", help="Write the settings to a file.")] = None,
    wait: Wait = 0.0,
    json: Json = False,
) -> int:
    """Show how questions are answered, or change it. Every command that retrieves uses these settings."""
    from rag.knowledge_base import KnowledgeBase
    from rag.retrieval.config import PipelineConfig
    from rag.retrieval.retriever import Retriever

    changes = PipelineOptions({}, file, tuple(settings or ()))
    read_settings(changes.settings)  # a wrong one is refused before anything is opened
    if undo and (settings or file is not None or reset):
        raise InvalidInput("--undo goes back to settings that were stored: give it alone")
    if undo:
        with KnowledgeBase.open(kb, mode="w", wait=wait) as base:
            PipelineConfig.undo(base)
    if settings or file is not None or reset:
        with KnowledgeBase.open(kb, mode="w", wait=wait) as base:
            config = changes.resolve(None if reset else base).config
            if config.generator.partition(":")[0] == "extractive" and config.model is None:
                Retriever(base, config).close()  # an option of a part that does not exist is refused now, not later
            config.store(base)
    with KnowledgeBase.open(kb) as base:
        config = PipelineConfig.of(base)
    if dump is not None:
        try:
            config.dump(dump)
        except OSError as error:
            raise InvalidInput(f"cannot write {dump}: {error.strerror or error}") from error
    if json:
        print_json({"pipeline": config.form(), "changed": config.changed()})
    else:
        stdout().print(f"# pipeline of {shown(kb)}; digest {config.digest}", style="dim", soft_wrap=True)
        changed = config.changed()
        show(config, {name: "stored" if name in changed else "default" for name in config.as_dict()})
    return exit_codes.OK
