"""Processes that work for this one: they end with it, whatever ends it, and run no file of the current folder."""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

PARENT = "RAG_PARENT"
"""The variable that tells a child its parent's process id."""
THREADS = "RAG_THREADS"
"""The variable that tells a child how many threads its engines may have, where several children share the machine."""
_PR_SET_PDEATHSIG = 1
_LOOK_S = 1.0


def end_with_parent(parent: int | None = None) -> None:
    """End this process when its parent ends. Called first thing in a child.

    Linux does it, also while native code computes; on Windows a thread waits for it, elsewhere one looks once a second.

    Parameters
    ----------
    parent
        Process id of the parent; None takes the current parent.
    """
    parent = os.getppid() if parent is None else parent
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before
            os.kill(os.getpid(), signal.SIGKILL)
    else:
        threading.Thread(target=_end_after, args=(parent,), daemon=True).start()


def _end_after(parent: int) -> None:
    """Wait for the end of the parent, then end this process."""
    if sys.platform == "win32":  # where the parent's number stays what it was
        import _winapi

        with contextlib.suppress(OSError):  # it is gone
            handle = _winapi.OpenProcess(_winapi.SYNCHRONIZE, False, parent)
            _winapi.WaitForSingleObject(handle, _winapi.INFINITE)
    else:
        while os.getppid() == parent:
            time.sleep(_LOOK_S)
    os._exit(1)


_starting = threading.RLock()


@contextlib.contextmanager
def environment(**variables: str) -> Iterator[None]:
    """Set variables for the processes that are started in the block, by this thread alone."""
    # Python starts them by ``-c``, which puts the current folder first on the path: a file there named like a module
    # of the standard library would be run.
    variables = {"PYTHONSAFEPATH": "1", **variables}
    with _starting:
        before = {name: os.environ.get(name) for name in variables}
        os.environ.update(variables)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value


@contextlib.contextmanager
def process_pool(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """Lend a pool of processes. They are started afresh: a forked one would have lost the threads of its engines."""
    with environment():
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(
            jobs, mp_context=context, initializer=end_with_parent, initargs=(os.getpid(),)
        ) as pool:
            yield pool
