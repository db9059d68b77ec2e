"""What a process counts of its own memory and of its children's."""

from __future__ import annotations

import subprocess
import sys

from pipelines.benchmark import process_memory

_CODE = """
import subprocess, sys, time
from pipelines.benchmark import process_memory

def child(megabytes):
    code = f"taken = bytearray(b'x') * {megabytes}_000_000; print(flush=True); input()"
    process = subprocess.Popen([sys.executable, "-I", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdout.readline()
    return process

other = child(300)
with process_memory.peak_of_children() as nothing:
    pass
with process_memory.peak_of_children() as most:
    one, end = child(100), time.monotonic() + 60
    while most[0] < 100_000_000 and time.monotonic() < end:  # it stays until it was looked at
        time.sleep(0.01)
    one.kill()
    one.wait()
other.kill()
print(nothing[0], most[0])
"""
"""In a small process of its own: until a child has begun its program, it counts as large as the one that starts it."""


def test_the_peak_of_a_child_counts_and_of_those_that_were_there_not():
    out = subprocess.run([sys.executable, "-c", _CODE], check=True, capture_output=True, text=True, timeout=300).stdout
    nothing, most = map(int, out.split())
    assert nothing == 0
    assert 100_000_000 < most < 200_000_000


def test_the_peak_of_this_process_falls_back_and_rises():
    assert process_memory.forget_peak()
    before = process_memory.peak()
    taken = bytearray(b"x") * 100_000_000
    assert process_memory.peak() - before > 90_000_000
    del taken
