"""Speed and memory of the chunkers, one thread: python benchmarks/chunking.py DOCUMENTS... [--json OUT].

DOCUMENTS are what `rag ingest` takes: files, folders, beir:DIR. Each chunker runs twice, as words met before cost less;
the tokenizer alone over the same texts stands beside. Then single lines of 10 MB that tempt a splitter.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import time
from pathlib import Path

os.environ.update(RAYON_NUM_THREADS="1", TOKENIZERS_PARALLELISM="false", OMP_NUM_THREADS="1")

SPECS = ["headings:256/32", "tokens:256/32", "sentences:256/1", "recursive:256", "code:256"]
TEN_MB = 10_000_000


def lines() -> dict[str, str]:
    rng = random.Random(0)
    return {
        "no spaces": "x" * TEN_MB,
        "words": "lorem ipsum dolor " * (TEN_MB // 18),
        "one-letter words": "a " * (TEN_MB // 2),
        "Chinese": "".join(chr(0x4E00 + rng.randrange(5000)) for _ in range(TEN_MB // 3)),
        "base64": "".join(rng.choices("abcdefghijklmnopqrstuvwxyzABCDEFGH0123456789+/", k=TEN_MB)),
        "headings": "# h\n\nx\n\n" * (TEN_MB // 80),
    }


def peak_mib() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) // 1024


def timed(call) -> float:
    begin = time.process_time()
    call()
    return time.process_time() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("documents", nargs="+")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()

    from rag.chunking import chunker
    from rag.documents.document import Document, Section
    from rag.embedding import embedder
    from rag.loaders import load

    model = embedder()
    tokenizer = model.tokenizer
    rows: list[dict[str, object]] = []
    for path in options.documents:
        documents = list(load(path))
        size = sum(len(document.text.encode()) for document in documents) / 1e6
        alone = timed(lambda documents=documents: [tokenizer.offsets([document.text]) for document in documents])
        rows.append({"data": path, "what": "tokenizer alone", "MB/s": round(size / alone, 2)})
        for spec in SPECS:
            made = chunker(spec, tokenizer)
            first = timed(lambda made=made, documents=documents: [made.chunk(document) for document in documents])
            chunks: list[int] = []
            again = timed(
                lambda made=made, out=chunks, documents=documents: out.extend(len(made.chunk(d)) for d in documents)
            )
            speeds = {"MB/s": round(size / first, 2), "MB/s again": round(size / again, 2)}
            rows.append({"data": path, "what": spec, **speeds, "chunks": sum(chunks)})
    for name, text in lines().items():
        sections = (
            tuple(Section(at, at + 6, (f"h{at}",)) for at in range(0, len(text), 8)) if name == "headings" else ()
        )
        document = Document("line", text, sections=sections)
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
        before = peak_mib()
        made = chunker("headings:256/32", tokenizer)
        seconds = timed(lambda made=made, document=document: made.chunk(document))
        rows.append({"data": f"10 MB: {name}", "what": made.name, "s": round(seconds, 1), "MiB": peak_mib() - before})
    for row in rows:
        print(json.dumps(row, ensure_ascii=False))
    if options.json:
        about = {"machine": platform.processor() or platform.machine(), "python": platform.python_version()}
        options.json.write_text(
            json.dumps({"about": about, "model": model.name, "rows": rows}, indent=1, ensure_ascii=False)
        )


if __name__ == "__main__":
    main()
