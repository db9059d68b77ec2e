"""The benchmark's side of a worker process: commands with a deadline, and errors for lost workers."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Self, cast

from rag.children import PARENT
from rag.pipes import apart, pipe_selector

from .errors import DiskFull, EngineFailed, EngineHung

COMMAND = (sys.executable, "-P", "-m", "pipelines.benchmark.worker")
_STARTUP_SECONDS = 60.0
_SAID = 300
_GO_ON = "rag bench: with --resume"


class Child:
    """One worker process.

    Parameters
    ----------
    job
        Description of the work, see `worker.Worker`.
    command
        Command that starts the worker.
    """

    def __init__(self, job: Mapping[str, Any], command: Sequence[str] = COMMAND) -> None:
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self._limit, self._folder = job["memory"], job["folder"]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            env=_environment(),
            bufsize=0,
            **apart(),
        )
        self._stdin, self._stdout = cast("tuple[IO[bytes], IO[bytes]]", (self._process.stdin, self._process.stdout))
        self._buffer = b""
        try:
            self._exchange(dict(job), "starting", _STARTUP_SECONDS)
        except BaseException:  # a Ctrl-C too: nothing else knows of the process yet
            self.close()
            raise

    def ask(self, doing: str, seconds: float, /, do: str, **values: object) -> dict[str, Any]:
        """Send a command to the worker and return its reply.

        Parameters
        ----------
        doing
            For the error: "building", "searching" ...
        seconds
            Time limit.

        Raises
        ------
        EngineFailed
            The worker raised an error, crashed, hung or ran out of memory. In all cases but the first it is gone.
        DiskFull
            The disk is full.
        """
        return self._exchange({"do": do, **values}, doing, seconds)

    @property
    def alive(self) -> bool:
        """Whether the process is running."""
        return self._process.poll() is None

    def close(self) -> None:
        """End the process and its children."""
        with contextlib.suppress(ProcessLookupError):
            if sys.platform == "win32":
                self._process.kill()
            else:
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for file in (self._stdin, self._stdout, self._complaints):
            with contextlib.suppress(OSError):
                file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _exchange(self, message: dict[str, Any], doing: str, seconds: float) -> dict[str, Any]:
        try:
            self._stdin.write(json.dumps(message).encode() + b"\n")
        except OSError:
            raise self._lost(doing) from None
        line = self._line(doing, seconds)
        try:
            reply: dict[str, Any] = json.loads(line)
        except ValueError:
            self.close()
            raise EngineFailed(f"broke the worker's protocol while {doing}") from None
        if reply.get("failed") == "disk":
            raise DiskFull(f"{self._folder}: {reply['text']}; free some space, then run it again ({_GO_ON})")
        if reply.get("failed") == "memory":
            self.close()
            raise EngineFailed(self._hungry(doing))
        if reply.get("failed"):
            raise EngineFailed(f"{reply['text'][:_SAID]} (while {doing})")
        return reply

    def _line(self, doing: str, seconds: float) -> bytes:
        end = time.monotonic() + seconds
        with pipe_selector() as selector:
            selector.register(self._stdout, selectors.EVENT_READ)
            while b"\n" not in self._buffer:
                if not selector.select(max(0.0, end - time.monotonic())):
                    self.close()
                    raise EngineHung(f"hung: no answer within {seconds:.3g} s while {doing}")
                data = os.read(self._stdout.fileno(), 1 << 16)
                if not data:
                    raise self._lost(doing)
                self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def _lost(self, doing: str) -> EngineFailed:
        """Return the error that describes why the process is gone."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        code = self._process.poll()
        self._complaints.seek(0, os.SEEK_END)
        self._complaints.seek(max(0, self._complaints.tell() - 2000))
        said = self._complaints.read().decode("utf-8", "replace").strip()
        self.close()
        if "bad_alloc" in said or "MemoryError" in said or "cannot allocate" in said.lower():
            return EngineFailed(self._hungry(doing))
        last = said.rpartition("\n")[2][:_SAID]
        if code is not None and code < 0:
            name = signal.Signals(-code).name
            hint = " (the system's memory killer?)" if name == "SIGKILL" else ""
            return EngineFailed(f"crashed with {name}{hint} while {doing}{': ' + last if last else ''}")
        return EngineFailed(f"ended by itself (exit status {code}) while {doing}{': ' + last if last else ''}")

    def _hungry(self, doing: str) -> str:
        allowed = f" than the {self._limit / 1e6:,.6g} MB that it may have" if self._limit else ""
        return f"needed more memory{allowed} while {doing}"


def _environment() -> dict[str, str]:
    """Return the environment of a worker: one thread in every library, so that only the benchmark decides."""
    root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    return {
        **os.environ,
        **dict.fromkeys(threads, "1"),
        "PYTHONPATH": path,
        "PYTHONHASHSEED": "0",
        PARENT: str(os.getpid()),
    }
