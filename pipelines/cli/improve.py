"""``rag improve``: a better pipeline from what readers said, tested before it is stored."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rag.errors import InvalidInput

from ..plain_text import one_line
from . import exit_codes
from .options import Json, KnowledgeBaseFolder, Wait
from .output import print_json, progress_bar, stderr, stdout, told_if_interrupted

if TYPE_CHECKING:
    from rag.retrieval.choices import Value

    from ..improve import Improvement


def command(
    kb: KnowledgeBaseFolder,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Propose, and look at no question that tests; change nothing.")
    ] = False,
    tries: Annotated[
        list[str] | None, typer.Option("--try", metavar="NAME=VALUE", help="Try this value as well; repeatable.")
    ] = None,
    by: Annotated[str, typer.Option(metavar="METRIC", help="What is to be better.")] = "context_ndcg",
    least: Annotated[
        int, typer.Option(metavar="N", min=2, help="Questions to tune on, and fresh ones to test on, at least.")
    ] = 20,
    answers: Annotated[
        bool | None,
        typer.Option(
            "--answers/--no-answers",
            help="Guard the share of questions that are answered; default: where no language model answers.",
        ),
    ] = None,
    out: Annotated[Path, typer.Option(metavar="FILE.md", help="Report to write.")] = Path("improvement.md"),
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of the tests.")] = 0,
    wait: Wait = 0.0,
    json: Json = False,
) -> int:
    """Try settings on one half of the reviewed feedback, test the best on the other, and store it if it is better.

    A question tests once; from then on it tunes. `rag configure KB --undo` goes back.
    """
    from ..improve import improve
    from ..improve.report import markdown

    if not out.parent.is_dir():
        raise InvalidInput(f"--out {out}: the folder {out.parent} does not exist")
    kept = "Nothing was stored. If the test had begun, its questions have been looked at, and tune from now on."
    with told_if_interrupted(kept), progress_bar(not json, "{task.description}", "elapsed") as update:
        found = improve(
            kb,
            tries=_tries(tries or []),
            metric=by,
            least=least,
            answers=answers,
            dry_run=dry_run,
            seed=seed,
            wait=wait,
            tell=lambda doing: None if update is None else update(description=doing),
        )
    try:
        out.write_text(markdown(found), encoding="utf-8", errors="replace")
    except OSError as error:
        stderr().print(f"cannot write the report {out}: {error.strerror or error}", style="yellow", soft_wrap=True)
    if json:
        print_json({**found.as_dict(), "report": str(out)})
    else:
        _show(found, out)
    return exit_codes.OK


def _tries(settings: list[str]) -> dict[str, list[Value]]:
    from rag.retrieval.config import parsed, use_of

    found: dict[str, list[Value]] = {}
    for text in settings:
        name, equals, value = text.partition("=")
        if not equals:
            raise InvalidInput(f"--try {text!r}: write NAME=VALUE, such as k=8")
        found.setdefault(name.strip(), []).append(parsed(name.strip(), value.strip()))
        if use_of(name.strip()) != "retrieval" or name.strip() == "where":
            raise InvalidInput(f"--try {text!r}: only settings that retrieve are tried, and no filter")
    return found


def _show(found: Improvement, out: Path) -> None:
    console = stdout()
    parts = found.parts
    console.print(
        f"{len(found.export.questions)} reviewed questions: {len(parts.tuning)} tune, {len(parts.test)} are fresh",
        soft_wrap=True,
    )
    if found.found is not None:
        console.print(f"{len(found.found.tried)} pipelines tried")
    console.print(one_line(found.why), style="bold", soft_wrap=True, markup=False)
    for guard in found.guards:
        fell = ", worse" if guard.fell else ""
        console.print(f"  {guard.name}: {guard.before:.4g} before, {guard.after:.4g} after{fell}", soft_wrap=True)
    for note in found.notes:
        console.print(one_line(note), soft_wrap=True, markup=False)
    if found.applied:
        console.print(f"To go back: rag configure {found.kb} --undo", soft_wrap=True, markup=False)
    for each in found.export.dropped:
        stderr().print(f"left out: {one_line(each)}", style="yellow", soft_wrap=True, markup=False)
    console.print(f"Report: {out}", style="dim", soft_wrap=True)
