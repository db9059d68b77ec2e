"""Ingest, read to searchable and durable, against the bare model's encode of the same chunks with a faiss flat index.

    python benchmarks/ingest.py DATA [DATA...] [--rounds 3] [--json]

DATA is what `rag ingest` takes: a folder, or beir:DIR. Both sides hold their model loaded; they run in turn, and the
ratio is taken round by round. The bare side embeds exactly the texts that our side embeds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import faiss
from machine import machine
from sentence_transformers import SentenceTransformer

from pipelines.ingest import Options, ingest
from rag.documents.document import context_text
from rag.embedding import embedder
from rag.embedding.models import find_model
from rag.knowledge_base import KnowledgeBase


def texts_of(kb_path: Path) -> list[str]:
    """Return what was embedded."""
    with KnowledgeBase.open(kb_path) as kb:
        ids = kb.chunk_ids()
        return [context_text(c.title, c.heading, c.text) for c in kb.chunks(ids)]


def bare(model: SentenceTransformer, texts: list[str]) -> float:
    start = time.perf_counter()
    vectors = model.encode(texts, normalize_embeddings=True)
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    return time.perf_counter() - start


def ours(data: str, model: object, into: Path) -> tuple[float, int]:
    start = time.perf_counter()
    report = ingest([data], into, options=Options(embedder=model))
    with KnowledgeBase.open(into, embedder=model) as kb:
        kb.index("dense").search(model.embed_queries(["warm"]), 1)  # searchable, not only written
    return time.perf_counter() - start, report.chunks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--runtime", default="auto")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    model = embedder(runtime=args.runtime)
    model.embed_passages(["warm up"] * 8)
    reference = SentenceTransformer(str(find_model().folder), device="cpu")
    reference.encode(["warm up"] * 8)
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        for data in args.data:
            first = Path(scratch) / "first"
            ours(data, model, first)
            texts = texts_of(first)
            pairs = []
            for i in range(args.rounds):
                seconds, chunks = ours(data, model, Path(scratch) / f"kb{len(rows)}-{i}")
                pairs.append((seconds, bare(reference, texts)))
            row = {
                "data": Path(data).name,
                "chunks": chunks,
                "ours_s": statistics.median(a for a, _ in pairs),
                "bare_s": statistics.median(b for _, b in pairs),
                "speedup": statistics.median(b / a for a, b in pairs),
                "speedups": [round(b / a, 2) for a, b in pairs],
            }
            rows.append(row)
            first.rename(Path(scratch) / f"done{len(rows)}")
    result = {"rows": rows, "runtime": args.runtime, "machine": machine()}
    if args.json:
        print(json.dumps(result, indent=2))
        return
    for row in rows:
        print(
            f"{row['data']}: {row['chunks']} chunks, ours {row['ours_s']:.1f} s, bare {row['bare_s']:.1f} s, "
            f"{row['speedup']:.2f} times as fast {row['speedups']}"
        )
    print(result["machine"])


if __name__ == "__main__":
    main()
