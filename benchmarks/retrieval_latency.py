"""How long one question takes: the default hybrid retrieval against the bare model's encode and faiss search.

    python benchmarks/retrieval_latency.py BEIR_DIR [--questions 200] [--rounds 3] [--cache DIR] [--json]

Each side runs in a process of its own, by turns: the thread pools of two libraries in one process slow each other. A
side holds its model and index loaded, answers the same questions one by one, and finds the same number of passages
over the same chunks. The bare side is SentenceTransformer.encode in fp32 and a faiss flat search, which gives ids
only; ours embeds, searches vectors and terms, fuses and fetches the passages. Figures are medians over the rounds.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from beir import knowledge_base
from machine import machine

from rag.knowledge_base import KnowledgeBase

K = 5
WARM_UP = 20
Stages = dict[str, float]


def bare_search(kb: KnowledgeBase) -> Callable[[str], Stages]:
    import faiss
    from sentence_transformers import SentenceTransformer

    from rag.embedding.models import find_model

    index = faiss.IndexFlatIP(kb.dim)
    index.add(kb.vectors(kb.chunk_ids()))
    model = SentenceTransformer(str(find_model().folder), device="cpu")

    def search(question: str) -> Stages:
        index.search(model.encode([question], normalize_embeddings=True), K)
        return {}

    return search


def our_search(kb: KnowledgeBase) -> Callable[[str], Stages]:
    from rag.retrieval.retriever import Retriever

    retriever = Retriever(kb, k=K, rewrite="none")
    return lambda question: dict(retriever.search(question).timings)


SIDES = {"bare": bare_search, "ours": our_search}


def measure(side: str, place: Path, questions: list[str]) -> dict[str, float]:
    """Return the percentiles of one side, and the medians of its stages, in milliseconds."""
    times: dict[str, list[float]] = defaultdict(list)
    with KnowledgeBase.open(place) as kb:
        search = SIDES[side](kb)
        for question in questions[:WARM_UP]:
            search(question)
        for question in questions:
            start = time.perf_counter()
            stages = search(question)
            times["all"].append(1000 * (time.perf_counter() - start))
            for stage, seconds in stages.items():
                times[stage].append(1000 * seconds)
    cuts = statistics.quantiles(times.pop("all"), n=100)
    return {"p50": cuts[49], "p95": cuts[94], **{stage: statistics.median(spent) for stage, spent in times.items()}}


def medians(rounds: list[dict[str, float]]) -> dict[str, float]:
    return {name: statistics.median(found[name] for found in rounds) for name in rounds[0]}


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
    rounds: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
    with (
        knowledge_base(args.data, place) as kb,
        multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool,
    ):
        chunks = len(kb.chunk_ids())
        for number in range(args.rounds):
            for side in sorted(SIDES, reverse=number % 2 == 1):
                rounds[side].append(pool.apply(measure, (side, kb.path, questions)))
    result = {side: medians(found) for side, found in rounds.items()}
    ratio = result["ours"]["p50"] / result["bare"]["p50"]
    for side, found in result.items():
        print(f"{side}: " + ", ".join(f"{name} {spent:.2f} ms" for name, spent in found.items()))
    print(f"ratio of p50: {ratio:.3f}, over {chunks:,} chunks")
    if args.json:
        print(json.dumps({"sides": result, "ratio_p50": ratio, "chunks": chunks, "machine": machine()}, indent=1))


if __name__ == "__main__":
    main()
