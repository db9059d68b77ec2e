"""The contract on input that crashes, hangs or misleads bare libraries: ours answers or raises a typed error.

All cases run in one child process under ``python -O``, where faiss checks nothing.
"""

from __future__ import annotations

import subprocess
import sys

PRELUDE = """
import os, threading, numpy as np, indexes
from indexes.testing.oracle import cloud
x, ids = cloud(400), np.arange(400)

def make(spec="{spec}", metric="l2"):
    index = indexes.dense(spec, 32, metric=metric)
    index.build(x, ids)
    return index

def refused(call):
    try:
        call()
    except indexes.IndexError_:
        return True
    return False
"""

CASES = {
    "files cut short, missing, or of other sizes than said": """
import pathlib, shutil, tempfile
from indexes import files
index = make()
with tempfile.TemporaryDirectory() as folder:
    good, bad = pathlib.Path(folder, "good"), pathlib.Path(folder, "bad")
    index.save(good)
    for name in sorted(p.name for p in good.iterdir()):
        raw = (good / name).read_bytes()
        for size in sorted({0, 1, len(raw) // 3, len(raw) // 2, len(raw) - 1}):
            (good / name).write_bytes(raw[:size])
            if not refused(lambda: indexes.load(good)): raise SystemExit(f"{name} of {size} bytes")
        (good / name).unlink()
        if not refused(lambda: indexes.load(good)): raise SystemExit(f"no {name}")
        (good / name).write_bytes(raw)
    facts = {k: v for k, v in files.verify(good).items() if k not in ("files", "digest")}
    def copy(target):
        for file in good.iterdir():
            if file.name != "manifest.json": shutil.copy(file, target / file.name)
    for lie in ({"dim": 31}, {"dim": 64}, {"rows": 399}, {"rows": 401}, {"rows": 0}):
        files.write(bad, {**facts, **lie}, copy)
        if not refused(lambda: indexes.load(bad)): raise SystemExit(str(lie))
""",
    "files overwritten and cut under a loaded index": """
import pathlib, tempfile
with tempfile.TemporaryDirectory() as folder:
    make().save(pathlib.Path(folder, "index"))
    index = indexes.load(pathlib.Path(folder, "index"))
    for file in pathlib.Path(folder, "index").iterdir():
        size = file.stat().st_size
        file.write_bytes(b"\\xff" * size)
        file.write_bytes(b"")
    if (index.search(x[:50], 1).ids < 0).any(): raise SystemExit("lost")
    index.save(pathlib.Path(folder, "index"))
    if len(indexes.load(pathlib.Path(folder, "index"))) != 400: raise SystemExit("not saved again")
""",
    "wrong dimension": """
index = make()
if not refused(lambda: index.search(np.ones((2, 5), np.float32), 3)): raise SystemExit("taken")
if not refused(lambda: index.add(np.ones((2, 64), np.float32), [900, 901])): raise SystemExit("taken")
if refused(lambda: index.search(np.ones((2, 32), np.float64), 3)): raise SystemExit("float64 is taken")
""",
    "nan and inf": """
index = make()
for bad in (np.nan, np.inf, -np.inf):
    y = x[:3].copy(); y[1, 1] = bad
    if not refused(lambda: index.add(y, [900, 901, 902])): raise SystemExit("added")
    if not refused(lambda: index.search(y, 3)): raise SystemExit("searched")
""",
    "extreme k": """
index = make()
for k in (-1, 2**31, 2**40, 2**63, 2**70):
    if not refused(lambda: index.search(x[:3], k)): raise SystemExit(str(k))
if index.search(x[:3], 0).ids.shape != (3, 0): raise SystemExit("k = 0")
if (index.search(x[:1], 10**6).ids >= 0).sum() != 400: raise SystemExit("k = 10**6")
""",
    "adding while searching": """
index = make()
stop = threading.Event()
def read():
    while not stop.is_set():
        index.search(x[:50], 10)
threads = [threading.Thread(target=read) for _ in range(3)]
for t in threads: t.start()
for i in range(60):
    index.add(x[:50] + i, np.arange(50) + 1000 * (i + 1))
stop.set()
for t in threads: t.join()
if len(index) != 400 + 60 * 50: raise SystemExit("lost")
""",
    "fork after a search on two threads": """
import faiss
faiss.omp_set_num_threads(2)
index = make()
index.search(np.repeat(x, 5, axis=0), 10)
child = os.fork()
if not child:
    index.search(np.repeat(x, 5, axis=0), 10)
    index.add(x + 1, ids + 1000)
    os._exit(0)
if os.waitpid(child, 0)[1]: raise SystemExit("the child failed")
""",
    "identical vectors": """
index = indexes.dense("{spec}", 32, metric="cosine")
index.build(np.repeat(x[:1], 1000, axis=0), np.arange(1000))
if len(set(index.search(x[:1], 1000).ids[0].tolist())) != 1000: raise SystemExit("unreachable")
""",
    "use of an empty index": """
index = indexes.dense("{spec}", 32)
index.search(x[:3], 5); index.optimize(); index.memory(); index.ids()
index.remove([]); index.add(x[:0], []); index.build(x[:0], [])
index.search(x[:3], 5, allow=[1, 2])
if not refused(lambda: index.remove([1])): raise SystemExit("removed")
""",
    "a search inside a change of mind": """
index = make()
index.remove(ids)
index.search(x[:3], 5)
index.add(x, ids)
index.build(x[:1], ids[:1])
if index.search(x[:1], 5).ids.tolist() != [[0, -1, -1, -1, -1]]: raise SystemExit("stale")
""",
}


class CrashesContract:
    """Nothing that is given kills the process."""

    def test_child_survives(self, factory):
        """The last word of the child names the culprit."""
        parts = [PRELUDE, *(f"print({name!r}, flush=True)\n{case}" for name, case in CASES.items()), "print('end')"]
        code = "\n".join(parts).replace("{spec}", factory.args[0])
        # Python 3.12 warns of fork and threads
        argv = [sys.executable, "-O", "-W", "ignore::DeprecationWarning", "-c", code]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=600, check=False)
        assert (done.stdout.splitlines()[-1:], done.returncode, done.stderr) == (["end"], 0, "")
