"""Where users wait: import, a cold question, an ingest of nothing new.

    python benchmarks/waiting.py KB "QUESTION" [--files 1000] [--rounds 7] [--json]

Each figure is the wall time of a whole process, median and range of the rounds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import machine

RAG = [sys.executable, "-m", "pipelines.cli"]


def wall(command: list[str], rounds: int) -> dict[str, float]:
    """Run a command several times after one warm-up."""
    seconds = []
    for i in range(rounds + 1):
        start = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if i:
            seconds.append(time.perf_counter() - start)
        if done.returncode not in {0, 7}:
            sys.exit(done.stderr)
    return {"median_s": statistics.median(seconds), "min_s": min(seconds), "max_s": max(seconds)}


def unchanged(files: int, rounds: int) -> dict[str, float]:
    """Ingest a tree again that has not changed."""
    with tempfile.TemporaryDirectory() as scratch:
        tree = Path(scratch) / "tree"
        for i in range(files):
            path = tree / f"{i % 20:02}" / f"{i:04}.md"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"# Note {i}\n\nThis is note number {i}. It says that {i} times two is {2 * i}.\n")
        command = [*RAG, "ingest", str(tree), "--into", str(Path(scratch) / "kb")]
        return wall(command, rounds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kb")
    parser.add_argument("question")
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    result = {
        "python starts": wall([sys.executable, "-c", "pass"], args.rounds),
        "import rag": wall([sys.executable, "-c", "import rag"], args.rounds),
        "rag --version": wall([*RAG, "--version"], args.rounds),
        "cold rag ask": wall([*RAG, "ask", args.kb, args.question], args.rounds),
        f"re-ingest of {args.files} unchanged files": unchanged(args.files, args.rounds),
    }
    if args.json:
        print(json.dumps({"figures": result, "machine": machine()}, indent=2))
        return
    for name, row in result.items():
        print(f"{name}: {row['median_s']:.2f} s ({row['min_s']:.2f}-{row['max_s']:.2f})")
    print(machine())


if __name__ == "__main__":
    main()
