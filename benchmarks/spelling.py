"""What spelling makes of single words, asked of their own documents and of strangers'.

    python benchmarks/spelling.py --kb KB [--kb KB ...] --questions BEIR_DIR [--questions BEIR_DIR ...] [--sample 300]

Each collection's questions are put to each knowledge base as they are, and with one seeded typo
(`rag.evaluation.robustness.typos`). Counted are words: those of clean questions that change; misspelt ones that
documents have, by whether the right word comes back, the wrong one, or none; and misspelt ones that documents lack, of
which every change is wrong.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from pathlib import Path

from squad import rows

from rag.evaluation import with_typos
from rag.knowledge_base import KnowledgeBase
from rag.rewriting.corpus import Corpus
from rag.rewriting.protocol import QueryDraft
from rag.rewriting.spelling import SpellingCorrector


def words(corrector: SpellingCorrector, corpus: Corpus, text: str) -> list[str]:
    return corrector.rewrite(QueryDraft(text, text), corpus).text.split()


def measured(corpus: Corpus, questions: list[str], seed: int) -> tuple[Counter, list[str]]:
    corrector, counts, changes = SpellingCorrector(), Counter(questions=len(questions)), []
    for number, text in enumerate(questions):
        right = text.split()
        changed = [f"{a} > {b}" for a, b in zip(right, words(corrector, corpus, text), strict=False) if a != b]
        counts["clean words changed"] += len(changed)
        changes += changed
        typed = with_typos(text, seed=seed + number).split()
        at = next((i for i, (a, b) in enumerate(zip(right, typed, strict=False)) if a != b), None)
        made = words(corrector, corpus, " ".join(typed))
        if at is None or len(made) != len(right):
            continue
        terms = corpus.analyser.terms(right[at])
        if all(term in corpus.frequencies() for term in terms):
            kind = "right" if corpus.analyser.terms(made[at]) == terms else "wrong"
            counts[kind if made[at] != typed[at] or kind == "right" else "left"] += 1
        else:
            counts["lacking"] += 1
            counts["lacking, changed"] += made[at] not in {right[at], typed[at]}
    return counts, changes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kb", type=Path, action="append", required=True)
    parser.add_argument("--questions", type=Path, action="append", required=True)
    parser.add_argument("--sample", type=int, default=300)
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    total: Counter = Counter()

    for place in args.kb:
        with KnowledgeBase.open(place) as kb:
            corpus = Corpus(kb, lambda *_: [])  # spelling searches for nothing
            for folder in args.questions:
                texts = [row["text"] for row in rows(folder / "queries.jsonl")]
                texts = random.Random(args.seed).sample(texts, min(args.sample, len(texts)))
                counts, changes = measured(corpus, texts, args.seed)
                total += counts
                print(f"{place.name} asked {folder.name}: {dict(counts)}; changed: {', '.join(sorted(set(changes)))}")
    print(f"in all: {dict(total)}")


if __name__ == "__main__":
    main()
