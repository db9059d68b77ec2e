"""What a command finds when it is started: streams, signals, a limit of memory."""

from __future__ import annotations

import _thread
import io
import os
import signal
import sys
import threading
from contextlib import suppress

_SOON = 0.05
"""Seconds until a dropped interrupt is raised again: after the callback that it came in."""
_LEAST = 1 << 30
_A_CORE = 256 << 20
"""Address space that faiss, OpenBLAS and the model reserve, and for each thread more: without it they crash."""


def unfit() -> str:
    """Return what is wrong with the process that a command was started in; empty if nothing is."""
    if sys.stdout is None:
        return "standard output is closed: send it to a file, a pipe or /dev/null"
    if sys.platform == "win32":
        return ""
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    needed = _LEAST + _A_CORE * (os.cpu_count() or 1)
    if limit == resource.RLIM_INFINITY or limit >= needed:
        return ""
    text = f"the address space of this process is limited to {limit / 1e9:.2f} GB (ulimit -v)"
    return f"{text}, and the libraries that search and embed reserve {needed / 1e9:.2f} GB: raise the limit"


def open_streams() -> None:
    """Give closed standard streams a place, so that no other file gets their numbers."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            with suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_RDWR), number)
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
    if sys.platform == "win32":  # whose pipes and files get an encoding that lacks most of the world's letters
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(encoding="utf-8", errors="replace")
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")  # a letter in another encoding spoils a question, not the conversation


def hear_every_interrupt() -> None:
    """Raise again what Python drops: a Ctrl-C that comes in a destructor or a weak reference's callback (h5py's)."""
    others = sys.unraisablehook

    def hook(dropped: sys.UnraisableHookArgs) -> None:
        if dropped.exc_type is KeyboardInterrupt:
            again = threading.Timer(_SOON, _interrupt)
            again.daemon = True
            again.start()
        else:
            others(dropped)

    sys.unraisablehook = hook


def _interrupt() -> None:
    """Send the main thread a Ctrl-C; where there are signals, one that also ends its waiting."""
    if sys.platform == "win32":
        _thread.interrupt_main()
    else:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


def end_in_order() -> None:
    """Take a request to end (SIGTERM) and a closed terminal (SIGHUP) as a Ctrl-C, unless somebody ignores them."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)


def leave(code: int) -> None:
    """Exit; at once where a deadline left a thread behind in torch: Python's own end would abort the process (134)."""
    from rag.background import LEFT_BEHIND

    if any(thread.name.startswith(LEFT_BEHIND) for thread in threading.enumerate()):
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
