"""A pool of worker processes that parse files: start, feed, time, kill and replace them."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast

from ..pipes import apart, pipe_selector
from .errors import REASONS, LoadError, Reason
from .formats import base_name
from .frames import Message, Unpacker, pack
from .limits import ParseLimits
from .results import Failed, Found
from .windows_job import OVER_QUOTA

# Writing waits on Windows, whose pipes take four kilobytes at once: no more jobs than fit, or both sides would wait.
_IN_FLIGHT = 4 if sys.platform == "win32" else 16
_BUFFERED = 64 << 20
_PIPE = 1 << 20
_READ = 1 << 20
_STDERR_KEPT = 2000
_MAX_RESTARTS = 8
_KEPT = ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "TEMP")  # the last two are needed to start a process on Windows
_STARTUP_SECONDS = 60.0


@dataclass
class ParseJob:
    """A file on its way through a worker.

    ``messages`` fill while it runs; ``error`` is set where the file as a whole failed; ``finished`` says it is over.
    A member that kills the worker is noted in ``lost``, and the job runs again without it, in the time that is left:
    ``used`` is the processor time at the start of the member, ``before`` that of earlier runs. ``killed`` says that its
    worker was killed once, which need not be its fault. With ``view`` the file is not parsed but looked at.
    """

    found: Found
    number: int
    messages: list[Message] = field(default_factory=list)
    size: int = 0
    member: str = ""
    used: float = 0.0
    before: float = 0.0
    lost: list[Failed] = field(default_factory=list)
    error: LoadError | None = None
    loader: str = ""
    finished: bool = False
    killed: bool = False
    view: Message | None = None

    def restart(self) -> int:
        """Forget what came so far; return how many characters that was."""
        size, self.size, self.member = self.size, 0, ""
        self.messages.clear()
        return size


class _Worker:
    """One child process and its pipes."""

    def __init__(self, command: Sequence[str], environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, bufsize=0,
            **apart(),
        )  # fmt: skip
        pipes = (self.process.stdin, self.process.stdout, self.process.stderr)
        self.stdin, self.stdout, self.stderr = cast("tuple[IO[bytes], IO[bytes], IO[bytes]]", pipes)
        if sys.platform != "win32":
            for pipe in (self.stdin, self.stdout, self.stderr):
                os.set_blocking(pipe.fileno(), False)
        if sys.platform == "linux":
            import fcntl

            # A full megabyte of results is the prefetch: a worker parses on while the caller embeds.
            with contextlib.suppress(OSError):
                fcntl.fcntl(self.stdout.fileno(), fcntl.F_SETPIPE_SZ, _PIPE)
        self.unpacker = Unpacker()
        self.unsent = bytearray()
        self.jobs: deque[ParseJob] = deque()
        self.complaint = b""
        self.clock = 0.0  # seconds since its last sign of life, while the pool was waited on
        self.started = False

    def kill(self) -> int:
        """End the process; return how it ended (minus the signal's number)."""
        self.process.kill()
        code = self.process.wait()
        for pipe in (self.stdin, self.stdout, self.stderr):
            with contextlib.suppress(OSError):
                pipe.close()
        return code


class Pool:
    """Up to ``workers`` processes, started as the work asks for them.

    Results are picked up in the order of submission: see `wait`. Time runs for a worker only while the pool is being
    waited on or polled, so a slow consumer never makes a file late. The workers themselves limit their processor time.
    """

    def __init__(self, *, workers: int, limits: ParseLimits, command: Sequence[str] | None = None) -> None:
        self._size, self._limits = workers, limits
        self._command = [*(command or [sys.executable, "-P", "-m", f"{__package__}.worker"]), str(limits.memory)]
        self._workers: list[_Worker] = []
        self._pending: deque[ParseJob] = deque()
        self._buffered = 0
        self._submitted = 0

    def submit(self, found: Found, *, first: bool = False, view: Message | None = None) -> ParseJob:
        """Queue a file; ``first`` puts it before the files that wait, for a caller that waits for it next.

        ``view`` asks for pictures of its pages, or places on them: see `pdf_view`.
        """
        self._submitted += 1
        job = ParseJob(found, self._submitted, view=view)
        if first:
            self._pending.appendleft(job)
        else:
            self._pending.append(job)
        self._assign()
        return job

    def poll(self) -> None:
        """Move what can be moved without waiting."""
        self._step(0.0, None)

    def wait(self, job: ParseJob) -> None:
        """Block until ``job``, the oldest one not yet waited for, is finished."""
        while not job.finished:
            self._assign()
            self._step(0.1, job)
        self._buffered -= job.size

    def close(self) -> None:
        """Kill the workers."""
        for worker in self._workers:
            worker.kill()
        self._workers.clear()

    # -- feeding ------------------------------------------------------------------------------------------------------

    def _assign(self) -> None:
        while self._pending:
            worker = min(self._workers, key=lambda w: len(w.jobs), default=None)
            if (worker is None or worker.jobs) and len(self._workers) < self._size:
                worker = _Worker(self._command, _environment())
                self._workers.append(worker)
            if worker is None or len(worker.jobs) >= _IN_FLIGHT:
                return
            job = self._pending.popleft()
            worker.jobs.append(job)
            worker.unsent += pack(self._request(job))

    def _request(self, job: ParseJob) -> Message:
        return {"job": job.number, "path": job.found.path, "name": base_name(job.found.source), "type": job.found.type,
                "seconds": self._limits.step(job.found.size), "wall": self._limits.wall(job.found.size),
                "whole": self._limits.whole(job.found.size) - job.before,
                "skip": [failed.member for failed in job.lost],
                **({} if job.view is None else {"view": job.view})}  # fmt: skip

    # -- the loop -----------------------------------------------------------------------------------------------------

    def _step(self, timeout: float, head: ParseJob | None) -> None:
        """Send, receive and watch the clocks once."""
        with pipe_selector() as selector:
            for worker in self._workers:
                # With too much in memory only the worker that everyone waits for may deliver.
                if self._buffered < _BUFFERED or (head is not None and head in worker.jobs):
                    selector.register(worker.stdout, selectors.EVENT_READ, worker)
                selector.register(worker.stderr, selectors.EVENT_READ, worker)
                if worker.unsent:
                    selector.register(worker.stdin, selectors.EVENT_WRITE, worker)
            before = time.monotonic()
            events = selector.select(timeout)
            spent = time.monotonic() - before
            watched = {key.fileobj for key in selector.get_map().values()}
        moved: set[int] = set()
        for key, _ in events:
            worker = key.data
            if worker in self._workers:
                moved.add(id(worker))
                self._move(worker, key.fileobj)
        for worker in list(self._workers):
            if worker.jobs and worker.stdout in watched and id(worker) not in moved:
                worker.clock += spent
                size = worker.jobs[0].found.size
                if worker.clock > self._limits.wall(size) + (0.0 if worker.started else _STARTUP_SECONDS):
                    self._lose(worker, self._limits.late(size, hanging=True))

    def _move(self, worker: _Worker, pipe: object) -> None:
        try:
            if pipe is worker.stdin:
                del worker.unsent[: os.write(worker.stdin.fileno(), worker.unsent[:4096])]
            elif pipe is worker.stderr:
                worker.complaint = (worker.complaint + os.read(worker.stderr.fileno(), _READ))[-_STDERR_KEPT:]
            elif data := os.read(worker.stdout.fileno(), _READ):
                for message in worker.unpacker.feed(data):
                    self._take(worker, message)
            else:
                self._lose(worker, None)
        except BlockingIOError:
            pass
        except OSError:
            self._lose(worker, None)
        except (ValueError, KeyError, TypeError, RecursionError):
            self._lose(worker, LoadError("crash", "the parser broke the protocol"))

    def _take(self, worker: _Worker, message: Message) -> None:
        """File a message under the job it belongs to."""
        job = worker.jobs[0]
        if message["job"] != job.number:
            raise ValueError("an answer for another job")
        kind = message["kind"]
        worker.clock = 0.0
        if kind == "start":
            worker.started = True
        elif kind == "member":
            job.member, job.used = str(message["member"]), float(str(message["used"]))
        elif kind in {"document", "failure", "sha256", "view"}:
            if kind == "failure" and message["reason_class"] == "memory":
                message["detail"] = self._limits.hungry().detail
            job.messages.append(message)
            size = len(str(message.get("text", ""))) + 1000
            job.size += size
            self._buffered += size
        elif kind in {"done", "failed"}:
            job.loader = str(message.get("loader", ""))
            if kind == "failed":
                reason = str(message["reason"])
                detail = self._limits.hungry().detail if reason == "memory" else str(message["detail"])
                job.error = LoadError(cast("Reason", reason if reason in REASONS else "parse"), detail)
            self._finish(worker)
        else:
            raise ValueError("an unknown kind of message")

    def _finish(self, worker: _Worker) -> None:
        worker.jobs.popleft().finished = True
        self._assign()

    # -- when a worker dies -------------------------------------------------------------------------------------------

    def _lose(self, worker: _Worker, cause: LoadError | None) -> None:
        """End a worker, blame the file or member it was at, and hand its other jobs to a new one."""
        self._workers.remove(worker)
        with contextlib.suppress(OSError):
            while more := os.read(worker.stderr.fileno(), _READ):
                worker.complaint = (worker.complaint + more)[-_STDERR_KEPT:]
        gone = worker.process.poll()
        if gone is None and cause is None:  # its pipe broke a moment before its end
            with contextlib.suppress(subprocess.TimeoutExpired):
                gone = worker.process.wait(1.0)
        worker.kill()
        complaint = worker.complaint.decode("utf-8", "replace")
        killed = cause is None and _signal(gone) == "SIGKILL"
        if not worker.started and cause is None and not (killed and worker.jobs and not worker.jobs[0].killed):
            raise RuntimeError(f"the parsing process does not start: {complaint.strip() or f'exit status {gone}'}")
        if not worker.jobs:
            return
        job = worker.jobs[0]
        if killed and not job.killed:  # by the system, short of memory, or by anyone: it may go well alone
            job.killed = True
            self._again(job, worker)
            return
        error = cause or self._cause(gone, complaint, job.found.size)
        step = self._limits.step(job.found.size)
        job.before += job.used + (step if error.reason == "timeout" else 0.0)
        left = self._limits.whole(job.found.size) - job.before
        if job.member and len(job.lost) < _MAX_RESTARTS and left > 0:
            job.lost.append(Failed(job.member, error.reason, error.detail))
        else:
            job.error, job.loader, job.finished = error, job.found.type, True
            worker.jobs.popleft()
        self._again(job, worker)

    def _again(self, job: ParseJob, worker: _Worker) -> None:
        """Hand the jobs of a worker that ended to others; ``job`` is the one that it was at."""
        self._buffered -= job.restart()
        self._pending.extendleft(reversed(worker.jobs))
        self._assign()

    def _cause(self, code: int | None, complaint: str, size: int) -> LoadError:
        """Return the reason for the end of a worker, from its exit status and last words."""
        last = complaint.strip().rpartition("\n")[2][:300]
        ended = _signal(code)
        if ended in {"SIGXCPU", "SIGALRM"} or code == OVER_QUOTA:
            return self._limits.late(size, hanging=ended == "SIGALRM")
        if ended == "SIGKILL" or "MemoryError" in complaint or "bad_alloc" in complaint:
            return self._limits.hungry()
        if ended:
            return LoadError("crash", f"the parser crashed ({ended}) {last}".strip())
        return LoadError("crash", f"the parser ended by itself (exit status {code}) {last}".strip())


def _signal(code: int | None) -> str:
    """Return the name of the signal that ended a process; empty if none did, as always on Windows."""
    if code is None or code >= 0:
        return ""
    try:
        return signal.Signals(-code).name
    except ValueError:  # a real-time signal
        return f"signal {-code}"


def _environment() -> dict[str, str]:
    """Return the environment of a worker, without the user's secrets."""
    root = str(Path(__file__).resolve().parents[2])
    kept = {name: value for name in _KEPT if (value := os.environ.get(name))}
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    return {**kept, "PYTHONPATH": path, "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1"}
