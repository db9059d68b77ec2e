"""Run a command of ``rag`` and kill it at its n-th step: cut_short_driver.py N COMMAND ...; 0 counts the steps."""

from __future__ import annotations

import sys

from pipelines.cli import run
from tests.rag.store.stepping import _counted

step, arguments = int(sys.argv[1]), sys.argv[2:]
codes: list[int] = []
steps = _counted(lambda: codes.append(run(arguments)), step)
sys.stderr.write(f"\nsteps {steps}\n")
sys.exit(codes[0])
