"""What ``auto`` rewriting adds to a clear question, and what a stalled model costs.

    python benchmarks/rewriting_cost.py BEIR_DIR [--kb DIR] [--questions 200] [--rounds 3] [--json]

Plain hybrid retrieval and the same with ``auto`` answer the same questions one by one, taking turns and changing who
goes first. A model that never answers gets one second, a quarter of the question's four: what comes on top is
what failing open costs.
"""

from __future__ import annotations

import argparse
import json
import statistics
import threading
import time
from pathlib import Path

from beir import knowledge_base
from machine import machine

from rag.deadlines import Deadline
from rag.evaluation import read_questions
from rag.knowledge_base import KnowledgeBase
from rag.retrieval.retriever import Retriever

DEADLINE_S = 4.0
REWRITING_S = DEADLINE_S / 4
"""Seconds that rewriting may take of a question's deadline."""
WARM_UP = 20


class Stalled:
    """A model that answers when it is let go, and heeds no deadline."""

    name = "stalled"

    def __init__(self) -> None:
        self.release = threading.Event()

    def complete(self, messages, *, sampling=None, deadline=None):  # noqa: ARG002 - it heeds nothing
        self.release.wait(60)
        raise RuntimeError("let go")


def timed(action, question: str) -> float:
    start = time.perf_counter()
    action(question)
    return 1000 * (time.perf_counter() - start)


def added(kb: KnowledgeBase, questions: list[str], rounds: int) -> dict[str, float]:
    plain, auto = Retriever(kb, rewrite="none"), Retriever(kb, rewrite="auto")
    for question in questions[:WARM_UP]:
        plain.search(question)
        auto.search(question)
    times: dict[str, list[float]] = {"plain": [], "auto": []}
    for turn in range(rounds):
        for number, question in enumerate(questions):
            sides = [("plain", plain), ("auto", auto)]
            for name, side in sides if (turn + number) % 2 else reversed(sides):
                times[name].append(timed(side.search, question))
    changed = sum(auto.search(q).question != q for q in questions)
    p50 = {name: statistics.median(own) for name, own in times.items()}
    p95 = {name: statistics.quantiles(own, n=20)[18] for name, own in times.items()}
    rewrite = statistics.median(1000 * auto.search(q).timings["rewrite"] for q in questions)
    return {
        "plain_p50_ms": p50["plain"],
        "auto_p50_ms": p50["auto"],
        "added_p50": p50["auto"] / p50["plain"] - 1,
        "plain_p95_ms": p95["plain"],
        "auto_p95_ms": p95["auto"],
        "rewrite_p50_ms": rewrite,
        "questions_changed": changed,
    }


def stalled(kb: KnowledgeBase, question: str) -> dict[str, object]:
    model = Stalled()
    plain, own = Retriever(kb, rewrite="none"), Retriever(kb, rewrite="multi-query", model=model)
    alone = statistics.median(timed(plain.search, question) for _ in range(10))
    start = time.perf_counter()
    found = own.search(question, deadline=Deadline.after(DEADLINE_S))
    taken = time.perf_counter() - start
    model.release.set()
    same = [(p.chunk, p.score) for p in found.passages] == [(p.chunk, p.score) for p in plain.retrieve(question)]
    over = taken - REWRITING_S
    return {"over_deadline_s": over, "plain_s": alone / 1000, "same_result": same, "notes": list(found.notes)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--kb", type=Path)
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    questions = [q.text for q in read_questions(f"beir:{args.data}").sample(args.questions)]
    with knowledge_base(args.data, args.kb) as kb:
        result = {**added(kb, questions, args.rounds), "stalled": stalled(kb, questions[0])}
    print(
        f"plain p50 {result['plain_p50_ms']:.2f} ms, auto {result['auto_p50_ms']:.2f} ms: "
        f"{result['added_p50']:+.1%} (rewriting itself {result['rewrite_p50_ms']:.2f} ms); "
        f"p95 {result['plain_p95_ms']:.2f} and {result['auto_p95_ms']:.2f} ms; "
        f"{result['questions_changed']} of {len(questions)} questions changed"
    )
    late = result["stalled"]
    print(
        f"a stalled model costs its deadline and {late['over_deadline_s']:.3f} s, retrieval ({late['plain_s']:.3f} s) "
        f"included; the plain result: {late['same_result']}; {'; '.join(late['notes'])}"
    )
    if args.json:
        print(json.dumps({**result, "machine": machine()}, indent=1))


if __name__ == "__main__":
    main()
