"""What the store itself costs, beside a free embedder: writing, opening, reading passages, filters, small additions.

    python benchmarks/store.py [--documents 20000] [--dim 384]

Texts are random words; the embedder draws random vectors, so that embedding takes next to nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from rag.documents.document import Document
from rag.embedding import WordTokenizer
from rag.knowledge_base import KnowledgeBase

SEED = 3


class FreeEmbedder:
    name, revision = "random", "1"

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self.tokenizer = WordTokenizer(256)

    def embed_passages(self, texts: Sequence[str]) -> np.ndarray:
        seed = len(texts[0]) if texts else 0
        vectors = np.random.default_rng(seed).standard_normal((len(texts), self.dim), np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    embed_queries = embed_passages


def documents(count: int, start: int = 0) -> Iterator[Document]:
    words = np.array([f"word{n}" for n in range(20_000)])
    for n in range(start, start + count):
        dice = np.random.default_rng((SEED, n))
        text = " ".join(words[np.minimum(dice.zipf(1.3, 240), 20_000) - 1])
        yield Document.from_text(f"{n} {text}", id=f"d{n}", title=f"Title {n}", n=n, group=n % 10)


def timed(work: Callable[[], object], repeat: int = 1) -> float:
    """Median seconds."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def written() -> int:
    """Bytes this process has sent to disk so far."""
    lines = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(lines["write_bytes"])


def folder_size(path: Path) -> int:
    return sum(p.stat().st_size for p in path.rglob("*") if p.is_file())


def measure(path: Path, count: int, dim: int) -> dict[str, float]:
    embedder = FreeEmbedder(dim)
    docs = list(documents(count))
    out: dict[str, float] = {}
    with KnowledgeBase.create(path, embedder=embedder, chunker="document") as kb:
        seconds = timed(lambda: kb.add(docs))
        out["ingest_chunks_per_s"] = len(kb.chunk_ids()) / seconds
        out["ingest_unchanged_per_s"] = count / timed(lambda: kb.add(docs))
        before = written()
        out["add_ten_ms"] = 1e3 * timed(lambda: kb.add(documents(10, start=count)))
        out["add_ten_written_kb"] = (written() - before) / 1e3
    out["size_per_chunk_bytes"] = folder_size(path) / count
    out["open_ms"] = 1e3 * timed(lambda: KnowledgeBase.open(path, embedder=embedder).close(), 20)
    kb = KnowledgeBase.open(path, embedder=embedder)
    query = embedder.embed_queries(["some question"])
    out["first_dense_ms"] = 1e3 * timed(lambda: kb.index("dense").search(query, 10))
    out["first_terms_ms"] = 1e3 * timed(lambda: kb.index("terms").search([["word3", "word77"]], 10))
    dice = np.random.default_rng(SEED)
    ids = kb.chunk_ids()
    for k in (5, 100):
        out[f"chunks_{k}_ms"] = 1e3 * timed(lambda k=k: kb.chunks(dice.choice(ids, k, replace=False)), 200)
    out["vectors_100_ms"] = 1e3 * timed(lambda: kb.vectors(dice.choice(ids, 100, replace=False)), 100)
    out["filter_ms"] = 1e3 * timed(lambda: kb.allowed("group == 3 and n > 100"))
    out["filter_again_us"] = 1e6 * timed(lambda: kb.allowed("group == 3 and n > 100"), 100)
    out["verify_s"] = timed(kb.verify)
    kb.close()
    out["rss_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    return {name: round(value, 3) for name, value in out.items()}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--documents", type=int, default=20_000)
    arguments.add_argument("--dim", type=int, default=384)
    given = arguments.parse_args()
    work = Path(tempfile.mkdtemp())
    try:
        figures = measure(work / "kb", given.documents, given.dim)
    finally:
        shutil.rmtree(work)
    print(
        json.dumps(
            {"documents": given.documents, "dim": given.dim, "seed": SEED, "cpus": os.cpu_count(), **figures}, indent=1
        )
    )


if __name__ == "__main__":
    main()
