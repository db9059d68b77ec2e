"""Windows as far as it can be played on Linux: its names instead of POSIX's, and its lock of a byte."""

from __future__ import annotations

import errno
import fcntl
import importlib
import os
import pkgutil
import signal
import struct
import sys
import types

import indexes
import pipelines
import rag

MODULES = ("fcntl", "resource", "pwd", "grp", "termios", "pty", "tty", "readline", "syslog")
NAMES = {
    os: ("fork", "killpg", "memfd_create", "MFD_CLOEXEC", "pread", "pwrite", "sched_getaffinity", "sysconf",
         "getloadavg", "getuid", "geteuid", "register_at_fork", "mkfifo", "chown", "O_CLOEXEC", "O_NOFOLLOW",
         "O_NONBLOCK", "O_DIRECTORY", "statvfs", "uname", "setsid"),
    signal: ("SIGKILL", "SIGALRM", "SIGXCPU", "SIGXFSZ", "SIGHUP", "alarm", "setitimer", "ITIMER_REAL", "pthread_kill"),
}  # fmt: skip


def locking(file: int, mode: int, count: int) -> None:
    """``msvcrt.locking`` by Linux's locks of open files; a byte that another opening has is EACCES."""
    place = os.lseek(file, 0, os.SEEK_CUR)
    wanted = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, place, count, 0)
    try:
        fcntl.fcntl(file, fcntl.F_OFD_SETLK, wanted)
    except BlockingIOError as error:
        raise PermissionError(errno.EACCES, "Permission denied") from error


def hide() -> None:
    """Take POSIX away from this process, for good."""
    for name in MODULES:
        sys.modules[name] = None
    for module, names in NAMES.items():
        for name in names:
            if hasattr(module, name):
                delattr(module, name)
    sys.modules["msvcrt"] = types.SimpleNamespace(locking=locking, LK_NBLCK=2)
    sys.platform = "win32"


def ours() -> list[str]:
    """Import every module of the three packages; return their names."""
    found = []
    for package in (indexes, rag, pipelines):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
                found.append(module.name)
    return found


def import_everything_again() -> int:
    """Import all modules, hide POSIX, and import them again: libraries of others stay as they are."""
    first = ours()
    for name in [name for name in sys.modules if name.partition(".")[0] in {"indexes", "rag", "pipelines"}]:
        del sys.modules[name]
    hide()
    assert len(ours()) == len(first)
    return len(first)
