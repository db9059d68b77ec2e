"""Damages every file of a store in every way, then opens and searches it; prints one JSON object."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

sys.path.insert(0, str(Path(__file__).parent))

from conftest import CHUNKER, answers, documents
from forking import in_child

from rag.embedding import HashingEmbedder
from rag.errors import StoreCorrupt
from rag.knowledge_base import KnowledgeBase
from rag.store import generations

SEED = 11
Change = Callable[[Path], None]


def build(path: Path, start: int, *, older: Path | None = None) -> None:
    options = {"embedder": HashingEmbedder(32), "chunker": CHUNKER, "granularity": "chunk+sentence"}
    with KnowledgeBase.create(path, indexes=["flat", "hnsw", "bm25"], **options) as kb:
        kb.add(documents(30, start=start))
        if older is not None:
            kb._session.close()
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
    return lambda path: shutil.copyfile(other, path)


def search(path: Path) -> str:
    """Answers, or the error, of a reader."""
    try:
        with KnowledgeBase.open(path, embedder=HashingEmbedder(32)) as kb:
            found = [
                answers(kb, 6),
                kb.index("dense", "hnsw").search(HashingEmbedder(32).embed_queries(["otter"]), 5).ids.tolist(),
            ]
            return "answers " + json.dumps(found)
    except StoreCorrupt as error:
        return f"corrupt {error}"


def digest(path: Path) -> str:
    parts = [path.lstat().st_mode]
    if path.is_file() and not path.is_symlink():
        parts.append(hashlib.sha256(path.read_bytes()).hexdigest())
    return str(parts)


def check_digest_late() -> None:
    """Planted defect: the index is used without its digests having been looked at."""
    import indexes
    from indexes import files

    def unchecked(path: object) -> dict:
        return files._read_manifest(Path(path))

    files.verify = unchecked
    generations._cause = lambda place, pointer: ""
    assert indexes


def no_page_checksums() -> None:
    """Planted defect: the database without page checksums."""
    from rag.store import database

    configure = database._configure

    def without(db: object) -> None:
        configure(db)
        db.pragma("checksum_verification", False)

    database._configure = without
    database._check_opened = lambda db, path: None


DEFECTS = {"digest": check_digest_late, "checksum": no_page_checksums}


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--flips", type=int, default=8)
    arguments.add_argument("--cuts", type=int, default=3)
    arguments.add_argument("--defect", choices=sorted(DEFECTS))
    arguments.add_argument("--only", default="*", help="name of the files to damage")
    given = arguments.parse_args()
    work = Path(tempfile.mkdtemp())
    try:
        print(json.dumps(trials(work, given.flips, given.cuts, given.defect, given.only)))
    finally:
        shutil.rmtree(work)


def trials(work: Path, flips: int, cuts: int, defect: str | None, only: str) -> dict[str, object]:
    start = time.perf_counter()
    build(work / "kb", 0, older=work / "older")
    build(work / "other", 500)
    with_log(work / "kb", work / "killed")
    if defect:
        DEFECTS[defect]()
    result = {"trials": 0, "refused": 0, "right": 0, "bad": [], "files": 0}
    for store in ("kb", "killed"):
        whole = search(work / store)
        assert whole.startswith("answers"), whole
        for path in sorted((work / store).rglob(only)):
            if not path.is_file() or (store == "killed" and "-wal" not in path.name and "-shm" not in path.name):
                continue
            name = path.relative_to(work / store)
            others = [work / other / _namesake(work / other, name) for other in ("other", "older")]
            result["files"] += 1
            for how, change in changes(path, others, flips=flips, cuts=cuts):
                result["trials"] += 1
                wrong = trial(work / "try", work / store, name, change, whole, result)
                if wrong:
                    result["bad"].append(f"{store}/{name} {how}: {wrong[-400:]}")
                    if defect:
                        return result  # it is caught
    result["seconds"] = round(time.perf_counter() - start, 1)
    return result


def _namesake(store: Path, name: Path) -> Path:
    """The file of another store that plays the same part."""
    if name.parts[0] != "generations":
        return name
    engine = name.parts[1].partition("-")[2]
    return next((p.relative_to(store) for p in store.glob(f"generations/*-{engine}/{name.name}")), name)


def trial(place: Path, store: Path, name: Path, change: Change, whole: str, result: dict) -> str:
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(store, place)
    change(place / name)
    left = digest(place / name) if os.path.lexists(place / name) else ""
    status, said = in_child(lambda: search(place))
    if status:
        return f"status {status}: {said}"
    touched = left and "shm" not in name.name and digest(place / name) != left
    if said == whole:
        result["right"] += 1
        return ""
    if not said.startswith("corrupt"):
        return f"wrong answers: {said[:200]}"
    result["refused"] += 1
    part = "/".join(name.parts[:2]) if name.parts[0] == "generations" else "store.sqlite"
    if part not in said or (name.parts[0] == "generations" and name.name not in said and "missing" not in said):
        return f"does not name the file: {said}"
    return "the damaged file was changed by reading it" if touched else ""


if __name__ == "__main__":
    main()
