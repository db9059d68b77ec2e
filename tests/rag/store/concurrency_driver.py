"""Readers at work while a writer adds, changes, removes and cuts new indexes; prints one JSON object."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

sys.path.insert(0, str(Path(__file__).parent))

from conftest import CHUNKER, answers, documents
from forking import in_child

from rag.embedding import HashingEmbedder
from rag.errors import StoreLocked
from rag.knowledge_base import KnowledgeBase
from rag.store import live

READERS = 3
SECONDS, VIEWS = float(sys.argv[1]), int(sys.argv[2])
"""All are at work for so long at least, and until each reader has seen so many states."""
AT_MOST_S = SECONDS + 200
TRIES = 3
WRITING, READ_ENOUGH = "writing", "read-enough"
"""Files by which the processes tell each other how far they are."""


def write(path: Path) -> str:
    """Add, change, remove, cut new indexes; every document of the first thirty has the same version in each commit."""
    until, version = time.monotonic() + AT_MOST_S, 1
    with KnowledgeBase.open(path, mode="w", embedder=HashingEmbedder(32)) as kb:
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


def read(path: Path) -> str:
    start, seen, last, wrong = time.monotonic(), set(), 0, []
    kb = KnowledgeBase.open(path, embedder=HashingEmbedder(32))
    while (passed := time.monotonic() - start) < SECONDS or (len(seen) < VIEWS and passed < AT_MOST_S):
        if len(seen) % 3 == 0:
            kb.close()
            kb = KnowledgeBase.open(path, embedder=HashingEmbedder(32))
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
    with KnowledgeBase.open(path, embedder=HashingEmbedder(32)) as kb:
        expected = answers(kb, 4)

        def work() -> None:
            try:
                for _ in range(5):
                    if answers(kb, 4) != expected or len(kb.allowed("even == true")) == 0:
                        wrong.append("differs")
            except Exception as error:
                wrong.append(repr(error))

        pool = [threading.Thread(target=work) for _ in range(16)]
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


def main() -> None:
    live.TAIL_MIN = 30  # new generations all the time
    work = Path(tempfile.mkdtemp())
    path = work / "kb"
    try:
        with KnowledgeBase.create(path, embedder=HashingEmbedder(32), chunker=CHUNKER) as kb:
            kb.add(documents(30))
            answers(kb)
        pids = []
        for n in range(READERS + 1):
            pid = os.fork()
            if pid == 0:
                wait = int(AT_MOST_S) + 60
                status, said = in_child(lambda n=n: write(path) if n == 0 else read(path), seconds=wait)
                (work / f"said{n}").write_text(json.dumps([status, said]))
                os._exit(0)
            pids.append(pid)
        while not (work / WRITING).exists():
            time.sleep(0.01)
        time.sleep(SECONDS / 2)
        locked = second_writer(path)
        for pid in pids[1:]:
            os.waitpid(pid, 0)
        (work / READ_ENOUGH).touch()
        os.waitpid(pids[0], 0)
        said = [json.loads((work / f"said{n}").read_text()) for n in range(READERS + 1)]
        with KnowledgeBase.open(path) as kb:
            ok = kb.verify().ok
        result = {
            "writer": said[0],
            "readers": said[1:],
            "locked": locked,
            "ok": ok,
        }
        result["killed"] = min(killed_holder(path) for _ in range(TRIES))
        print(json.dumps({**result, "threads": threads(path)}))
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
