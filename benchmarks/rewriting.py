"""What misspelt questions lose, and what spelling wins back; what it changes of clean ones.

    python benchmarks/rewriting.py BEIR_DIR [--kb DIR] [--questions 1000] [--json]

Every question is asked as it is, with one and with two seeded keyboard typos (`rag.evaluation.robustness.typos`), by
BM25 alone, the dense index alone and both, plain and with ``spelling``. nDCG@10 by document, trec_eval's own code.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from beir import knowledge_base
from machine import machine

from rag.evaluation import QuestionSet, evaluate, read_questions, with_typos
from rag.evaluation.questions.questions import Question
from rag.knowledge_base import KnowledgeBase
from rag.retrieval.retriever import Retriever

SYSTEMS = {"terms": {"fusion": "terms"}, "dense": {"fusion": "dense"}, "hybrid": {}}
METRIC = "nDCG@10"


def typed(questions: QuestionSet, n: int, seed: int) -> QuestionSet:
    if not n:
        return questions
    own = tuple(
        Question(q.id, with_typos(q.text, n, seed=seed + i), documents=q.documents) for i, q in enumerate(questions)
    )
    return QuestionSet(own, f"{questions.name}, {n} typos")


def measure(kb: KnowledgeBase, questions: QuestionSet, seed: int) -> dict:
    rows = {}
    for n in (0, 1, 2):
        asked = typed(questions, n, seed)
        for name, parts in SYSTEMS.items():
            for kind, rewrite in (("plain", "none"), ("spelling", "spelling")):
                system = Retriever(kb, dedupe=False, rewrite=rewrite, **parts)
                found = evaluate(system, asked, metrics=(METRIC,), k=10)
                rows[f"{name}, {n} typos, {kind}"] = found.metrics[METRIC].value
    texts = [q.text for q in questions]
    searched = [found.question for found in Retriever(kb, k=1, rewrite="spelling").search_many(texts)]
    changed = [(text, own) for text, own in zip(texts, searched, strict=True) if own != text]
    return {"rows": rows, "clean_changed": changed, "questions": len(questions)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--kb", type=Path)
    parser.add_argument("--split", default="test")
    parser.add_argument("--questions", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    questions = read_questions(f"beir:{args.data}", split=args.split).sample(args.questions, seed=args.seed)
    with knowledge_base(args.data, args.kb) as kb:
        result = {**measure(kb, questions, args.seed), "machine": machine()}
    if args.json:
        print(json.dumps(result, indent=2))
        return
    rows = result["rows"]
    for name in SYSTEMS:
        clean = rows[f"{name}, 0 typos, plain"]
        line = f"{name:7} clean {clean:.4f} (with spelling {rows[f'{name}, 0 typos, spelling']:.4f})"
        for n in (1, 2):
            hurt, mended = rows[f"{name}, {n} typos, plain"], rows[f"{name}, {n} typos, spelling"]
            line += f"   {n}: {hurt:.4f} -> {mended:.4f}, {(mended - hurt) / max(clean - hurt, 1e-9):.0%} won back"
        print(line)
    print(f"clean questions changed: {len(result['clean_changed'])} of {result['questions']}")
    for before, after in result["clean_changed"][:40]:
        print(f"  {before}\n  {after}")
    print(result["machine"])


if __name__ == "__main__":
    main()
