"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeVar

import typer

from rag.errors import InvalidInput

Place = TypeVar("Place", Path, str, str | None)
_ON_SERVER = ("postgresql:/", "postgres:/", "milvus:/")


def in_folder(place: Place) -> Place:
    """Refuse an address, for a command that keeps files beside the knowledge base or measures its files."""
    if str(place).startswith(_ON_SERVER):
        raise InvalidInput(
            "this command needs a knowledge base in a folder, and cannot work on a server's: `rag copy ADDRESS FOLDER` "
            "makes a copy that it can use"
        )
    return place


KnowledgeBasePath = Annotated[
    str,
    typer.Argument(
        metavar="KB",
        help="Folder of the knowledge base, or postgresql://HOST/DATABASE#NAME; experimental: milvus://HOST:PORT#NAME.",
    ),
]
KnowledgeBaseFolder = Annotated[
    Path, typer.Argument(metavar="KB", help="Folder of the knowledge base.", callback=in_folder)
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
MemoryFolder = Annotated[
    Path | None, typer.Option("--memory", metavar="DIR", help="Remember the conversation in this folder.")
]
MemoryUser = Annotated[str, typer.Option("--user", metavar="NAME", help="Name of the user.")]
MemorySession = Annotated[str, typer.Option("--session", metavar="NAME", help="Name of the conversation.")]
MemoryDays = Annotated[
    float | None, typer.Option("--memory-days", metavar="DAYS", min=0.001, help="Forget turns after this many days.")
]
Wait = Annotated[float, typer.Option(metavar="SECONDS", min=0.0, help="Seconds to wait for another writer to finish.")]
