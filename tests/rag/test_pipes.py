from __future__ import annotations

import array
import contextlib
import fcntl
import selectors
import subprocess
import sys
import termios
import time

from rag.loaders import pool
from rag.loaders.loading import load
from rag.pipes import PeekingSelector, apart, pipe_selector


def peeked(pipe) -> bool:
    """What Windows says of a pipe: bytes are there, or the other end is gone."""
    waiting = array.array("i", [0])
    fcntl.ioctl(pipe.fileno(), termios.FIONREAD, waiting)
    if waiting[0]:
        return True
    with selectors.PollSelector() as poll:
        poll.register(pipe, selectors.EVENT_READ)
        return bool(poll.select(0))  # at its end


def test_pipes_are_ready_when_something_came_or_the_end():
    code = "import sys; sys.stdin.readline(); print('x', flush=True); sys.stdin.readline()"
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, **apart()
    )
    with child:
        watched = PeekingSelector(peeked)
        watched.register(child.stdout, selectors.EVENT_READ, "data")
        assert watched.select(0.05) == []
        child.stdin.write(b"\n")
        ((key, events),) = watched.select(60)
        assert (key.fileobj, key.data, events) == (child.stdout, "data", selectors.EVENT_READ)
        assert child.stdout.read(2) == b"x\n"
        child.stdin.close()
        assert watched.select(None)[0][0].fileobj is child.stdout
        assert child.stdout.read(1) == b""
        assert [key.fileobj for key in watched.get_map().values()] == [child.stdout]


def test_one_to_write_to_is_ready_at_once(tmp_path):
    watched = PeekingSelector(lambda pipe: False)
    with (tmp_path / "a").open("wb") as file:
        watched.register(file, selectors.EVENT_WRITE)
        start = time.monotonic()
        assert watched.select(600)
        assert time.monotonic() - start < 300


def test_files_are_parsed_with_pipes_that_are_peeked_at(tmp_path, monkeypatch):
    @contextlib.contextmanager
    def lent():
        yield PeekingSelector(peeked)

    for n in range(30):
        (tmp_path / f"{n}.html").write_text(f"<p>Number {n} of some pages.</p>" * (1 + 400 * (n % 3)))
    monkeypatch.setattr(pool, "pipe_selector", lent)
    monkeypatch.setattr(pool, "_IN_FLIGHT", 4)
    assert len(list(load(str(tmp_path)))) == 30


def test_here_the_system_waits():
    with pipe_selector() as selector:
        assert isinstance(selector, selectors.BaseSelector)
