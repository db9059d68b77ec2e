"""What a parser may use for one file: processor time and memory."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import InvalidInput
from .errors import LoadError

_SECONDS, _SECONDS_PER_MEGABYTE = 30.0, 10.0
"""A workbook of 60,000 rows takes 3 seconds for a megabyte, a PDF of 1,500 pages 3: a slow machine has three times as
long, and what is small and never ends, as bombs are, costs half a minute."""
_MEGABYTES, _LEAST = 1024, 128
_CONTAINER = 10
_WALL = 10


@dataclass(frozen=True, slots=True)
class ParseLimits:
    """Limits for a file, or for each member of a container.

    Attributes
    ----------
    seconds
        Of processor time, so that other programs make no file late; None: 30, and 10 more for each megabyte of the
        file. A container as a whole has ten times as much. A parser that waits instead of working is ended when ten
        times as much has passed by the clock.
    megabytes
        Of memory; None: 1,024.

    Raises
    ------
    InvalidInput
        A limit is too small to read anything.
    """

    seconds: float | None = None
    megabytes: int | None = None

    def __post_init__(self) -> None:
        if self.seconds is not None and not self.seconds > 0:
            raise InvalidInput(f"parse_seconds={self.seconds!r}: give a positive number of seconds, or None")
        if self.megabytes is not None and not self.megabytes >= _LEAST:
            raise InvalidInput(f"parse_memory={self.megabytes!r}: a parser needs {_LEAST} megabytes at least")

    @property
    def memory(self) -> int:
        """Megabytes that a parsing process may have."""
        return self.megabytes or _MEGABYTES

    def step(self, size: int) -> float:
        """Seconds of processor time for a file of so many bytes, or for each of its members."""
        return self.seconds or _SECONDS + _SECONDS_PER_MEGABYTE * size / (1 << 20)

    def whole(self, size: int) -> float:
        """Seconds of processor time for a container, all its members together."""
        return _CONTAINER * self.step(size)

    def wall(self, size: int) -> float:
        """Seconds by the clock after which a silent parser is taken to be hanging."""
        return _WALL * self.step(size)

    def late(self, size: int, *, hanging: bool = False) -> LoadError:
        """Return the failure of a file that took too long."""
        seconds = self.step(size)
        what = f"did nothing for {self.wall(size):.3g} seconds" if hanging else (
            f"took more than {seconds:.3g} seconds of processor time"
        )  # fmt: skip
        return LoadError("timeout", f"{what}; --parse-seconds {5 * seconds:.3g} (or parse_seconds=) allows more")

    def hungry(self) -> LoadError:
        """Return the failure of a file that wanted too much memory."""
        said = f"needs more than {self.memory} MB of memory; --parse-memory {2 * self.memory} (or parse_memory=)"
        return LoadError("memory", f"{said} allows more")
