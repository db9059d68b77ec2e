"""Pipes to child processes, watched together on every platform, and children that a Ctrl-C does not reach."""

from __future__ import annotations

import selectors
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any, Protocol

_LOOK_S = 0.005


class Selector(Protocol):
    """The part of `selectors.BaseSelector` that pipes need."""

    def register(self, fileobj: Any, events: int, data: Any = None) -> object:  # noqa: ANN401 - as the standard library
        """Watch a pipe."""
        ...

    def select(self, timeout: float | None = None) -> list[tuple[Any, int]]:
        """Return the pipes that are ready, as keys with ``fileobj`` and ``data``."""
        ...

    def get_map(self) -> Any:  # noqa: ANN401 - as the standard library
        """Return the keys of all pipes that are watched."""
        ...


@contextmanager
def pipe_selector() -> Iterator[Selector]:
    """Lend a selector of pipes."""
    if sys.platform == "win32":
        yield PeekingSelector(_peeked)
        return
    with selectors.DefaultSelector() as made:
        yield made


def apart() -> dict[str, Any]:
    """Return the options of `subprocess.Popen` that leave a Ctrl-C in the terminal to the parent."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


@dataclass(frozen=True, slots=True)
class _Key:
    fileobj: Any
    data: Any


class PeekingSelector:
    """A selector that looks at one pipe after the other, for Windows, which can wait for none of them.

    Parameters
    ----------
    peek
        Says of a pipe's end for reading whether it has bytes or is at its end.
    """

    def __init__(self, peek: Callable[[IO[bytes]], bool]) -> None:
        self._peek = peek
        self._keys: dict[int, tuple[_Key, int]] = {}

    def register(self, fileobj: IO[bytes], events: int, data: Any = None) -> object:  # noqa: ANN401 - see Selector
        """Watch a pipe; one to write to counts as ready."""
        self._keys[len(self._keys)] = (_Key(fileobj, data), events)
        return fileobj

    def select(self, timeout: float | None = None) -> list[tuple[Any, int]]:
        """Return the pipes that are ready, at the latest after ``timeout`` seconds."""
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            ready = [
                (key, events)
                for key, events in self._keys.values()
                if events & selectors.EVENT_WRITE or self._peek(key.fileobj)
            ]
            if ready or (end is not None and time.monotonic() >= end):
                return ready
            time.sleep(_LOOK_S)

    def get_map(self) -> dict[int, _Key]:
        """Return the keys of all pipes that are watched."""
        return {number: key for number, (key, _) in self._keys.items()}


def _peeked(pipe: IO[bytes]) -> bool:
    """Say whether a pipe of Windows has bytes to read or is at its end."""
    if sys.platform == "win32":
        import _winapi
        import msvcrt

        try:
            return bool(_winapi.PeekNamedPipe(msvcrt.get_osfhandle(pipe.fileno()), 0)[0])
        except OSError:  # the other end is closed: reading says so
            return True
    raise NotImplementedError("pipes are waited for here")
