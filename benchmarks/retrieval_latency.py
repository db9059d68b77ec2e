"""How long one question takes: the default hybrid retrieval against the bare model's encode and faiss search.

    python benchmarks/retrieval_latency.py BEIR_DIR [--questions 200] [--rounds 3] [--cache DIR] [--json]

Both sides hold their model and index loaded, answer the same questions one by one, taking turns question by question,
and find the same number of passages over the same chunks. The bare side is SentenceTransformer.encode in fp32 and a
faiss flat search, which gives ids only; ours embeds, searches vectors and terms, fuses and fetches the passages.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from pathlib import Path

import faiss
from beir import knowledge_base
from machine import machine
from sentence_transformers import SentenceTransformer

from rag.embedding.models import find_model
from rag.knowledge_base import KnowledgeBase
from rag.retrieval.retriever import Retriever

K = 5
WARM_UP = 20


def timed(action, *arguments):
    start = time.perf_counter()
    result = action(*arguments)
    return 1000 * (time.perf_counter() - start), result


def percentiles(milliseconds: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(milliseconds, n=100)
    return {"p50_ms": cuts[49], "p95_ms": cuts[94]}


def measure(kb: KnowledgeBase, questions: list[str], rounds: int) -> dict[str, object]:
    ids = kb.chunk_ids()
    index = faiss.IndexFlatIP(kb.dim)
    index.add(kb.vectors(ids))
    model = SentenceTransformer(str(find_model().folder), device="cpu")
    retriever = Retriever(kb, k=K, rewrite="none")

    def bare(question: str):
        return index.search(model.encode([question], normalize_embeddings=True), K)

    for question in questions[:WARM_UP]:
        bare(question)
        retriever.retrieve(question)
    times: dict[str, list[float]] = {"bare": [], "ours": []}
    stages: dict[str, list[float]] = {}
    for _ in range(rounds):
        for question in questions:
            times["bare"].append(timed(bare, question)[0])
            spent, found = timed(retriever.search, question)
            times["ours"].append(spent)
            for stage, seconds in found.timings.items():
                stages.setdefault(stage, []).append(1000 * seconds)
    result: dict[str, object] = {side: percentiles(found) for side, found in times.items()}
    result["stages_p50_ms"] = {stage: statistics.median(found) for stage, found in stages.items()}
    result["ratio_p50"] = result["ours"]["p50_ms"] / result["bare"]["p50_ms"]
    result["chunks"] = len(ids)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cache", type=Path, help="where the knowledge base is kept for the next time")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    texts = [json.loads(line)["text"] for line in (args.data / "queries.jsonl").read_text().splitlines()]
    questions = random.Random(0).sample(texts, min(args.questions, len(texts)))
    place = args.cache and args.cache / f"{args.data.parent.name}-{args.data.name}" / "kb"
    with knowledge_base(args.data, place) as kb:
        result = measure(kb, questions, args.rounds)
    for side in ("bare", "ours"):
        print(f"{side}: p50 {result[side]['p50_ms']:.2f} ms, p95 {result[side]['p95_ms']:.2f} ms")
    print("stages, p50: " + ", ".join(f"{name} {ms:.2f} ms" for name, ms in result["stages_p50_ms"].items()))
    print(f"ratio of p50: {result['ratio_p50']:.3f}")
    if args.json:
        print(json.dumps({**result, "machine": machine()}, indent=1))


if __name__ == "__main__":
    main()
