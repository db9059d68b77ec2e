"""Pseudo-relevance feedback against the plain search: nDCG@10 and recall@100 by document, with paired tests.

    python benchmarks/feedback.py BEIR_DIR [--kb DIR] [--split test] [--json]

RM3 and Bo1 against BM25 alone, Rocchio against the dense search alone; the constants are those of the papers' systems
(Anserini, Terrier), none is chosen here. trec_eval's own code; random sign-flip test over questions, Holm's correction.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from beir import knowledge_base
from machine import machine

from rag.evaluation import evaluate, read_questions
from rag.evaluation.comparison import compare, corrected
from rag.retrieval.retriever import Retriever

METRICS = ("nDCG@10", "R@100")
SIDES = {"terms": ("rm3", "bo1"), "dense": ("rocchio",)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--kb", type=Path)
    parser.add_argument("--split", default="test")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    questions = read_questions(f"beir:{args.data}", split=args.split)
    rows, comparisons = {}, []
    with knowledge_base(args.data, args.kb) as kb:
        for side, specs in SIDES.items():
            plain = Retriever(kb, dedupe=False, fusion=side, rewrite="none")
            base = rows[side] = evaluate(plain, questions, metrics=METRICS, k=10)
            for spec in specs:
                own = Retriever(kb, dedupe=False, fusion=side, rewrite=spec)
                found = rows[f"{side} {spec}"] = evaluate(own, questions, metrics=METRICS, k=10)
                comparisons += [
                    compare(found.values(m), base.values(m), metric=m, names=(f"{side} {spec}", side)) for m in METRICS
                ]
    for name, found in rows.items():
        print(f"{name:14}" + "   ".join(f"{m} {found.metrics[m].value:.4f}" for m in METRICS))
    for each in corrected(comparisons):
        print(
            f"{each.system:14} {each.metric:8} {each.difference:+.4f} (95 % {each.low:+.4f} to {each.high:+.4f}), "
            f"p = {each.p:.3g}, corrected {each.p_corrected:.3g}; "
            f"better on {each.wins}, same on {each.ties}, worse on {each.losses}"
        )
    if args.json:
        values = {name: {m: found.metrics[m].value for m in METRICS} for name, found in rows.items()}
        print(json.dumps({"values": values, "machine": machine()}, indent=1))


if __name__ == "__main__":
    main()
