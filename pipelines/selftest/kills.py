"""Kill an ingest again and again and look at what is left.

The log of what was acknowledged is kept outside of the store, on a pipe. Each trial runs in forked children of this
single-threaded process, so that a kill costs no start of Python.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from rag.documents.document import Document
from rag.knowledge_base import KnowledgeBase
from rag.store import live, pipeline
from rag.store.granularity import chunks_of

from .corpus import CHUNKER, E, answers, documents
from .forking import in_child, need_fork
from .tally import Tally

SEED = 7
REOPEN_LIMIT_S = 2.0


def corpus(count: int) -> tuple[list[Document], list[Document]]:
    """What the store holds before, and what is ingested: some changed, some new, some empty, some equal texts."""
    before = documents(count // 2)
    after = documents(count)
    changed = documents(count // 2, version=2)
    for n in range(0, count // 2, 10):
        after[n] = changed[n]
    for n in range(count // 2, count, 25):
        after[n] = Document.from_text("", id=after[n].id)
    return before, after


@dataclass(frozen=True)
class Timing:
    """When an undisturbed ingest did what, in seconds from its first commit."""

    commits: list[float]
    end: float


def ingest(path: Path, docs: list[Document], on_commit: Callable[[list[str]], object] | None = None) -> Timing:
    times: list[float] = []

    def committed(ids: list[str]) -> None:
        times.append(time.perf_counter())
        if on_commit:
            on_commit(ids)

    with KnowledgeBase.open(path, mode="w", embedder=E) as kb:
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


def killed(path: Path, docs: list[Document], timing: Timing, moment: float) -> tuple[list[str], int, Timing | None]:
    """Ingest in a child and kill it; return what it acknowledged, in how many commits, and its times if it ended."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        with contextlib.suppress(BaseException):
            killer = Killer(timing, moment)

            def acknowledge(ids: list[str]) -> None:
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
    with KnowledgeBase.open(path, mode="w", embedder=E) as kb:
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


def finish(path: Path, docs: list[Document]) -> str:
    ingest(path, docs)
    with KnowledgeBase.open(path, embedder=E) as kb:
        return json.dumps([kb.document_ids(), answers(kb)])


def check(place: Path, tally: Tally, *, kills: int = 60, count: int = 60, granularity: str = "chunk+sentence") -> None:
    """Kill an ingest at any moment, then look, then repeat it."""
    need_fork()
    result = trials(place, kills=kills, count=count, granularity=granularity)
    tally.tried += result.kills
    tally.bad += result.bad
    tally.facts |= {"killed while it wrote": result.during}
    between = sum(0 < n < max(result.commits_seen) for n in result.commits_seen)
    tally.expect(between > kills / 4, f"only {between} kills came between the first commit and the last")


@dataclass
class Result:
    """Kills; those before the end; commits seen before each; what was wrong; second runs that ended otherwise."""

    kills: int = 0
    during: int = 0
    commits_seen: list[int] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)
    different: int = 0


def trials(
    work: Path, *, kills: int, count: int, granularity: str, plant: Callable[[], object] | None = None
) -> Result:
    """Kill ingests of ``count`` documents; ``plant`` makes a defect after the undisturbed run."""
    pipeline.FIRST_BATCH_TEXTS = pipeline.BATCH_TEXTS = 12  # many commits
    live.TAIL_MIN = 40  # and new generations at the end
    before, after = corpus(count)
    # Here, not in a child: what this imports, no child has to.
    with KnowledgeBase.create(work / "first", embedder=E, chunker=CHUNKER, granularity=granularity) as kb:
        kb.add(before)
        answers(kb)
    assert threading.active_count() == 1, "a fork would copy half of a process"
    shutil.copytree(work / "first", work / "whole")
    status, undisturbed = in_child(lambda: finish(work / "whole", after))
    assert status == 0, undisturbed
    if plant:
        plant()
    shutil.copytree(work / "first", work / "timed")
    _, _, timing = killed(work / "timed", after, Timing([0.0], 0.0), 600.0)
    assert timing is not None
    old, new = {d.id: d.digest() for d in before}, {d.id: d.digest() for d in after}
    dice = random.Random(SEED)
    result = Result()
    for trial in range(kills):
        path = work / f"kb{trial}"
        shutil.copytree(work / "first", path)
        # Every other kill comes while documents are written; indexes may take most of the time.
        moment = dice.uniform(0, timing.commits[-1] if trial % 2 else timing.end)
        acknowledged, seen, ended = killed(path, after, timing, moment)
        timing = ended or timing  # it was faster than the run that was timed: from here on, that is the pace
        result.kills += 1
        result.during += ended is None
        result.commits_seen.append(seen)
        status, wrong = in_child(partial(look, path, old, new, acknowledged))
        if status or wrong:
            result.bad.append(f"kill {trial}: {wrong}")
            if plant:
                break
        else:
            status, again = in_child(partial(finish, path, after))
            if status or again != undisturbed:
                result.different += 1
                result.bad.append(f"kill {trial}: a second run does not end as an undisturbed one")
        shutil.rmtree(path)
    return result
