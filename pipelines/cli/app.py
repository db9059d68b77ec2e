"""The Typer application and its commands in the order of use."""

from __future__ import annotations

from typing import Annotated

import typer

from . import (
    ask,
    bench,
    calibrate,
    chat,
    configure,
    evaluate,
    experiment,
    ingest,
    maintenance,
    memory,
    parts,
    questions,
    search,
    selftest,
    tune,
    watch,
)

app = typer.Typer(
    name="rag",
    help="Ask your own documents: ingest files, search them, get answers with citations that can be checked.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("ingest")(ingest.command)
app.command("watch")(watch.command)
app.command("ask")(ask.command)
app.command("chat")(chat.command)
app.command("search")(search.command)
app.command("configure")(configure.command)
app.command("evaluate")(evaluate.command)
app.add_typer(questions.app, name="questions")
app.command("experiment")(experiment.command)
app.add_typer(bench.app, name="bench")
app.command("tune")(tune.command)
app.add_typer(memory.app, name="memory")
app.command("calibrate")(calibrate.command)
app.command("parts")(parts.command)
app.command("status")(maintenance.status)
app.command("verify")(maintenance.verify)
app.command("repair")(maintenance.repair)
app.command("reindex")(maintenance.reindex)
app.command("reembed")(maintenance.reembed)
app.command("remove")(maintenance.remove)
app.command("hide")(maintenance.hide)
app.command("unhide")(maintenance.unhide)
app.command("purge")(maintenance.purge)
app.command("selftest")(selftest.command)


def _version(value: bool) -> None:
    if value:
        from importlib.metadata import version

        typer.echo(f"rag-workbench {version('rag-workbench')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Ask your own documents: ingest files, search them, get answers with citations that can be checked."""
