"""Microsoft's SPTAG as Debian installs it; run as a program, this file builds an index in a child process.

SPTAG logs to the C library's stdout, holds Python's lock throughout a build, seeds itself from the processor clock, and
crashes on missing or truncated files. So a child process builds every index, with stdout discarded and the clock
stopped, and loads it once as a check. Only loading and searching happen in this process, with the log silenced.

The file imports nothing from the package, so that the child need not find the package.
"""

from __future__ import annotations

import ctypes
import importlib.util
import json
import os
import platform
import struct
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any

DEBIAN = Path("/usr/lib/python3/dist-packages")
_one_at_a_time = threading.RLock()


def load() -> Any:  # noqa: ANN401 - a module without types
    """Return SPTAG's module; raise ``ImportError`` if it is not there.

    Debian's folder is never put on ``sys.path``: it holds other packages for another Python.
    """
    if "SPTAG" in sys.modules:
        return sys.modules["SPTAG"]
    native = next((p for p in (DEBIAN / f"_SPTAG{s}" for s in EXTENSION_SUFFIXES) if p.exists()), None)
    if native is None:
        raise ImportError(f"no SPTAG for Python {sys.version_info.major}.{sys.version_info.minor} in {DEBIAN}")
    with quiet():
        _from("_SPTAG", native)
    return _from("SPTAG", DEBIAN / "SPTAG.py")


def _from(name: str, path: Path) -> Any:  # noqa: ANN401 - a module without types
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


@contextmanager
def quiet() -> Iterator[None]:
    """Discard what C code prints, and only that: SPTAG logs to C's stdout and has no option against it.

    glibc's ``stdout`` is a variable, and Python's own ``sys.stdout`` does not go through it.
    """
    with _one_at_a_time:
        libc = ctypes.CDLL(None)
        libc.fopen.restype = ctypes.c_void_p
        stdout = ctypes.c_void_p.in_dll(libc, "stdout")
        before, nowhere = stdout.value, libc.fopen(os.fsencode(os.devnull), b"w")
        if not nowhere:
            raise OSError(f"{os.devnull} cannot be opened")
        stdout.value = nowhere
        try:
            yield
        finally:
            stdout.value = before
            libc.fclose(ctypes.c_void_p(nowhere))


def stop_clock() -> None:
    """Stop this process's processor clock, from which SPTAG seeds itself: ``clock()`` is -1 from now on.

    A seccomp filter answers ``clock_gettime(CLOCK_PROCESS_CPUTIME_ID)`` with EPERM. Without seccomp the seeds
    vary, and two builds may differ.
    """
    number = {"x86_64": 228, "aarch64": 113}.get(platform.machine())
    if number is None:
        return
    load_word, jump_if_equal, answer = 0x20, 0x15, 0x06
    eperm, allow = 0x00050001, 0x7FFF0000
    steps = (
        (load_word, 0, 0, 0),  # the number of the call
        (jump_if_equal, 0, 3, number),
        (load_word, 0, 0, 16),  # its first argument: which clock
        (jump_if_equal, 0, 1, 2),
        (answer, 0, 0, eperm),
        (answer, 0, 0, allow),
    )
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    described = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(steps), ctypes.addressof(program)))
    libc = ctypes.CDLL(None)
    no_new_privileges, set_seccomp, filter_mode = 38, 22, 2
    libc.prctl(no_new_privileges, 1, 0, 0, 0)
    libc.prctl(set_seccomp, filter_mode, described, 0, 0)


def build(folder: str, algorithm: str, dim: int, n: int, options: dict[str, str]) -> None:
    """Build an index of ``n`` vectors read from stdin, write it to ``folder``, and load it as a check."""
    stop_clock()
    index = load().AnnIndex(algorithm, "Float", dim)
    for name, value in options.items():
        index.SetBuildParam(name, value, "Index")
    x = sys.stdin.buffer.read(4 * n * dim)
    if not index.Build(x, n, False):
        raise SystemExit("SPTAG could not build an index of these vectors")
    if not index.Save(folder):
        raise SystemExit(f"SPTAG could not write the index into {folder}: is the disk full?")
    again = load().AnnIndex.Load(folder)
    if len(again.Search(x[: 4 * dim], 1)[0]) != 1:
        raise SystemExit(f"SPTAG cannot read the index that it wrote into {folder}: is the disk full?")


if __name__ == "__main__":
    build(**json.loads(sys.argv[1]))
