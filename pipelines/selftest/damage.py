"""Damage every file of a store in every way, then open and search it."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from rag.errors import StoreCorrupt
from rag.knowledge_base import KnowledgeBase

from .corpus import CHUNKER, E, answers, documents
from .forking import in_child, need_fork
from .tally import Tally

SEED = 11
Change = Callable[[Path], None]


def build(path: Path, start: int, *, older: Path | None = None) -> None:
    specs = ["flat", "hnsw", "bm25"]
    with KnowledgeBase.create(path, indexes=specs, embedder=E, chunker=CHUNKER, granularity="chunk+sentence") as kb:
        kb.add(documents(30, start=start))
        if older is not None:
            kb.close()
            shutil.copytree(path, older)
    if older is not None:
        with KnowledgeBase.open(path, mode="w") as kb:
            kb.add(documents(120, start=1000))


def with_log(path: Path, copy: Path) -> None:
    """A store as a killed writer leaves it: commits that stand in the log only."""
    with KnowledgeBase.open(path, mode="w") as kb:
        kb.add(documents(8, start=2000))
        shutil.copytree(path, copy)


def truncate(size: int) -> Change:
    return lambda path: os.truncate(path, size)


def flip(bit: int) -> Change:
    def change(path: Path) -> None:
        data = bytearray(path.read_bytes())
        data[bit // 8] ^= 1 << bit % 8
        path.write_bytes(data)

    return change


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"x")


def replace_by(make: Change) -> Change:
    def change(path: Path) -> None:
        path.unlink()
        make(path)

    return change


def changes(path: Path, others: list[Path], *, flips: int, cuts: int) -> Iterator[tuple[str, Change]]:
    size = path.stat().st_size
    dice = random.Random(f"{SEED}{path.name}")
    for cut in sorted({size * i // cuts for i in range(cuts)} | {max(size - 1, 0)}):
        yield f"cut to {cut}", truncate(cut)
    for i in range(flips if size else 0):
        bit = dice.randrange(8 * (min(size, 200) if i % 2 else size))
        yield f"bit {bit}", flip(bit)
    yield "one byte more", append
    yield "deleted", lambda p: p.unlink()
    yield "folder", replace_by(Path.mkdir)
    yield "pipe", replace_by(os.mkfifo)
    yield "link", replace_by(lambda p: p.symlink_to("/etc/passwd"))
    for other in others:
        if other.is_file() and other.read_bytes() != path.read_bytes():
            yield f"that of {other.parts[-3] if 'generations' in other.parts else other.parts[-2]}", _swapped(other)


def _swapped(other: Path) -> Change:
    def change(path: Path) -> None:
        shutil.copyfile(other, path)

    return change


def search(path: Path) -> str:
    """Answers, or the error, of a reader."""
    try:
        with KnowledgeBase.open(path, embedder=E) as kb:
            found = [
                answers(kb, 6),
                kb.index("dense", "hnsw").search(E.embed_queries(["otter"]), 5).ids.tolist(),
            ]
            return "answers " + json.dumps(found)
    except StoreCorrupt as error:
        return f"corrupt {error}"


def digest(path: Path) -> str:
    parts: list[object] = [path.lstat().st_mode]
    if path.is_file() and not path.is_symlink():
        parts.append(hashlib.sha256(path.read_bytes()).hexdigest())
    return str(parts)


def check(place: Path, tally: Tally) -> None:
    """Damage every file of a store, then search."""
    need_fork()
    result = trials(place, flips=5, cuts=2)
    tally.tried += result.trials
    tally.bad += result.bad
    tally.facts |= {"files": result.files, "refused": result.refused, "answered rightly": result.right}


@dataclass
class Result:
    """Trials, of how many files; those refused, those with right answers; what was wrong."""

    trials: int = 0
    files: int = 0
    refused: int = 0
    right: int = 0
    bad: list[str] = field(default_factory=list)


def trials(work: Path, *, flips: int, cuts: int, only: str = "*", plant: Callable[[], object] | None = None) -> Result:
    """Damage the files of a store whose names match ``only``; ``plant`` makes a defect before."""
    build(work / "kb", 0, older=work / "older")
    build(work / "other", 500)
    with_log(work / "kb", work / "killed")
    if plant:
        plant()
    result = Result()
    for store in ("kb", "killed"):
        whole = search(work / store)
        assert whole.startswith("answers"), whole
        for path in sorted((work / store).rglob(only)):
            if not path.is_file() or (store == "killed" and "-wal" not in path.name and "-shm" not in path.name):
                continue
            name = path.relative_to(work / store)
            others = [work / other / _namesake(work / other, name) for other in ("other", "older")]
            result.files += 1
            for how, change in changes(path, others, flips=flips, cuts=cuts):
                result.trials += 1
                wrong = trial(work / "try", work / store, name, change, whole, result)
                if wrong:
                    result.bad.append(f"{store}/{name} {how}: {wrong[-400:]}")
                    if plant:
                        return result  # it is caught
    return result


def _namesake(store: Path, name: Path) -> Path:
    """The file of another store that plays the same part."""
    if name.parts[0] != "generations":
        return name
    engine = name.parts[1].partition("-")[2]
    return next((p.relative_to(store) for p in store.glob(f"generations/*-{engine}/{name.name}")), name)


def trial(place: Path, store: Path, name: Path, change: Change, whole: str, result: Result) -> str:
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(store, place)
    change(place / name)
    left = digest(place / name) if os.path.lexists(place / name) else ""
    status, said = in_child(lambda: search(place))
    if status:
        return f"status {status}: {said}"
    touched = left and "shm" not in name.name and digest(place / name) != left
    if said == whole:
        result.right += 1
        return ""
    if not said.startswith("corrupt"):
        return f"wrong answers: {said[:200]}"
    result.refused += 1
    part = "/".join(name.parts[:2]) if name.parts[0] == "generations" else "store.sqlite"
    if part not in said or (name.parts[0] == "generations" and name.name not in said and "missing" not in said):
        return f"does not name the file: {said}"
    return "the damaged file was changed by reading it" if touched else ""
