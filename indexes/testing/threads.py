"""The contract on threads: many search while one changes, and every answer is that of a whole state."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ..types import Hits
from .oracle import DIM, cloud


def beside(change: Callable[[], None], look: Callable[[], None], n: int = 3) -> None:
    """Run ``change`` once while ``n`` threads call ``look`` again and again."""
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            look()

    readers = [threading.Thread(target=read) for _ in range(n)]
    for thread in readers:
        thread.start()
    try:
        change()
    finally:
        done.set()
        for thread in readers:
            thread.join(60)


def at_once(search: Callable[[], Hits], n: int) -> list[Hits]:
    """Call ``search`` in ``n`` threads at the same time."""
    with ThreadPoolExecutor(n) as pool:
        return [task.result(60) for task in [pool.submit(search) for _ in range(n)]]


class ThreadsContract:
    """Readers beside a writer."""

    def test_readers_never_see_half_a_change(self, factory):
        """Vectors come and go in groups of 20: a search sees a whole group or nothing of it."""
        index = factory(DIM, metric="cosine")
        base = cloud(300)
        index.build(base, np.arange(300))
        group = cloud(20, DIM, 6) + 40  # far from the others: a search there finds the group first
        wrong: list[str] = []
        seen: set[int] = set()

        def look() -> None:
            for row in index.search(group[:2], 20).ids:
                members = row[row >= 1000]
                seen.add(len(members))
                if len(members) not in (0, 20) or len(np.unique(members // 1000)) > 1:
                    wrong.append(str(members))
                if (row < 0).any():
                    wrong.append("padding where there are 300")

        def change() -> None:
            for i in range(1, 40):
                index.add(group, np.arange(20) + 1000 * i)
                index.remove(np.arange(20) + 1000 * i)

        beside(change, look)
        assert not wrong, wrong[:3]
        assert seen, "no reader got through"
        assert len(index) == 300

    def test_concurrent_searches_agree(self, factory):
        index = factory(DIM, metric="l2")
        index.build(cloud(500), np.arange(500))
        q = cloud(30, DIM, 1)
        expected = index.search(q, 10)
        for _ in range(10):
            assert all((hits.ids == expected.ids).all() for hits in at_once(lambda: index.search(q, 10), 4))
