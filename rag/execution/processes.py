"""Supervised processes: a worker that is killed costs the time of its batch, which another does again.

A `concurrent.futures.ProcessPoolExecutor` breaks as a whole when one of its processes ends. Here each process has a
thread of its own, which starts it, hands it one batch at a time and, when it ends, starts the next one.
"""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from ..children import THREADS, end_with_parent, environment
from ..errors import InvalidInput, WorkerLost

T = TypeVar("T")
ATTEMPTS = 3
"""Workers that a batch may take down before it is given up."""


@dataclass(slots=True)
class _Task:
    work: Callable[..., Any]
    arguments: tuple[Any, ...]
    future: Future[Any] = field(default_factory=Future)


class _Child:
    """A process, and the pipe to it. It ends with the thread that started it."""

    def __init__(self, threads: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, far = context.Pipe()
        self.process = context.Process(target=_serve, args=(far, os.getpid()), daemon=True)
        with environment(**{THREADS: str(threads), "OMP_NUM_THREADS": str(threads)}):
            self.process.start()
        far.close()  # so that the end of the child is the end of the pipe

    def ask(self, task: _Task) -> tuple[bool, Any]:
        """Have a task done; return whether it went well, and its result or error.

        Raises
        ------
        EOFError, OSError
            The process has ended.
        """
        self._pipe.send((task.work, task.arguments))
        well, answer = self._pipe.recv()
        return bool(well), answer

    def end(self) -> int | None:
        """End the process; return how it ended, as `multiprocessing.Process.exitcode`."""
        self._pipe.close()
        self.process.join(0.2)  # one that was killed is gone in a moment, and tells by what
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        return self.process.exitcode


class SupervisedProcesses:
    """Does work in processes of its own, which are replaced when they end.

    Parameters
    ----------
    workers
        How many; None takes one for each processor. They are started when there is work for them. Each has its share
        of the processors for the threads of its engines.

    Notes
    -----
    Processes are started afresh, so a script that uses them begins with ``if __name__ == "__main__":``, as Python's
    multiprocessing asks of it.
    """

    apart = True

    def __init__(self, workers: int | None = None) -> None:
        processors = os.cpu_count() or 1
        self.workers = processors if workers is None else workers
        if self.workers < 1:
            raise InvalidInput(f"workers={workers!r}: give 1 or more")
        self._processors = max(1, processors // self.workers)
        self._tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._children: dict[int, _Child] = {}
        self._turn = threading.Lock()
        self._open = 0  # tasks that are not done
        self._closed = False

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers that are running."""
        with self._turn:
            return [child.process.pid for child in self._children.values() if child.process.pid is not None]

    def submit(self, work: Callable[..., T], /, *arguments: Any) -> Future[T]:  # noqa: ANN401 - those of the work
        """See `Executor.submit`. A batch that takes down three workers is given up, with `WorkerLost`."""
        task = _Task(work, arguments)
        with self._turn:
            if self._closed:
                raise RuntimeError("these processes are closed")
            self._open += 1
            self._tasks.put(task)
            if len(self._threads) < min(self.workers, self._open):
                number = len(self._threads)
                thread = threading.Thread(target=self._supervise, args=(number,), name=f"worker-{number}", daemon=True)
                self._threads.append(thread)
                thread.start()
        return task.future

    def close(self) -> None:
        """Kill the workers; work that is not done is cancelled."""
        with self._turn:
            self._closed = True
            children = list(self._children.values())
        for child in children:
            child.process.kill()
        for _ in self._threads:
            self._tasks.put(None)
        for thread in self._threads:
            thread.join()

    def _supervise(self, number: int) -> None:
        """Do one task after the other, in a process that is replaced when it ends."""
        while (task := self._tasks.get()) is not None:
            if self._closed:
                task.future.cancel()
            elif task.future.set_running_or_notify_cancel():
                self._do(number, task)
            with self._turn:
                self._open -= 1
        self._drop(number)

    def _do(self, number: int, task: _Task) -> None:
        ends: list[str] = []
        while len(ends) < ATTEMPTS and not self._closed:
            try:
                well, answer = self._child(number).ask(task)
            except (EOFError, OSError):
                ends.append(_said(self._drop(number)))
            except Exception as error:  # noqa: BLE001 - what cannot travel is the caller's to know of
                task.future.set_exception(error)
                return
            else:
                task.future.set_result(answer) if well else task.future.set_exception(answer)
                return
        task.future.set_exception(CancelledError() if self._closed else WorkerLost(_lost(ends)))

    def _child(self, number: int) -> _Child:
        with self._turn:
            child = self._children.get(number)
        if child is None:
            child = _Child(self._processors)
            with self._turn:
                self._children[number] = child
                if self._closed:
                    child.process.kill()
        return child

    def _drop(self, number: int) -> int | None:
        with self._turn:
            child = self._children.pop(number, None)
        return None if child is None else child.end()


def _said(code: int | None) -> str:
    """Return how a process ended, in a word or two."""
    if code is None or code >= 0:
        return f"exit status {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:  # a real-time signal
        return f"signal {-code}"


def _lost(ends: list[str]) -> str:
    text = f"a batch took down {len(ends)} worker processes ({', '.join(ends)})"
    hint = "after SIGKILL it was mostly memory that ran out: give fewer workers"
    return f'{text}; {hint}. A script that starts workers has to begin with if __name__ == "__main__":'


def _serve(pipe: Connection, parent: int) -> None:
    """Do what comes through the pipe until it ends; runs in the process."""
    end_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group: the parent decides
    while True:
        try:
            work, arguments = pipe.recv()
        except (EOFError, OSError):
            return
        except Exception as error:  # noqa: BLE001 - what cannot be read here is the caller's to know of
            _send(pipe, (False, error))
            continue
        try:
            answer = True, work(*arguments)
        except Exception as error:  # noqa: BLE001 - it is the caller's
            answer = False, error
        _send(pipe, answer)


def _send(pipe: Connection, answer: tuple[bool, Any]) -> None:
    try:
        pipe.send(answer)
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001 - it cannot travel, for one of many reasons
        pipe.send((False, RuntimeError(f"{type(error).__name__}: {error}; the answer was {answer[1]!r:.200}")))
