"""Peak resident memory of `rag ingest` at one and at ten times a corpus.

    python benchmarks/ingest_memory.py beir:DIR [--json]

The ten-fold corpus holds ten copies whose texts differ, so that nothing is taken from the embedding cache.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from machine import machine

_CHILD = """
import json, resource, sys
from pipelines.ingest import Options, ingest
report = ingest([sys.argv[1]], sys.argv[2], options=Options(embedder=sys.argv[3] or None))
print(json.dumps({"chunks": report.chunks, "peak_kb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))
"""


def copies(corpus: Path, n: int, into: Path) -> None:
    """Write n variants of a BEIR corpus."""
    into.mkdir(parents=True)
    with (into / "corpus.jsonl").open("w") as out:
        for i in range(n):
            for line in corpus.open():
                row = json.loads(line)
                row["_id"], row["text"] = f"{row['_id']}-{i}", f"{row['text']} Copy {i}."
                out.write(json.dumps(row) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--embedder", default="")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    corpus = Path(args.data.removeprefix("beir:")) / "corpus.jsonl"
    rows = {}
    with tempfile.TemporaryDirectory() as scratch:
        for n in (1, 10):
            folder = Path(scratch) / f"x{n}"
            copies(corpus, n, folder)
            command = [sys.executable, "-c", _CHILD, f"beir:{folder}", str(Path(scratch) / f"kb{n}"), args.embedder]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            rows[n] = json.loads(done.stdout.splitlines()[-1])
    result = {"rows": rows, "page_kb": resource.getpagesize() // 1024, "machine": machine()}
    if args.json:
        print(json.dumps(result, indent=2))
        return
    for n, row in rows.items():
        print(f"{n}x: {row['chunks']} chunks, peak {row['peak_kb'] / 1024:.0f} MiB")
    print(result["machine"])


if __name__ == "__main__":
    main()
