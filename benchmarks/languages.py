"""How well each part finds in many languages, with the weights that a knowledge base chose for itself.

    python benchmarks/languages.py BEIR_DIR [BEIR_DIR...] [--embedder e5] [--analyser turkish] [--half report]
        [--answers] --cache DIR

Each folder in BEIR form becomes a knowledge base through the public API; nDCG@10 by document of the dense search alone,
BM25 alone, both fused with the default weight and with the one that `rag.retrieval.weight_selection` chose. Where the
folder has ``answers.jsonl``, the share of extractive answers that hold a gold answer is told as well. The first half of
the questions is for choosing, the second is reported.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from retrieval_quality import judgments, measured, ours

from rag.bot import Bot
from rag.knowledge_base import KnowledgeBase
from rag.loaders import load
from rag.retrieval.fusion import DENSE_WEIGHT
from rag.retrieval.retriever import Retriever
from rag.retrieval.weight_selection import select_weights


def halved(data: Path, half: str) -> tuple[dict[str, str], dict[str, dict[str, int]]]:
    """Return the questions of one half, in the file's order, and their judgments."""
    questions, qrels = judgments(data, "test", None)
    rows = [json.loads(line)["_id"] for line in (data / "queries.jsonl").read_text().splitlines()]
    names = [name for name in rows if name in questions]
    middle = len(names) // 2
    kept = {"choose": names[:middle], "report": names[middle:], "all": names}[half]
    return {name: questions[name] for name in kept}, {name: qrels[name] for name in kept}


def contained(kb: KnowledgeBase, data: Path, questions: dict[str, str], weight: float) -> float | None:
    """Return the share of questions whose extractive answer holds a gold answer; None without gold answers."""
    file = data / "answers.jsonl"
    if not file.exists():
        return None
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    gold = {row["_id"]: row["answers"] for row in rows if row["_id"] in questions}
    with Bot(Retriever(kb, dense_weight=weight), threshold=0.0) as bot:
        answers = {name: bot.ask(questions[name]).text for name in gold}
    return sum(any(text in answers[name] for text in gold[name]) for name in gold) / max(1, len(gold))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+", type=Path)
    parser.add_argument("--embedder", help="minilm where not given")
    parser.add_argument("--analyser", default="english")
    parser.add_argument("--half", choices=("choose", "report", "all"), default="choose")
    parser.add_argument("--answers", action="store_true", help="extractive answers as well")
    parser.add_argument("--cache", type=Path, required=True, help="where knowledge bases are kept for the next time")
    args = parser.parse_args()
    print(f"{'':14}{'n':>5}{'dense':>8}{'BM25':>8}{'.7':>8}{'chosen':>8}{'weight':>8}{'answers':>9}", flush=True)
    for data in args.data:
        place = args.cache / f"{data.name}-{args.embedder or 'minilm'}-{args.analyser}"
        with KnowledgeBase.open_or_create(place, embedder=args.embedder, analyser=args.analyser) as kb:
            kb.add(load(f"beir:{data}"))
            evidence = select_weights(kb)
        weight = DENSE_WEIGHT if evidence is None else evidence.dense_weight
        questions, qrels = halved(data, args.half)
        ways = ({"fusion": "dense"}, {"fusion": "terms"}, {"dense_weight": DENSE_WEIGHT}, {"dense_weight": weight})
        with KnowledgeBase.open(place) as kb:
            found = [measured(ours(kb, questions, way), qrels)["nDCG@10"] for way in ways]
            share = contained(kb, data, questions, weight) if args.answers else None
        row = "".join(f"{value:8.3f}" for value in found) + f"{weight:8.2f}"
        print(f"{data.name:14}{len(questions):5}{row}{'' if share is None else f'{share:9.3f}'}", flush=True)


if __name__ == "__main__":
    main()
