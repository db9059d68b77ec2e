"""Work in a forked child: what crashes, hangs or is killed there is seen here."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable

from rag.errors import ExtraMissing

from ..benchmark.process_memory import limit


def need_fork() -> None:
    """Refuse a check that forks where the system cannot; `running` reports it as skipped.

    Raises
    ------
    ExtraMissing
        It cannot: this is Windows.
    """
    if not hasattr(os, "fork"):
        raise ExtraMissing("this check needs os.fork, which Windows does not have")


def in_child(work: Callable[[], object], *, seconds: int = 120, memory: int = 6 << 30) -> tuple[int, str]:
    """Run in a fork that gets a time limit, and ``memory`` bytes beyond its parent's.

    Returns its wait status (0: well) and what it says.
    """
    need_fork()
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        status = 1
        try:
            signal.alarm(seconds)
            limit(memory)
            os.write(write, str(work() or "").encode()[:60_000])
            status = 0
        except BaseException:
            os.write(write, traceback.format_exc()[-3000:].encode())
        os._exit(status)
    os.close(write)
    with os.fdopen(read, "rb") as file:
        said = file.read().decode()
    return os.waitpid(pid, 0)[1], said
