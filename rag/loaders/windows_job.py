"""Limits of this process on Windows: a job object, which is what that system has for them."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

OVER_QUOTA = 1816
"""Exit code of a process that used up its processor time (``ERROR_NOT_ENOUGH_QUOTA``)."""

_PROCESS_TIME, _ACTIVE_PROCESSES, _PROCESS_MEMORY = 0x2, 0x8, 0x100
_EXTENDED_LIMITS = 9
_TICKS = 10_000_000  # of 100 ns in a second


class Limits(ctypes.Structure):
    """``JOBOBJECT_EXTENDED_LIMIT_INFORMATION``, its two inner structures written out."""

    _fields_ = (
        ("process_time", ctypes.c_int64),
        ("job_time", ctypes.c_int64),
        ("flags", ctypes.c_uint32),
        ("least_set", ctypes.c_size_t),
        ("most_set", ctypes.c_size_t),
        ("processes", ctypes.c_uint32),
        ("affinity", ctypes.c_size_t),
        ("priority", ctypes.c_uint32),
        ("scheduling", ctypes.c_uint32),
        ("counters", ctypes.c_uint64 * 6),
        ("process_memory", ctypes.c_size_t),
        ("job_memory", ctypes.c_size_t),
        ("peak_process", ctypes.c_size_t),
        ("peak_job", ctypes.c_size_t),
    )


class Job:
    """A job object that this process is alone in.

    Parameters
    ----------
    megabytes
        Memory that it may commit.
    kernel32
        The system's library.

    Raises
    ------
    OSError
        The system refuses.
    """

    def __init__(self, megabytes: int, kernel32: Any = None) -> None:  # noqa: ANN401 - a library of functions
        self._system = kernel32 or ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined]
        self._system.CreateJobObjectW.restype = ctypes.c_void_p
        self._system.GetCurrentProcess.restype = ctypes.c_void_p
        self._job = ctypes.c_void_p(self._system.CreateJobObjectW(None, None))
        self._limits = Limits(flags=_ACTIVE_PROCESSES | _PROCESS_MEMORY, processes=1, process_memory=megabytes << 20)
        self._set()
        process = ctypes.c_void_p(self._system.GetCurrentProcess())
        self._check(self._system.AssignProcessToJobObject, self._job, process)

    def end_after(self, seconds: float) -> None:
        """Let the system end the process once it has used this much processor time, counted from its start."""
        self._limits.flags |= _PROCESS_TIME
        self._limits.process_time = int(seconds * _TICKS)
        self._set()

    def _set(self) -> None:
        size = ctypes.sizeof(Limits)
        self._check(self._system.SetInformationJobObject, self._job, _EXTENDED_LIMITS, ctypes.byref(self._limits), size)

    def _check(self, call: Callable[..., int], *arguments: object) -> None:
        if not call(*arguments):
            raise OSError(f"Windows refuses to limit this process (error {getattr(ctypes, 'get_last_error', int)()})")
