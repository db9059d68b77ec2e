"""Threads of BLAS: searches that run at a time get one each, or they would wait for each other's.

A search multiplies one matrix with one vector. BLAS splits that among the processors, and its threads spin while they
wait: with one search that gains little, with several it costs most of the processors' time.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any


class _Limit:
    """The process's limit, in force while it is held or two searches run."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holders = self._searches = 0
        self._limiter: Any = None

    def count(self, *, holders: int = 0, searches: int = 0) -> None:
        """Add to the counts, then set or lift the limit."""
        with self._lock:
            self._holders += holders
            self._searches += searches
            wanted = self._holders > 0 or self._searches > 1
            if wanted and self._limiter is None:
                self._limiter = _controller(len(sys.modules)).limit(limits=1, user_api="blas")
                _let_go()
            elif not wanted and self._limiter is not None:
                self._limiter.restore_original_limits()
                self._limiter = None
                _let_go()


_limit = _Limit()


@lru_cache(maxsize=1)
def _controller(_modules: int) -> Any:  # noqa: ANN401 - threadpoolctl has no types
    """Look for the process's libraries, which takes a millisecond, again where modules have come since."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _let_go() -> None:
    """Let any thread set the number next: it is another search that lifts the limit. A caller's own limit stays."""
    from threadpoolctl import OpenBLASController

    OpenBLASController.clear_controlling_thread()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Leave BLAS one thread in the whole process, as a server of many searches does."""
    _limit.count(holders=1)
    try:
        yield
    finally:
        _limit.count(holders=-1)


@contextmanager
def one_search() -> Iterator[None]:
    """Mark a search: while another runs as well, BLAS has one thread."""
    _limit.count(searches=1)
    try:
        yield
    finally:
        _limit.count(searches=-1)
