"""What vectors of sentences find, and what they cost: nDCG@10, ingest time, memory, disk and search time.

    python benchmarks/granularity.py BEIR_DIR [BEIR_DIR...] [--split test] [--questions N] [--cache DIR] [--json]

Each folder becomes a knowledge base a granularity; the same questions are answered by the dense search alone and by the
default hybrid. nDCG@10 is by document, by trec_eval's own code, with a paired permutation test against ``chunk``. Times
are wall-clock and CPU seconds of the process (all threads); search times are of questions one by one, in turn.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from machine import machine
from retrieval_quality import judgments, ours

from rag.embedding import embedder
from rag.evaluation.comparison import compare
from rag.knowledge_base import KnowledgeBase
from rag.loaders import load
from rag.retrieval.retriever import Retriever
from rag.store.granularity import GRANULARITIES

TIMED = 200


def made(data: Path, place: Path, granularity: str, model: object) -> dict[str, float]:
    """Ingest, where that was not done before; return what it cost."""
    facts = place / f"{granularity}.json"
    kb_path = place / granularity
    if not KnowledgeBase.exists(kb_path):
        wall, cpu = time.perf_counter(), time.process_time()
        with KnowledgeBase.create(kb_path, embedder=model, granularity=granularity) as kb:
            report = kb.add(load(f"beir:{data}"))
            row = {"chunks": report.chunks, "embedded": report.embedded}
        row |= {"ingest_s": time.perf_counter() - wall, "ingest_cpu_s": time.process_time() - cpu}
        facts.write_text(json.dumps(row))
    return json.loads(facts.read_text())


def by_question(run: dict, qrels: dict) -> dict[str, float]:
    import ir_measures
    from ir_measures import nDCG

    return {m.query_id: m.value for m in ir_measures.pytrec_eval.iter_calc([nDCG @ 10], qrels, run)}


def sizes(kb: KnowledgeBase) -> dict[str, float]:
    index = kb.dense()
    held = sum(kb.index("dense").memory().values())
    if hasattr(index, "sentences"):
        held += sum(index.sentences.index.memory().values())
    return {"vectors_mb": held / 1e6, "disk_mb": kb.status().disk_bytes / 1e6}


def search_ms(kbs: dict[str, KnowledgeBase], questions: list[str]) -> dict[str, dict[str, float]]:
    """Time one question after another, the granularities in turn."""
    retrievers = {name: Retriever(kb, rewrite="none") for name, kb in kbs.items()}
    wall: dict[str, list[float]] = {name: [] for name in kbs}
    cpu: dict[str, list[float]] = {name: [] for name in kbs}
    for i, question in enumerate(questions):
        for name, retriever in retrievers.items():
            start, used = time.perf_counter(), time.process_time()
            found = retriever.search(question)
            if i >= 20:
                wall[name].append(1000 * (time.perf_counter() - start - found.timings["embed"]))
                cpu[name].append(1000 * (time.process_time() - used))
    return {
        name: {"search_p50_ms": statistics.median(wall[name]), "question_cpu_ms": statistics.median(cpu[name])}
        for name in kbs
    }


def measure(data: Path, place: Path, args: argparse.Namespace, model: object) -> dict[str, dict]:
    questions, qrels = judgments(data, args.split, args.questions)
    rows = {name: made(data, place, name, model) for name in GRANULARITIES}
    kbs = {name: KnowledgeBase.open(place / name, embedder=model) for name in GRANULARITIES}
    base: dict[str, dict[str, float]] = {}
    for name, kb in kbs.items():
        rows[name] |= sizes(kb)
        for way, options in (("dense", {"fusion": "dense"}), ("hybrid", {})):
            values = by_question(ours(kb, questions, options), qrels)
            rows[name][way] = float(np.mean(list(values.values())))
            base.setdefault(way, values)
            if name != "chunk":
                rows[name][f"{way}_p"] = compare(values, base[way], metric="nDCG@10").p
    for name, times in search_ms(kbs, list(questions.values())[:TIMED]).items():
        rows[name] |= times
    for kb in kbs.values():
        kb.close()
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+", type=Path)
    parser.add_argument("--split", default="test")
    parser.add_argument("--questions", type=int)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    model = embedder()
    model.embed_passages(["warm up"] * 8)
    results = {}
    with tempfile.TemporaryDirectory() as scratch:
        for data in args.data:
            place = (args.cache or Path(scratch)) / f"{data.parent.name}-{data.name}"
            place.mkdir(parents=True, exist_ok=True)
            results[str(data)] = rows = measure(data, place, args, model)
            print(f"\n{data.name} ({args.split}), {rows['chunk']['chunks']} chunks")
            for name, row in rows.items():
                print(f"{name:16}" + "  ".join(f"{k} {v:.4g}" for k, v in row.items() if v is not None), flush=True)
    if args.json:
        print(json.dumps({"results": results, "machine": machine()}, indent=1))


if __name__ == "__main__":
    main()
