"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

KnowledgeBasePath = Annotated[Path, typer.Argument(metavar="KB", help="Folder of the knowledge base.")]
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
