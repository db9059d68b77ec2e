"""Do commands of ``rag`` and kill each at its n-th step, see `forked_commands`: N COMMAND ...; 0 counts the steps."""

from __future__ import annotations

import sys
from pathlib import Path

from pipelines.cli import run
from tests.rag.store.stepping import _counted

sys.path.insert(0, str(Path(__file__).parents[1]))

from forked_commands import serve


def command(arguments: list[str]) -> int:
    codes: list[int] = []
    steps = _counted(lambda: codes.append(run(arguments[1:])), int(arguments[0]))
    sys.stderr.write(f"\nsteps {steps}\n")
    return codes[0]


serve(command)
