"""A lock for many readers or one writer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class ReadersWriterLock:
    """A lock that many readers share or one writer holds alone.

    A waiting writer holds new readers back, so that a stream of searches cannot starve an update. Not reentrant.
    """

    def __init__(self) -> None:
        self._gate = threading.Lock()  # a writer holds it while it waits and works; readers only pass through
        self._count = threading.Lock()  # taken bare on the way in and out: a Condition's own methods cost microseconds
        self._idle = threading.Condition(self._count)
        self._readers = 0
        self._waiting = False

    def start_reading(self) -> None:
        """Wait for any writer, then count one more reader."""
        with self._gate, self._count:
            self._readers += 1

    def stop_reading(self) -> None:
        """Count one reader less."""
        with self._count:
            self._readers -= 1
            if self._waiting and not self._readers:
                self._idle.notify_all()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Hold the lock as a reader."""
        self.start_reading()
        try:
            yield
        finally:
            self.stop_reading()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the lock as the writer."""
        with self._gate:
            with self._count:
                self._waiting = True
                try:
                    while self._readers:
                        self._idle.wait()
                finally:
                    self._waiting = False
            yield
