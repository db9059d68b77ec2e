"""Limits that a worker process sets for itself before it reads the first file."""

from __future__ import annotations

import math
import os
import signal
import sys
import time

from .windows_job import Job

_REFUSED = (
    "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.startfile", "os.system", "pty.spawn",
    "socket.bind", "socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "subprocess.Popen",
    "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink", "os.truncate", "os.chmod", "os.chown",
)  # fmt: skip
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def confine(megabytes: int) -> None:
    """Limit memory, files and processes of this process, for good, as far as the system can."""
    if sys.platform == "win32":
        _Windows.job = Job(megabytes)
    else:
        import resource

        _limit(resource.RLIMIT_DATA, megabytes << 20)
        # Address space holds the libraries' own files too, so it gets room beyond what data may take.
        _limit(resource.RLIMIT_AS, (megabytes + 1024) << 20)
        _limit(resource.RLIMIT_CORE, 0)
        _limit(resource.RLIMIT_FSIZE, 0)
        _limit(resource.RLIMIT_NOFILE, 64)
    sys.dont_write_bytecode = True
    sys.addaudithook(_refuse)


class _Windows:
    job: Job | None = None
    """Of this process, once it is confined."""


def used_seconds() -> float:
    """Return the processor time that this process has used."""
    return time.process_time()


def allow_seconds(seconds: float, wall: float) -> None:
    """Give the next step this much processor time, counted in whole seconds, and twice ``wall`` by the clock.

    The parent keeps the clock; the alarm is for a worker whose parent was killed. Both signals' default action ends the
    process even inside native code. Windows has no alarm.
    """
    soft = math.ceil(used_seconds() + seconds)
    if sys.platform == "win32":
        if _Windows.job is not None:
            _Windows.job.end_after(soft)
        return
    import resource

    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))
    signal.alarm(math.ceil(2 * wall))


def no_alarm() -> None:
    """Take the alarm back, while results are handed over."""
    if sys.platform != "win32":
        signal.alarm(0)


def _limit(kind: int, value: int) -> None:
    if sys.platform == "win32":
        return
    import resource

    hard = resource.getrlimit(kind)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    try:
        resource.setrlimit(kind, (value, value))
    except (ValueError, OSError):
        if sys.platform == "linux":
            raise
        # macOS refuses limits of memory below what it has mapped already: there the parent's clock alone guards.


def _refuse(event: str, arguments: tuple[object, ...]) -> None:
    if event in _REFUSED:
        raise PermissionError(f"a parser tried {event}")
    if event == "open" and len(arguments) > 2 and isinstance(arguments[2], int) and arguments[2] & _WRITING:
        raise PermissionError("a parser tried to write a file")
