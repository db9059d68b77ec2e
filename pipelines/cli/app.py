"""The Typer application and its commands in the order of use."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any

import typer

from . import (
    ask,
    bench,
    calibrate,
    chat,
    configure,
    copy,
    evaluate,
    experiment,
    feedback,
    improve,
    ingest,
    judging,
    maintenance,
    mcp,
    memory,
    models,
    parts,
    questions,
    search,
    selftest,
    serve,
    tune,
    watch,
)

app = typer.Typer(
    name="rag",
    help="Ask your own documents: ingest files, search them, get answers with citations that can be checked.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("ingest")(ingest.command)
app.command("watch")(watch.command)
app.command("ask")(ask.command)
app.command("chat")(chat.command)
app.command("search")(search.command)
app.command("serve")(serve.command)
app.command("mcp")(mcp.command)
app.command("configure")(configure.command)
app.command("evaluate")(evaluate.command)
questions.app.command("judge")(judging.judge)
questions.app.command("nuggets")(judging.nuggets)
app.add_typer(questions.app, name="questions")
app.command("experiment")(experiment.command)
app.add_typer(bench.app, name="bench")
app.command("tune")(tune.command)
app.add_typer(feedback.app, name="feedback")
app.command("improve")(improve.command)
app.add_typer(memory.app, name="memory")
app.add_typer(models.app, name="models")
app.command("calibrate")(calibrate.command)
app.command("parts")(parts.command)
app.command("copy")(copy.command)
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


@app.callback(invoke_without_command=True)
def options(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Show the versions and paths that a report of an error needs.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False,
) -> None:
    """Ask your own documents: ingest files, search them, get answers with citations that can be checked."""
    if version:
        from .version import show

        show(json=json)
        raise typer.Exit
    if json:
        raise typer.BadParameter("--json before a command goes with --version; put it after the command", context)


@cache
def root() -> Any:  # noqa: ANN401 - Typer's type for it is private
    """Return all commands as one; building it takes as long as many of the commands."""
    return typer.main.get_command(app)
