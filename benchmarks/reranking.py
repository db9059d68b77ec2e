"""What rerankers and context steps change: nDCG@10 with a paired test, and milliseconds a question.

    python benchmarks/reranking.py KB BEIR_DIR [--split test] [--questions N] [--in 20]
        [--rerank late-interaction] [--rerank mmr] [--json]

KB holds the folder's documents. The default hybrid finds 100 passages a question; each reranker looks at the first
``--in``. nDCG@10 is by document, by trec_eval's own code; p is of a paired permutation test against the plain hybrid,
corrected by Holm over the rerankers.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

import numpy as np
from granularity import by_question
from machine import machine
from retrieval_quality import judgments

from rag.components import chain
from rag.deadlines import Deadline
from rag.evaluation.comparison import compare, corrected
from rag.knowledge_base import KnowledgeBase
from rag.reranking import RERANKERS, Reranking
from rag.retrieval.retriever import Retriever
from rag.stages import Tools

DEFAULT = ["late-interaction", "late-interaction:weight=1.0", "mmr:diversity=0.3"]
FOUND = 100


def by_document(passages: list) -> dict[str, float]:
    best: dict[str, float] = {}
    for passage in passages:
        best.setdefault(passage.document, -float(len(best)))
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kb", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--split", default="test")
    parser.add_argument("--questions", type=int)
    parser.add_argument("--in", type=int, default=20, dest="top_k_in")
    parser.add_argument("--rerank", action="append")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    questions, qrels = judgments(args.data, args.split, args.questions)
    texts = list(questions.values())
    rows, comparisons = {}, []
    with KnowledgeBase.open(args.kb) as kb:
        plain = Retriever(kb, k=FOUND, rewrite="none", dedupe=False)
        found = [each.passages for each in plain.search_many(texts)]
        base = by_question({n: by_document(p) for n, p in zip(questions, found, strict=True)}, qrels)
        rows["hybrid"] = {"nDCG@10": float(np.mean(list(base.values()))), "ms": 0.0}
        for spec in args.rerank or DEFAULT:
            stage = Reranking(chain("reranker", RERANKERS, spec, Tools(kb)), top_k_in=args.top_k_in)
            run, spent = {}, []
            for (name, text), passages in zip(questions.items(), found, strict=True):
                start = time.perf_counter()
                result = stage.run(text, passages, FOUND, Deadline.after(None))
                spent.append(1000 * (time.perf_counter() - start))
                assert not result.notes, result.notes
                run[name] = by_document(result.passages)
            values = by_question(run, qrels)
            rows[spec] = {"nDCG@10": float(np.mean(list(values.values()))), "ms": statistics.median(spent)}
            comparisons.append(compare(values, base, metric="nDCG@10", names=(spec, "hybrid")))
    for comparison in corrected(comparisons):
        rows[comparison.system] |= {"difference": comparison.difference, "p": comparison.p_corrected}
    print(f"{args.data.name} ({args.split}), {len(questions)} questions, {args.top_k_in} passages reranked")
    for name, row in rows.items():
        said = f"  {row['difference']:+.4f}  p {row['p']:.4f}" if "p" in row else ""
        print(f"{name:32} nDCG@10 {row['nDCG@10']:.4f}  {row['ms']:8.1f} ms{said}")
    if args.json:
        print(json.dumps({"rows": rows, "machine": machine()}, indent=1))


if __name__ == "__main__":
    main()
