"""Kills an ingest again and again and looks at what is left; prints one JSON object. `test_kills.py` runs it.

The log of what was acknowledged is kept outside of the store, on a pipe. Each trial runs in forked children of this
single-threaded process, so that a kill costs no start of Python.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

sys.path.insert(0, str(Path(__file__).parent))

from conftest import CHUNKER, answers, documents
from forking import in_child

from rag.embedding import HashingEmbedder
from rag.knowledge_base import KnowledgeBase
from rag.store import database, live, pipeline
from rag.store.granularity import chunks_of

SEED = 7
REOPEN_LIMIT_S = 2.0


def corpus(count: int) -> tuple[list, list]:
    """What the store holds before, and what is ingested: some changed, some new, some empty, some equal texts."""
    before = documents(count // 2)
    after = documents(count)
    changed = documents(count // 2, version=2)
    for n in range(0, count // 2, 10):
        after[n] = changed[n]
    for n in range(count // 2, count, 25):
        after[n] = type(after[n]).from_text("", id=after[n].id)
    return before, after


@dataclass(frozen=True)
class Timing:
    """When an undisturbed ingest did what, in seconds from its first commit."""

    commits: list[float]
    end: float


def ingest(path: Path, docs: list, on_commit: Callable[[list], object] | None = None) -> Timing:
    times: list[float] = []

    def committed(ids: list) -> None:
        times.append(time.perf_counter())
        if on_commit:
            on_commit(ids)

    with KnowledgeBase.open(path, mode="w", embedder=HashingEmbedder(32)) as kb:
        kb.add(docs, on_commit=committed)
        end = time.perf_counter()
    return Timing([at - times[0] for at in times], end - times[0])


class Killer:
    """Ends this process as kill -9 does, at ``moment`` of an ingest that was timed before.

    It waits for the same commit as came before that moment in the timed run, and then as long as there, stretched by
    how fast this run is. The kernel's own clock gives the signal, whose default is the end without another instruction:
    another process would be late with it on a busy machine, when the ingest is over.
    """

    def __init__(self, timing: Timing, moment: float) -> None:
        self._nth = sum(at <= moment for at in timing.commits)
        self._there = timing.commits[self._nth - 1]
        self._rest = moment - self._there
        self._seen, self._start = 0, 0.0
        signal.signal(signal.SIGALRM, signal.SIG_DFL)

    def committed(self) -> None:
        self._seen, self._start = self._seen + 1, self._start or time.perf_counter()
        if self._seen == self._nth:
            pace = (time.perf_counter() - self._start) / self._there if self._there else 1.0
            signal.setitimer(signal.ITIMER_REAL, max(self._rest * pace, 1e-6))


def killed(path: Path, docs: list, timing: Timing, moment: float) -> tuple[list[str], int, Timing | None]:
    """Ingest in a child and kill it; return what it acknowledged, in how many commits, and its times if it ended."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        with contextlib.suppress(BaseException):
            killer = Killer(timing, moment)

            def acknowledge(ids: list) -> None:
                os.write(write, ("".join(f"{i}\n" for i in ids) + "+\n").encode())
                killer.committed()

            own = ingest(path, docs, acknowledge)
            signal.setitimer(signal.ITIMER_REAL, 0)
            os.write(write, f". {json.dumps([own.commits, own.end])}\n".encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as file:
        *lines, _ = file.read().decode().split("\n")
    assert (os.waitpid(pid, 0)[1] == 0) == any(line.startswith(".") for line in lines)
    ended = next((Timing(*json.loads(line[2:])) for line in lines if line.startswith(".")), None)
    count = lines.count("+")
    whole = lines[: len(lines) - lines[::-1].index("+")] if count else []
    return [line for line in whole if line != "+"], count, ended


def look(path: Path, before: dict[str, str], after: dict[str, str], acknowledged: list[str]) -> str:
    """Return what is wrong with a store after a kill, in words."""
    start = time.process_time()  # what the disk takes under others' load is not the store's
    with KnowledgeBase.open(path, mode="w", embedder=HashingEmbedder(32)) as kb:
        opened = time.process_time() - start
        wrong = [f"reopening took {opened:.2f} s"] if opened > REOPEN_LIMIT_S else []
        held = {name: kb.document(name).digest() for name in kb.document_ids()}
        wrong += [f"lost {i}" for i in acknowledged if held.get(i) != after[i]]
        wrong += [f"half {i}" for i, digest in held.items() if digest not in (before.get(i), after.get(i))]
        wrong += [f"gone {i}" for i in before if i not in held]
        report = kb.verify()
        wrong += [str(problem) for problem in report.problems] + [f"left over {name}" for name in report.leftovers]
        ids = kb.chunk_ids().tolist()
        for family in ("dense", "terms"):
            if kb.index(family).ids().tolist() != ids:
                wrong.append(f"index {family} does not hold the chunks of the store")
        if kb.granularity == "chunk+sentence" and set(chunks_of(kb.dense().sentences.index.ids())) != set(ids):
            wrong.append("the index of sentences does not hold the chunks of the store")
    return "; ".join(wrong)


def finish(path: Path, docs: list) -> str:
    ingest(path, docs)
    with KnowledgeBase.open(path, embedder=HashingEmbedder(32)) as kb:
        return json.dumps([kb.document_ids(), answers(kb)])


def early_acknowledgement() -> None:
    """Planted defect: say that a batch is safe before it is."""
    commit = pipeline.Pipeline._commit

    def early(self: pipeline.Pipeline, batch: object, vectors: object) -> None:
        vectors.result()
        self._on_commit([s.document.id for s in batch.steps if hasattr(s, "document")])
        commit(self, batch, vectors)

    pipeline.Pipeline._commit = early


def no_transactions() -> None:
    """Planted defect: every statement commits by itself."""

    @contextlib.contextmanager
    def none(db: object):
        yield

    database.transaction = none


def index_first() -> None:
    """Planted defect: the pointer to a new index is committed before the index is there."""
    from rag.store import generations

    save = generations.save

    def lazy(folder: Path, spec: str, index: object, seq: int) -> object:
        pointer = save(folder, spec, index, seq)
        there = folder / "generations" / pointer.folder
        late.append((there.rename(there.with_name(f"late{pointer.folder}")), there))
        return pointer

    late: list[tuple[Path, Path]] = []
    commit = live.LiveIndexes._commit

    def then(self: object, *rest: object) -> None:
        commit(self, *rest)
        time.sleep(0.05)
        for old, new in late:
            old.rename(new)
        late.clear()

    generations.save = lazy
    live.LiveIndexes._commit = then


DEFECTS = {"early": early_acknowledgement, "autocommit": no_transactions, "index-first": index_first}


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--kills", type=int, default=100)
    arguments.add_argument("--documents", type=int, default=120)
    arguments.add_argument("--defect", choices=sorted(DEFECTS))
    arguments.add_argument("--granularity", default="chunk")
    given = arguments.parse_args()
    pipeline.FIRST_BATCH_TEXTS = pipeline.BATCH_TEXTS = 12  # many commits
    live.TAIL_MIN = 40  # and new generations at the end
    before, after = corpus(given.documents)
    work = Path(tempfile.mkdtemp())
    try:
        print(json.dumps(trials(work, before, after, given.kills, given.defect, given.granularity)))
    finally:
        shutil.rmtree(work)


def trials(
    work: Path, before: list, after: list, kills: int, defect: str | None, granularity: str
) -> dict[str, object]:
    # Here, not in a child: what this imports, no child has to.
    with KnowledgeBase.create(
        work / "first", embedder=HashingEmbedder(32), chunker=CHUNKER, granularity=granularity
    ) as kb:
        kb.add(before)
        answers(kb)
    assert threading.active_count() == 1, "a fork would copy half of a process"
    shutil.copytree(work / "first", work / "whole")
    status, undisturbed = in_child(lambda: finish(work / "whole", after))
    assert status == 0, undisturbed
    if defect:
        DEFECTS[defect]()
    shutil.copytree(work / "first", work / "timed")
    start = time.perf_counter()
    _, _, timing = killed(work / "timed", after, Timing([0.0], 0.0), 600.0)
    assert timing is not None
    old, new = {d.id: d.digest() for d in before}, {d.id: d.digest() for d in after}
    dice = random.Random(SEED)
    result = {"kills": 0, "during": 0, "bad": [], "different": 0, "commits_seen": []}
    for trial in range(kills):
        path = work / f"kb{trial}"
        shutil.copytree(work / "first", path)
        # Every other kill comes while documents are written; indexes may take most of the time.
        moment = dice.uniform(0, timing.commits[-1] if trial % 2 else timing.end)
        acknowledged, seen, ended = killed(path, after, timing, moment)
        timing = ended or timing  # it was faster than the run that was timed: from here on, that is the pace
        result["kills"] += 1
        result["during"] += ended is None
        result["commits_seen"].append(seen)
        status, wrong = in_child(lambda path=path, said=acknowledged: look(path, old, new, said))
        if status or wrong:
            result["bad"].append(wrong)
            if defect:
                break
        else:
            status, again = in_child(lambda path=path: finish(path, after))
            result["different"] += status != 0 or again != undisturbed
        shutil.rmtree(path)
    result["seconds"] = round(time.perf_counter() - start, 1)
    return result


if __name__ == "__main__":
    main()
