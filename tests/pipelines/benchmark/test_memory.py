"""What a process counts of its own memory and of its children's."""

from __future__ import annotations

import subprocess
import sys

from pipelines.benchmark import memory

_TAKE = "import time; taken = bytearray(b'x') * 100_000_000; time.sleep(0.5)"


def test_the_peak_of_a_child_counts():
    with memory.peak_of_children() as nothing:
        pass
    with memory.peak_of_children() as most:
        subprocess.run([sys.executable, "-I", "-c", _TAKE], check=True)
    assert nothing == [0]
    assert 100_000_000 < most[0] < 200_000_000


def test_the_peak_of_this_process_falls_back_and_rises():
    assert memory.forget_peak()
    before = memory.peak()
    taken = bytearray(b"x") * 100_000_000
    assert memory.peak() - before > 90_000_000
    del taken
