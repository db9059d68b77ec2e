"""Traps of the bare libraries that the contract's crash cases guard against: are they still there?"""

import subprocess
import sys


def test_the_fork_that_hangs_without_us():
    """The trap is real: the same fork on bare faiss hangs. If this fails, faiss or OpenMP has mended it."""
    code = """
import os, numpy as np, faiss
faiss.omp_set_num_threads(2)
index = faiss.IndexFlatL2(32); x = np.random.default_rng(0).random((2000, 32), dtype=np.float32)
index.add(x); index.search(x, 10)
child = os.fork()
if not child:
    index.search(x, 10)
    os._exit(0)
import time
for _ in range(30):
    if os.waitpid(child, os.WNOHANG)[0]: raise SystemExit("came back")
    time.sleep(0.1)
os.kill(child, 9)
print("hung")
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.stdout.strip() == "hung"
