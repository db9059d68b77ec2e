"""``rag watch``: keep a knowledge base as its files are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rag.errors import ExtraMissing, InvalidInput, StoreLocked

from . import ingest as ingest_command
from .options import Json
from .output import print_json_line, stderr, stdout

if TYPE_CHECKING:
    from ..ingest import IngestReport

_QUIET_MS = 500
"""Files are read once nothing has changed for so long: an editor writes a file in several steps."""
_LONGEST_MS = 10_000
_LOCKED_S = 60.0


def command(
    documents: Annotated[list[str], typer.Argument(metavar="DOCS", help="Files and folders.")],
    into: Annotated[
        str, typer.Option(metavar="KB", help="Folder of the knowledge base, or its address; made if it is not there.")
    ],
    meta: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="key=value for every document; may be repeated.")
    ] = None,
    acl: Annotated[
        list[str] | None,
        typer.Option(metavar="GROUP", help="Group that may read these documents by `rag serve --keys`; repeatable."),
    ] = None,
    prune: Annotated[
        bool, typer.Option("--prune/--no-prune", help="Remove documents whose files have vanished.")
    ] = True,
    json: Json = False,
) -> None:
    """Read files into a knowledge base now, and again whenever one changes, until Ctrl-C. Needs the extra `watch`.

    With --json each round is a line.
    """
    from ..ingest import ingest

    fields = ingest_command.fields_of(meta)
    first = True
    with suppress(KeyboardInterrupt):  # its ordinary end; what was acknowledged is kept
        for _ in _rounds(documents, Path(into)):
            try:
                _tell(ingest(documents, into, meta=fields, acl=acl or (), prune=prune, wait=_LOCKED_S), json=json)
            except (StoreLocked, InvalidInput) as error:  # another writer, or a file that is just being replaced
                if first:
                    raise
                stderr().print(f"{error}; the next change is read all the same", style="yellow", soft_wrap=True)
            first = False


def _tell(report: IngestReport, *, json: bool) -> None:
    if json:
        print_json_line(report.as_dict())
        return
    ingest_command.show(report)
    stdout().print("watching for changes; Ctrl-C ends it", style="dim")


def _rounds(paths: list[str], into: Path) -> Iterator[None]:
    """Yield once at the beginning, and once for each burst of changes since the round before began."""
    try:
        from watchfiles import watch
    except ImportError as error:
        raise ExtraMissing("watching folders needs watchfiles: pip install 'rag-workbench[watch]'") from error
    from rag.source_prefixes import NAMED, split_prefix

    if named := [path for path in paths if path.startswith(NAMED)]:
        raise InvalidInput(f"{named[0]} is not a folder whose changes can be watched: rag ingest reads it")
    wanted = [Path(split_prefix(path)[1]).absolute() for path in paths]
    if gone := [path for path in wanted if not path.exists()]:
        raise InvalidInput(f"{gone[0]} does not exist")
    own = into.absolute()

    def counts(_: object, path: str) -> bool:
        place = Path(path)
        return not place.is_relative_to(own) and any(place.is_relative_to(each) for each in wanted)

    # A file is watched by its folder, for many editors replace it. Time-outs, of which the first comes when the
    # watching has begun, yield no changes.
    folders = {path if path.is_dir() else path.parent for path in wanted}
    changes = watch(
        *folders,
        watch_filter=counts,
        debounce=_LONGEST_MS,
        step=_QUIET_MS,
        rust_timeout=_QUIET_MS,
        yield_on_timeout=True,
    )
    next(changes)
    yield
    for found in changes:
        if found:
            yield
