"""Child processes end with their parent, whatever ends it, and run no file of the current folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

import rag
from rag.children import process_pool

ROOT = str(Path(rag.__path__[0]).parent)
ENVIRONMENT = {"PYTHONPATH": ROOT, "PATH": os.environ["PATH"], "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
POOL = """
import sys, time
from pathlib import Path
from rag.children import process_pool
def work(name):
    Path(sys.argv[1], name).touch()
    time.sleep(600)
if __name__ == "__main__":
    with process_pool(2) as pool:
        for name in "ab":
            pool.submit(work, name)
        while not (Path(sys.argv[1], "a").exists() and Path(sys.argv[1], "b").exists()):
            time.sleep(0.05)
        print("ready", flush=True)
        time.sleep(600)
"""
_BUSY_S = 4.0
"""Processor time after which a worker has started and is inside the engine."""


def _gone(processes: list[psutil.Process], seconds: float = 20.0) -> bool:
    _, alive = psutil.wait_procs(processes, timeout=seconds)
    return not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


def _children(process: psutil.Process, count: int) -> list[psutil.Process]:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        found = process.children(recursive=True)
        if len(found) >= count:
            return found
        time.sleep(0.05)
    raise AssertionError(f"no {count} children: {found}")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="signals and /proc of Linux")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_pool_ends_with_its_parent(tmp_path: Path, how: signal.Signals) -> None:
    program = tmp_path / "pool.py"
    program.write_text(POOL)
    with subprocess.Popen(
        [sys.executable, str(program), str(tmp_path)], stdout=subprocess.PIPE, env=ENVIRONMENT
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        children = _children(psutil.Process(parent.pid), 3)  # the resource tracker too
        parent.send_signal(how)
        parent.wait(60)
        assert _gone(children)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="signals and /proc of Linux")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_the_engine_of_a_benchmark_ends_with_it(tmp_path: Path, how: signal.Signals) -> None:
    if how != signal.SIGKILL and signal.getsignal(how) is signal.SIG_IGN:
        pytest.skip(f"{how.name} is ignored here, by nohup say, and so by all children")
    vectors = np.random.default_rng(0).standard_normal((200_000, 64)).astype(np.float32)
    np.save(tmp_path / "v.npy", vectors)
    command = [sys.executable, "-P", "-m", "pipelines.cli", "bench", "--data", str(tmp_path / "v.npy")]
    command += ["--index", "hnsw:M=64,ef_construction=2000", "--out", str(tmp_path / "out")]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=ENVIRONMENT, cwd=tmp_path
    ) as parent:
        children = _children(psutil.Process(parent.pid), 1)
        while children[0].cpu_times().user < _BUSY_S:
            time.sleep(0.05)
        parent.send_signal(how)
        _, said = parent.communicate(timeout=120)
        assert _gone(children)
        assert parent.returncode == (-signal.SIGKILL if how == signal.SIGKILL else 130), said
        if how != signal.SIGKILL:
            assert b"interrupted" in said


def test_files_of_the_current_folder_are_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("multiprocessing", "socket", "struct", "pickle", "threading", "tempfile", "numpy", "signal"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'RUN')!r}, 'a').write({name!r})\n")
    (tmp_path / "indexes").mkdir()
    (tmp_path / "indexes" / "__init__.py").write_text(f"open({str(tmp_path / 'RUN')!r}, 'a')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    with process_pool(1) as pool:
        assert pool.submit(abs, -3).result(120) == 3
    assert "PYTHONSAFEPATH" not in os.environ
    assert not (tmp_path / "RUN").exists()
