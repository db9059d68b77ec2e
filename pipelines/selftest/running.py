"""Run checks, each in a process and a folder of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from indexes.scratch import scratch_folder
from rag.errors import InvalidInput, StoreUnwritable

from .promises import PROMISES, Promise

_AT_MOST_S = 900
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""A check that forks must not have threads, and engines compute the same on every machine."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a check found: trials, of which ``failed``, the first of them in words, and facts about the trials."""

    number: str
    check: str
    text: str
    tried: int
    failed: int
    seconds: float
    bad: tuple[str, ...] = ()
    facts: Mapping[str, object] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Every trial went well, or the check was skipped with a reason."""
        return not self.failed and bool(self.tried or "skipped" in self.facts)


def chosen(names: Sequence[str]) -> list[Promise]:
    """Return the promises of some checks or numbers; all for no name.

    Raises
    ------
    InvalidInput
        There is no such check.
    """
    known = {name.lower(): promise for promise in PROMISES for name in (promise.check, promise.number)}
    for name in names:
        if name.lower() not in known:
            checks = ", ".join(promise.check for promise in PROMISES)
            raise InvalidInput(f"there is no check {name!r}; there are: {checks}")
    wanted = [known[name.lower()] for name in names]
    return [promise for promise in PROMISES if promise in wanted] if names else list(PROMISES)


def run(promises: Sequence[Promise], folder: Path) -> Iterator[Outcome]:
    """Check promises one after the other in a new folder, which is deleted.

    Raises
    ------
    StoreUnwritable
        The folder cannot be made.
    """
    with ExitStack() as stack:
        try:
            made = stack.enter_context(scratch_folder("rag-selftest-", folder))
        except OSError as error:
            text = f"cannot work in {folder}: {error.strerror}"
            raise StoreUnwritable(f"{text}; choose another folder by --in") from error
        made.chmod(0o755)  # root's checks of missing rights work as another user
        for promise in promises:
            place = made / promise.check
            place.mkdir()
            yield _one(promise, place)


def _one(promise: Promise, place: Path) -> Outcome:
    command = [sys.executable, "-P", "-m", __package__, promise.check, str(place)]
    start = time.monotonic()
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=_AT_MOST_S,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **_ONE_THREAD},
        )
        said = _form(done)
    except subprocess.TimeoutExpired:
        said = {"tried": 1, "failed": 1, "bad": [f"it did not end within {_AT_MOST_S} s"]}
    seconds = round(time.monotonic() - start, 1)
    known = {name: said.pop(name) for name in ("tried", "failed", "bad")}
    return Outcome(
        promise.number,
        promise.check,
        promise.text,
        known["tried"],
        known["failed"],
        seconds,
        tuple(known["bad"]),
        said,
    )


def _form(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """Return what a check printed; one that crashed has failed."""
    try:
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        last = (done.stderr.strip().splitlines() or ["no word"])[-1]
        return {"tried": 1, "failed": 1, "bad": [f"the check ended with {done.returncode}: {last}"]}
    return found
