"""Mutated files: none may crash the process that reads, hang it, or leave a child behind.

    python benchmarks/mutated_files.py DOCUMENTS [MORE ...] [--n 10000] [--seed 13] [--seconds 600] [--json]

Each file is one of the given ones with bytes flipped, pieces cut out, repeated or put elsewhere, or a piece of another
file put in; the seed decides. They are written in batches and read as `rag ingest` reads them. Counted are documents
and failures by reason; a `crash` is that of a child, which the reading process survives and lists. The program fails
where the reading itself raises, a file comes out neither as a document nor as a failure, or a child is left.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from machine import machine

from rag.loaders import LoadFailure, discover, load_files

BATCH = 250
LARGEST = 2 << 20
"""Bytes of a file that is mutated; larger ones take time and show nothing more."""


def mutated(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """Return a file with one to four changes."""
    made = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at, length = rng.randrange(len(made) + 1), rng.choice((1, 4, 16, 256, 4096, len(made) // 4 + 1))
        way = rng.choice(("flip", "flip", "cut", "end", "repeat", "move", "splice"))
        piece = bytes(made[at : at + length])
        if way == "flip":
            for _ in range(rng.choice((1, 1, 8, 64))):
                if made:
                    made[rng.randrange(len(made))] ^= 1 << rng.randrange(8)
        elif way == "cut":
            del made[at : at + length]
        elif way == "end":
            del made[at:]
        elif way == "repeat":
            made[at:at] = piece * rng.randint(1, 3)
        elif way == "move":
            del made[at : at + length]
            made[(to := rng.randrange(len(made) + 1)) : to] = piece
        else:
            begin = rng.randrange(len(other) + 1)
            made[at : at + length] = other[begin : begin + length]
    return bytes(made)


def originals(paths: Sequence[Path]) -> list[tuple[str, bytes]]:
    files = sorted(p for path in paths for p in (path.rglob("*") if path.is_dir() else [path]) if p.is_file())
    read = [(p.name, p.read_bytes()) for p in files if 0 < p.stat().st_size <= LARGEST and p.name != "SOURCE.txt"]
    if not read:
        sys.exit("no files of up to 2 MB there")
    return read


def children() -> set[int]:
    """Return the processes that this one has started and that still run; Linux only."""
    found = set()
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = place.read_text(encoding="utf-8").rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if int(parent) == os.getpid() and state != "Z":
            found.add(int(place.parent.name))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=13)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no batch after so many")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    files, rng = originals(args.paths), random.Random(args.seed)
    start, before, outcome = time.perf_counter(), children(), Counter[str]()
    tried, slowest, crashed = 0, (0.0, ""), list[str]()
    while tried < args.n and time.perf_counter() - start < args.seconds:
        folder = Path(tempfile.mkdtemp(prefix="mutated-"))
        for number in range(tried, min(args.n, tried + BATCH)):
            name, data = rng.choice(files)
            (folder / f"{number:06}-{name.replace('#', '-')}").write_bytes(mutated(data, rng.choice(files)[1], rng))
            tried += 1
        missing = {path.name for path in folder.iterdir()}
        mark = time.perf_counter()
        for item in load_files(discover([folder])):
            name = item.source.removeprefix(f"{folder}/").partition("#")[0]
            missing.discard(name)
            outcome[item.reason_class if isinstance(item, LoadFailure) else "document"] += 1
            if isinstance(item, LoadFailure) and item.reason_class in {"crash", "timeout", "memory"}:
                crashed.append(f"{name}: {item}")
            now = time.perf_counter()
            slowest, mark = max(slowest, (now - mark, name)), now
        if missing:
            sys.exit(f"without a word: {sorted(missing)[:5]}; they lie in {folder}")
        if left := children() - before:
            sys.exit(f"children are left: {left}")
        shutil.rmtree(folder)
        print(f"{tried} files, {time.perf_counter() - start:.0f} s: {dict(outcome)}", flush=True)
    print(f"slowest: {slowest[0]:.1f} s, {slowest[1]}")
    print(*crashed, sep="\n")
    result = {"files": tried, "seconds": round(time.perf_counter() - start, 1), "outcome": dict(outcome)}
    if args.json:
        print(json.dumps({**result, "machine": machine()}, indent=1))


if __name__ == "__main__":
    main()
