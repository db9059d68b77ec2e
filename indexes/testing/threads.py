"""The contract on threads: many search while one changes, and every answer is that of some whole state."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from .oracle import DIM, cloud


class ThreadsContract:
    """Readers beside a writer."""

    def test_readers_never_see_half_a_change(self, factory):
        """Vectors come and go in groups of 20 that only ever stand or fall together."""
        index = factory(DIM, metric="cosine")
        base = cloud(300)
        index.build(base, np.arange(300))
        group = cloud(20, DIM, 6) + 40  # far from the others: a search there finds the group first
        wrong: list[str] = []
        seen: set[int] = set()
        done = threading.Event()

        def read() -> None:
            while not done.is_set():
                found = index.search(group[:2], 20).ids
                for row in found:
                    members = row[row >= 1000]
                    seen.add(len(members))
                    if len(members) not in (0, 20) or len(np.unique(members // 1000)) > 1:
                        wrong.append(str(members))
                    if (row < 0).any():
                        wrong.append("padding where there are 300")

        def write() -> None:
            for i in range(1, 40):
                index.add(group, np.arange(20) + 1000 * i)
                index.remove(np.arange(20) + 1000 * i)

        readers = [threading.Thread(target=read) for _ in range(3)]
        for thread in readers:
            thread.start()
        try:
            write()
        finally:
            done.set()
            for thread in readers:
                thread.join(60)
        assert not wrong, wrong[:3]
        assert seen, "no reader got through"
        assert len(index) == 300

    @pytest.mark.parametrize("n_threads", [4])
    def test_concurrent_searches_agree(self, factory, n_threads):
        index = factory(DIM, metric="l2")
        index.build(cloud(500), np.arange(500))
        q = cloud(30, DIM, 1)
        expected = index.search(q, 10)
        answers = []

        def read() -> None:
            answers.extend(index.search(q, 10).ids for _ in range(10))

        threads = [threading.Thread(target=read) for _ in range(n_threads)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert len(answers) == 10 * n_threads
        assert all((a == expected.ids).all() for a in answers)
