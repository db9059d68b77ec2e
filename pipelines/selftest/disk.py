"""Take disk space and permissions away and look what happens.

Every case runs in forked children: limits and the identity of a process cannot be given back.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from rag.errors import StoreUnwritable
from rag.knowledge_base import KnowledgeBase
from rag.store import live, pipeline

from .corpus import CHUNKER, E, answers, documents
from .forking import in_child
from .tally import Tally

NOBODY = 65534


def attempt(work: Callable[[], object]) -> str:
    try:
        work()
    except StoreUnwritable as error:
        return f"unwritable {error.errno} {error}"
    return "done"


def add(path: Path, count: int = 150) -> None:
    with KnowledgeBase.open(path, mode="w", embedder=E) as kb:
        kb.add(documents(count))


def create(path: Path) -> None:
    KnowledgeBase.create(path, embedder=E, chunker=CHUNKER, granularity="chunk+sentence").close()


def whole(path: Path, *, least: int) -> str:
    """What is wrong with a store that must be whole and hold at least so many documents."""
    with KnowledgeBase.open(path, embedder=E) as kb:
        report = kb.verify()
        wrong = [str(p) for p in report.problems]
        if report.documents < least:
            wrong.append(f"only {report.documents} documents")
        answers(kb)
    return "; ".join(wrong)


def told(path: Path) -> str:
    with KnowledgeBase.open(path, embedder=E) as kb:
        return json.dumps([kb.document_ids(), answers(kb)])


def added(path: Path) -> str:
    add(path)
    return told(path)


def limited(size: int, work: Callable[[], object]) -> Callable[[], object]:
    def run() -> object:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))  # writes beyond it fail, as on a full disk
        return attempt(work)

    return run


def full_disk(place: Path, first: Path, expected: str) -> dict[str, Any]:
    """A disk that is full after so many bytes, for sizes from nothing to enough."""
    result: dict[str, Any] = {"refused": 0, "done": 0, "bad": []}
    for size in [0, 4096, 20_000, 60_000, 100_000, 150_000, 200_000, 300_000, 400_000, 600_000, 1 << 30]:
        path = place / f"full{size}"
        shutil.copytree(first, path)
        status, said = in_child(limited(size, partial(add, path)))
        if status or not said.startswith(("unwritable", "done")):
            result["bad"].append(f"{size}: {status} {said[-500:]}")
        elif said == "done":
            result["done"] += 1
        else:
            result["refused"] += 1
            if str(path) not in said:
                result["bad"].append(f"{size}: the message names no path: {said}")
        status, wrong = in_child(partial(whole, path, least=20))
        if status or wrong:
            result["bad"].append(f"{size}: afterwards {wrong[-500:]}")
        # With space again, the same command succeeds and cleans up.
        status, after = in_child(partial(added, path))
        left = [p.name for p in path.rglob("*") if p.name.startswith(".") or ".new" in p.name]
        if status or after != expected or left:
            result["bad"].append(f"{size}: the second run differs: {after[-300:] if status else left}")
    for size in (0, 4096, 30_000):
        path = place / f"make{size}"
        status, said = in_child(limited(size, partial(create, path)))
        status2, again = in_child(partial(attempt, partial(create, path)))
        if status or not said.startswith("unwritable") or status2 or again != "done":
            result["bad"].append(f"create {size}: {said[-300:]}, then {again[-300:]}")
    return result


def as_nobody(work: Callable[[], object]) -> Callable[[], object]:
    def run() -> object:
        if os.geteuid() == 0:
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        return work()

    return run


def owned(path: Path, *, folder: int, file: int) -> None:
    for entry in [path, *path.rglob("*")]:
        if os.geteuid() == 0:
            os.chown(entry, NOBODY, NOBODY)
        entry.chmod(folder if stat.S_ISDIR(entry.stat().st_mode) else file)


def permissions(place: Path, first: Path) -> dict[str, Any]:
    """Read-only folders and files, by a user that is not root."""
    said: dict[str, Any] = {}
    path = place / "readonly"
    shutil.copytree(first, path)
    status, expected = in_child(lambda: told(path))
    shared = place / "shared"  # another user's, who lets others read
    shutil.copytree(first, shared)
    for entry in [shared, *shared.rglob("*")]:
        entry.chmod(0o755 if entry.is_dir() else 0o644)
    said["others"] = in_child(as_nobody(lambda: told(shared))) == (0, expected)
    owned(path, folder=0o500, file=0o400)
    before = sorted((p.name, p.stat().st_mtime_ns) for p in path.rglob("*"))
    status, found = in_child(as_nobody(lambda: told(path)))
    said["read"] = status == 0 and found == expected
    status, wrong = in_child(as_nobody(lambda: whole(path, least=20)))
    said["verify"] = (status, wrong) == (0, "")
    said["write"] = in_child(as_nobody(lambda: attempt(lambda: add(path))))
    said["untouched"] = before == sorted((p.name, p.stat().st_mtime_ns) for p in path.rglob("*"))
    owned(path, folder=0o700, file=0o400)
    said["files"] = in_child(as_nobody(lambda: attempt(lambda: add(path))))
    owned(path, folder=0o700, file=0o600)
    (path / "store.sqlite").chmod(0)
    said["no read"] = in_child(as_nobody(lambda: attempt(lambda: told(path))))
    owned(path, folder=0o700, file=0o600)
    said["again"] = in_child(as_nobody(lambda: attempt(lambda: add(path))))
    closed = place / "closed"
    closed.mkdir(mode=0o500)
    said["create"] = in_child(as_nobody(lambda: attempt(lambda: create(closed / "kb"))))
    said["long"] = in_child(lambda: attempt(lambda: create(place / ("x" * 300))))
    killed = place / "killed"  # a killed writer's log in a folder that cannot be written
    shutil.copytree(first, killed)

    def die() -> None:
        kb = KnowledgeBase.open(killed, mode="w", embedder=E)
        kb.add(documents(30))
        os.kill(os.getpid(), 9)

    in_child(die)
    (killed / "store.sqlite-shm").unlink()
    owned(killed, folder=0o500, file=0o400)
    said["log"] = in_child(as_nobody(lambda: attempt(lambda: told(killed))))
    return said


def check(place: Path, tally: Tally) -> None:
    """Fill the disk at many moments, and take permissions away."""
    result = trials(place)
    full, rights = result["full"], result["rights"]
    tally.tried += full["refused"] + full["done"] + 3
    tally.bad += full["bad"]
    tally.facts |= {"disk full": full["refused"]}
    tally.expect(full["refused"] >= 6, "the limits hit at too few moments")
    if rights is None:
        tally.facts |= {"rights are not checked": "a user that is not root cannot reach the folder"}
        return
    for case in ("read", "verify", "untouched", "others"):
        tally.expect(rights[case], f"a read-only folder: {case} fails")
    for case in ("write", "files", "no read", "create", "long", "log"):
        status, said = rights[case]
        tally.expect(status == 0 and said.startswith("unwritable"), f"{case}: {said}")
    tally.expect(rights["again"] == (0, "done"), f"with permissions again: {rights['again']}")


def trials(work: Path) -> dict[str, Any]:
    """Return what happens on a full disk and without permissions."""
    pipeline.FIRST_BATCH_TEXTS = pipeline.BATCH_TEXTS = 60
    live.TAIL_MIN = 40
    work.chmod(0o755)
    (work / "first").mkdir(mode=0o755)
    create(work / "first")
    add(work / "first", 20)
    shutil.copytree(work / "first", work / "expected")
    add(work / "expected")
    expected = told(work / "expected")
    reached = in_child(as_nobody(lambda: list((work / "first").iterdir())))[0] == 0
    rights = permissions(work, work / "first") if reached else None
    return {"full": full_disk(work, work / "first", expected), "rights": rights}
