"""``rag selftest``: check the promises of this toolkit on this machine and file system."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..plain_text import one_line
from . import exit_codes
from .options import Json
from .output import print_json, stdout

if TYPE_CHECKING:
    from ..selftest.running import Outcome


def command(
    folder: Annotated[
        Path | None,
        typer.Option(
            "--in", metavar="DIR", help="Work in a new folder in DIR, on the file system that is to be checked."
        ),
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this check, e.g. kills or P5; repeatable.")
    ] = None,
    json: Json = False,
) -> int:
    """Check the promises on this machine: kills, full disks, damage, locks, threads. About three minutes.

    Exit 1 when one does not hold. Works in a new folder and deletes it; needs the extra `selftest`.
    """
    from ..selftest.promises import NOT_BUILT
    from ..selftest.running import chosen, run

    outcomes = []
    for outcome in run(chosen(only or []), folder or Path.cwd()):
        outcomes.append(outcome)
        if not json:
            _show(outcome)
    if json:
        print_json({"checks": [asdict(each) for each in outcomes], "not_built": NOT_BUILT})
    else:
        _sum_up(outcomes)
    return exit_codes.OK if all(each.holds for each in outcomes) else exit_codes.FAILED


def _show(outcome: Outcome) -> None:
    state = "holds" if outcome.holds else "FAILS"
    figures = f"{outcome.tried - outcome.failed:>6,} of {outcome.tried:<6,} {outcome.seconds:5.1f} s"
    stdout().print(f"{outcome.number:<4} {state}  {figures}  {outcome.text}", soft_wrap=True)
    for line in outcome.bad[:5]:
        stdout().print(f"       {one_line(line, 300)}", soft_wrap=True)
    facts = ", ".join(f"{name}: {value}" for name, value in outcome.facts.items())
    if facts:
        stdout().print(f"       {one_line(facts, 200)}", style="dim", soft_wrap=True)


def _sum_up(outcomes: list[Outcome]) -> None:
    from ..selftest.promises import NOT_BUILT

    held, seconds = sum(each.holds for each in outcomes), sum(each.seconds for each in outcomes)
    stdout().print(
        f"{held} of {len(outcomes)} promises hold, {sum(e.tried for e in outcomes):,} trials, {seconds:.0f} s"
    )
    for number, line in NOT_BUILT.items():
        stdout().print(f"{number} is not checked: {line}", soft_wrap=True)
