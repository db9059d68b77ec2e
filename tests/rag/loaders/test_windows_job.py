from __future__ import annotations

import ctypes

import pytest

from rag.loaders.windows_job import Job, Limits


class Kernel:
    """Notes what Windows would be asked."""

    class Call:
        def __init__(self, kernel: Kernel, name: str) -> None:
            self.kernel, self.name = kernel, name

        def __call__(self, *arguments: object) -> int:
            if self.name == "SetInformationJobObject":
                limits = arguments[2]._obj
                self.kernel.said.append((arguments[1], limits.flags, limits.process_memory, limits.process_time))
                assert arguments[3] == ctypes.sizeof(Limits)
            return self.name not in self.kernel.refused and 7

    def __init__(self, *refused: str) -> None:
        self.refused, self.said = refused, []

    def __getattr__(self, name: str) -> Kernel.Call:
        made = self.__dict__[name] = Kernel.Call(self, name)
        return made


def test_the_structure_has_the_size_that_windows_expects():
    assert ctypes.sizeof(Limits) == 144  # of a 64-bit system
    assert (Limits.flags.offset, Limits.processes.offset, Limits.process_memory.offset) == (16, 40, 112)


def test_memory_then_time_are_limited():
    kernel = Kernel()
    Job(100, kernel).end_after(2.5)
    assert kernel.said == [(9, 0x108, 100 << 20, 0), (9, 0x10A, 100 << 20, 25_000_000)]


@pytest.mark.parametrize("refused", ["SetInformationJobObject", "AssignProcessToJobObject"])
def test_a_refusal_is_an_error(refused):
    with pytest.raises(OSError, match="Windows refuses"):
        Job(100, Kernel(refused))
