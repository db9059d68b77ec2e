"""Readers at work while a writer adds, changes, removes and cuts new indexes."""

from __future__ import annotations

import json
import os
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

from rag.errors import StoreLocked
from rag.knowledge_base import KnowledgeBase
from rag.store import live

from .corpus import CHUNKER, E, answers, documents
from .forking import in_child, need_fork
from .tally import Tally

READERS = 3
THREADS = 16
AT_LEAST_S, VIEWS = 4.0, 3
"""All are at work for so long at least, and until each reader has seen so many states."""
MORE_S = 200.0
TRIES = 3
WRITING, READ_ENOUGH = "writing", "read-enough"
"""Files by which the processes tell each other how far they are."""


def write(path: Path, most: float) -> str:
    """Add, change, remove, cut new indexes; every document of the first thirty has the same version in each commit."""
    until, version = time.monotonic() + most, 1
    with KnowledgeBase.open(path, mode="w", embedder=E) as kb:
        (path.parent / WRITING).touch()
        while time.monotonic() < until and not (path.parent / READ_ENOUGH).exists():
            version += 1
            kb.add(documents(30, version=version))  # one batch, one commit: readers see one version or the other
            if version % 5 == 0:
                kb.add(documents(10, start=1000 + version))
                kb.remove(f"note-{1000 + version}")
            if version % 9 == 0:
                kb.reindex(["bm25", "flat"] if version % 2 else ["flat", "bm25"])
    return str(version)


def read(path: Path, seconds: float, views: int) -> str:
    """Follow the writer; return how many states were seen, and what was wrong."""
    start, last = time.monotonic(), 0
    seen: set[int] = set()
    wrong: list[str] = []
    kb = KnowledgeBase.open(path, embedder=E)
    while (passed := time.monotonic() - start) < seconds or (len(seen) < views and passed < seconds + MORE_S):
        if len(seen) % 3 == 0:
            kb.close()
            kb = KnowledgeBase.open(path, embedder=E)
        else:
            kb.refresh()
        if kb.seq < last:
            wrong.append("went back in time")
        answers(kb, 4)  # loads the indexes, which may move the view once
        last = kb.seq
        seen.add(last)
        ids = kb.chunk_ids().tolist()
        wrong += [f"{family} differs" for family in ("dense", "terms") if kb.index(family).ids().tolist() != ids]
        texts = [kb.document(f"note-{n}").text for n in range(30)]
        versions = {text.partition("version")[2].partition(" ")[0] for text in texts}
        if len(versions) != 1:
            wrong.append(f"half a commit: {sorted(versions)}")
        if kb.seq != last:
            wrong.append("the view moved by itself")
    kb.close()
    return json.dumps({"views": len(seen), "wrong": wrong[:5]})


def threads(path: Path) -> list[str]:
    """Sixteen threads share one open knowledge base."""
    wrong: list[str] = []
    with KnowledgeBase.open(path, embedder=E) as kb:
        expected = answers(kb, 4)

        def work() -> None:
            try:
                for _ in range(5):
                    if answers(kb, 4) != expected or not kb.allowed("even == true"):
                        wrong.append("differs")
            except Exception as error:
                wrong.append(repr(error))

        pool = [threading.Thread(target=work) for _ in range(THREADS)]
        for thread in pool:
            thread.start()
        for thread in pool:
            thread.join()
    return wrong


def second_writer(path: Path) -> str:
    """How long it took at best to be refused, and in which words."""
    taken = []
    for _ in range(TRIES):
        start = time.monotonic()
        try:
            KnowledgeBase.open(path, mode="w")
        except StoreLocked as error:
            taken.append(time.monotonic() - start)
            said = str(error)
        else:
            return "opened"
    return f"{min(taken):.3f} {said}"


def killed_holder(path: Path) -> float:
    """Seconds that the next writer needs after the holder of the lock was killed."""
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        KnowledgeBase.open(path, mode="w")
        os.write(write_end, b"x")
        time.sleep(60)
    os.read(read_end, 1)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    start = time.monotonic()
    KnowledgeBase.open(path, mode="w").close()
    return time.monotonic() - start


def check(place: Path, tally: Tally) -> None:
    """Readers, threads and a second writer at once."""
    need_fork()
    result = trials(place, AT_LEAST_S, VIEWS)
    status, versions = result["writer"]
    tally.expect(status == 0 and int(versions) >= 3, f"the writer: {versions}")
    for status, said in result["readers"]:
        seen: dict[str, Any] = json.loads(said) if status == 0 else {"wrong": [said], "views": 0}
        tally.tried += seen["views"]
        tally.bad += seen["wrong"]
    tally.expect(result["ok"], "the store does not verify")
    tally.expect("is being written by process" in result["locked"], f"a second writer: {result['locked']}")
    tally.expect(result["killed"] < 1, f"after the kill of a writer the next one waited {result['killed']:.1f} s")
    tally.tried += THREADS
    tally.bad += result["threads"]
    tally.facts |= {"states seen": tally.tried}


def trials(work: Path, seconds: float, views: int) -> dict[str, Any]:
    """Let a writer and readers work for so long, and until each reader has seen so many states."""
    live.TAIL_MIN = 30  # new generations all the time
    path, most = work / "kb", seconds + MORE_S
    with KnowledgeBase.create(path, embedder=E, chunker=CHUNKER) as kb:
        kb.add(documents(30))
        answers(kb)
    pids = []
    for n in range(READERS + 1):
        pid = os.fork()
        if pid == 0:
            task = partial(write, path, most) if n == 0 else partial(read, path, seconds, views)
            (work / f"said{n}").write_text(json.dumps(in_child(task, seconds=int(most) + 60)))
            os._exit(0)
        pids.append(pid)
    while not (work / WRITING).exists():
        time.sleep(0.01)
    time.sleep(seconds / 2)
    locked = second_writer(path)
    for pid in pids[1:]:
        os.waitpid(pid, 0)
    (work / READ_ENOUGH).touch()
    os.waitpid(pids[0], 0)
    said = [json.loads((work / f"said{n}").read_text()) for n in range(READERS + 1)]
    with KnowledgeBase.open(path) as kb:
        ok = kb.verify().ok
    result: dict[str, Any] = {"writer": said[0], "readers": said[1:], "locked": locked, "ok": ok}
    result["killed"] = min(killed_holder(path) for _ in range(TRIES))
    return {**result, "threads": threads(path)}
