"""What a process counts of its own memory and of its children's."""

from __future__ import annotations

import subprocess
import sys

from pipelines.benchmark import memory

_CODE = """
import subprocess, sys
from pipelines.benchmark import memory

def child(megabytes, seconds):
    code = f"import time; taken = bytearray(b'x') * {megabytes}_000_000; print(flush=True); time.sleep({seconds})"
    return subprocess.Popen([sys.executable, "-I", "-c", code], stdout=subprocess.PIPE)

other = child(300, 60)
other.stdout.readline()
with memory.peak_of_children() as nothing:
    pass
with memory.peak_of_children() as most:
    child(100, 0.5).wait()
other.kill()
print(nothing[0], most[0])
"""
"""In a small process of its own: until a child has begun its program, it counts as large as the one that starts it."""


def test_the_peak_of_a_child_counts_and_of_those_that_were_there_not():
    out = subprocess.run([sys.executable, "-c", _CODE], check=True, capture_output=True, text=True, timeout=100).stdout
    nothing, most = map(int, out.split())
    assert nothing == 0
    assert 100_000_000 < most < 200_000_000


def test_the_peak_of_this_process_falls_back_and_rises():
    assert memory.forget_peak()
    before = memory.peak()
    taken = bytearray(b"x") * 100_000_000
    assert memory.peak() - before > 90_000_000
    del taken
