"""How well the extractive generator answers, and how well it knows when it cannot.

    python benchmarks/answers.py SQUAD_DIR --kb DIR [--questions 1000] [--json]

The real road: knowledge base, hybrid retrieval of five passages, extractive answer. Questions are about the 24 articles
that no weight or threshold was learned on (see ``learn_answer_weights.py``), a fixed sample. Reported are

- recall@5: the question's paragraph is among the passages; and the ceiling: some passage holds a gold answer;
- first citation: the first cited sentence contains a gold answer (case and white space aside), nobody abstaining,
  with its 95 % interval (Wilson);
- abstaining: on as many questions of SQuAD 2.0 with an answer as without one (its own unanswerable ones), the risk
  (share of wrong answers among those given) at each coverage (share of questions answered), and the AUROC of the
  support; the same with questions whose article was taken out of what was retrieved;
- milliseconds of ``generate``.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import squad
from beir import knowledge_base
from machine import machine

from rag.answers import Answer
from rag.documents.document import Passage
from rag.extractive import scoring as ranking
from rag.extractive.generator import ExtractiveGenerator
from rag.retrieval.retriever import Retriever

K, DEEP = 5, 60


def auroc(value: np.ndarray, right: np.ndarray) -> float:
    """Probability that a right answer has more support than a wrong one; ties count half."""
    a, b = value[right][:, None], value[~right][None, :]
    return float(((a > b) + 0.5 * (a == b)).mean())


def wilson(share: float, n: int) -> tuple[float, float]:
    z = 1.96
    centre, half = share + z * z / (2 * n), z * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return float((centre - half) / (1 + z * z / n)), float((centre + half) / (1 + z * z / n))


def ask(items, retriever, generator, *, without_own=False) -> tuple[list[Answer], list[float]]:
    answers, seconds = [], []
    found = retriever.search_many([item.text for item in items], DEEP if without_own else K)
    for item, retrieval in zip(items, found, strict=True):
        kept = [p for p in retrieval.passages if not (without_own and article(p) == item.article)][:K]
        start = time.perf_counter()
        answers.append(generator.generate(item.text, kept))
        seconds.append(time.perf_counter() - start)
    return answers, seconds


def article(passage: Passage) -> str:
    return passage.document.rsplit("_", 1)[0]


def is_right(answer: Answer, item: squad.Item) -> bool:
    return bool(answer.citations) and squad.holds_gold(answer.citations[0].quote, item.golds)


def curve(support: np.ndarray, right: np.ndarray) -> list[dict[str, float]]:
    """Risk at each coverage, and at the shipped threshold."""
    order = np.argsort(-support, kind="stable")
    wrong = np.cumsum(~right[order])
    out = []
    for coverage in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0):
        n = max(1, round(coverage * len(order)))
        out.append({"coverage": coverage, "risk": float(wrong[n - 1] / n), "threshold": float(support[order[n - 1]])})
    return out


def abstaining(good, bad, retriever, generator, *, without_own: bool) -> dict:
    first, _ = ask(good, retriever, generator)
    second, _ = ask(bad, retriever, generator, without_own=without_own)
    support = np.array([answer.support for answer in (*first, *second)])
    right = np.array([is_right(a, i) for a, i in zip(first, good, strict=True)] + [False] * len(bad))
    known = np.arange(len(support)) < len(good)
    given = support >= ranking.default_threshold()
    return {
        "questions": len(support),
        "auroc_right": auroc(support, right),
        "auroc_answerable": auroc(support, known),
        "calibration_mean_support": float(support.mean()),
        "share_right": float(right.mean()),
        "at_threshold": {
            "threshold": ranking.default_threshold(),
            "coverage": float(given.mean()),
            "risk": float((~right)[given].mean()),
            "right_kept": float(given[right].mean()),
            "unanswerable_refused": float((~given)[~known].mean()),
        },
        "curve": curve(support, right),
    }


def measure(data: Path, kb, questions: int) -> dict:
    retriever = Retriever(kb, k=K, rewrite="none")
    generator = ExtractiveGenerator(kb.embedder, kb.analyser, threshold=0.0, stored=kb.sentence_vectors)
    v1, v2, lures = squad.answerable(data / "v1"), squad.answerable(data / "v2"), squad.unanswerable(data / "v2")
    part = squad.parts([item.article for item in v1])

    def reported(items, count):
        return squad.sample([item for item in items if part[item.article] == "report"], count)

    asked = reported(v1, questions)
    generator.generate(asked[0].text, retriever.retrieve(asked[0].text))  # loads the model
    answers, seconds = ask(asked, retriever, generator)
    found = [any(p.document == i.paragraph for p in a.passages) for a, i in zip(answers, asked, strict=True)]
    ceiling = [any(squad.holds_gold(p.text, i.golds) for p in a.passages) for a, i in zip(answers, asked, strict=True)]
    share = float(np.mean([is_right(a, i) for a, i in zip(answers, asked, strict=True)]))
    half = questions // 2
    return {
        "questions": len(asked),
        "recall@5": float(np.mean(found)),
        "ceiling": float(np.mean(ceiling)),
        "first_citation": share,
        "first_citation_95": wilson(share, len(asked)),
        "any_citation": float(
            np.mean(
                [
                    any(squad.holds_gold(c.quote, i.golds) for c in a.citations)
                    for a, i in zip(answers, asked, strict=True)
                ]
            )
        ),
        "generate_ms": {str(p): 1e3 * float(np.percentile(seconds, p)) for p in (50, 95)},
        "squad2_unanswerable": abstaining(
            reported(v2, half), reported(lures, half), retriever, generator, without_own=False
        ),
        "article_taken_out": abstaining(reported(v2, half), reported(v2, half), retriever, generator, without_own=True),
        "machine": machine(),
    }


def show(result: dict) -> None:
    low, high = result["first_citation_95"]
    print(f"{result['questions']} questions: recall@5 {result['recall@5']:.3f}, ceiling {result['ceiling']:.3f}")
    print(f"first citation holds a gold answer: {result['first_citation']:.3f} (95 %: {low:.3f} to {high:.3f}), "
          f"any of up to three: {result['any_citation']:.3f}")  # fmt: skip
    print("generate: " + ", ".join(f"p{p} {ms:.0f} ms" for p, ms in result["generate_ms"].items()))
    for name in ("squad2_unanswerable", "article_taken_out"):
        part = result[name]
        print(f"\n{name}: {part['questions']} questions, half without an answer; AUROC of support for a right answer "
              f"{part['auroc_right']:.3f}, for answerable {part['auroc_answerable']:.3f}")  # fmt: skip
        print("at the threshold: " + ", ".join(f"{key} {value:.3f}" for key, value in part["at_threshold"].items()))
        print("coverage  risk   support from")
        for row in part["curve"]:
            print(f"{row['coverage']:8.1f}  {row['risk']:.3f}  {row['threshold']:.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("squad", type=Path, help="folder that holds v1 and v2")
    parser.add_argument("--kb", type=Path, required=True, help="knowledge base of v1's paragraphs; made if missing")
    parser.add_argument("--questions", type=int, default=1000)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with knowledge_base(args.squad / "v1", args.kb) as kb:
        result = measure(args.squad, kb, args.questions)
    print(json.dumps(result, indent=1)) if args.json else show(result)


if __name__ == "__main__":
    main()
