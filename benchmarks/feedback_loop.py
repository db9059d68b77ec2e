"""The loop from thumbs to a tested change, with simulated readers whose votes come from gold, or from a coin.

    python benchmarks/feedback_loop.py KB --questions beir:FOLDER [--plant NAME=VALUE] [--random RUNS] [--n 300]

A reader asks, and looks whether the answer quotes what answers the question: then the thumb goes up, else down, and
seven times in ten the reader shows the right place. A reviewer accepts what the feedback says by itself and rejects the
rest. A coin instead of gold (``--random``) votes up or down and shows any passage that was read. Each run works on a
copy of the knowledge base. Without ``--questions`` they are made from the documents, by rules.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from machine import machine

from pipelines.improve import Improvement, improve
from rag import Answer, Bot, KnowledgeBase, PipelineConfig
from rag.evaluation import Question, read_questions
from rag.evaluation.questions.question_making import make_questions
from rag.feedback import Feedback, judge, proposal
from rag.retrieval.config import parsed

SHOWS = 0.7
"""Share of readers with a thumb down that show the right place."""
Spans = list[tuple[str, int, int]]
Voter = Callable[[Question, Answer, random.Random], tuple[str, Spans]]


def by_gold(question: Question, answer: Answer, draw: random.Random) -> tuple[str, Spans]:
    """Vote as somebody does who knows the answer."""
    right = any(
        cited.document == span.document and cited.start < span.end and span.start < cited.end
        for cited in answer.citations
        for span in question.spans
    )
    if right or draw.random() > SHOWS:
        return ("up" if right else "down"), []
    return "down", [(span.document, span.start, span.end) for span in question.spans[:1]]


def by_coin(_: Question, answer: Answer, draw: random.Random) -> tuple[str, Spans]:
    """Vote whatever the answer is."""
    if draw.random() < 0.5:
        return "up", []
    if not answer.passages or draw.random() > SHOWS:
        return "down", []
    chosen = draw.choice(answer.passages)
    return "down", [(chosen.document, chosen.start, min(chosen.end, chosen.start + 500))]


def questions_of(kb: KnowledgeBase, source: str | None, n: int) -> list[Question]:
    """Return questions with spans, drawn by a seed; of gold documents, where they hold a reference answer."""
    if source is None:
        return [q for q in make_questions(kb, 4 * n, unanswerable=0, seed=1).questions if q.spans][:n]
    from rag.evaluation import GoldSpan

    known = set(kb.document_ids())
    by_end = {name.rpartition("/")[2].rpartition("#")[2]: name for name in known}
    found = []
    drawn = list(read_questions(source))
    random.Random(1).shuffle(drawn)
    for question in drawn:
        name = next((each if each in known else by_end.get(each, "") for each in question.documents), "")
        text = kb.document(name).text if name else ""
        at, answer = next(((text.find(a), a) for a in question.answers if a in text), (-1, ""))
        if at >= 0:
            span = GoldSpan(name, at, at + len(answer))
            found.append(Question(question.id, question.text, spans=(span,), answers=question.answers))
        if len(found) == n:
            break
    return found


@contextmanager
def copied(folder: Path) -> Iterator[Path]:
    """Lend a copy of a knowledge base."""
    with tempfile.TemporaryDirectory(prefix="feedback-loop-") as place:
        shutil.copytree(folder, Path(place, "kb"), ignore=shutil.ignore_patterns("lock", "*-shm", "feedback.sqlite*"))
        yield Path(place, "kb")


def simulated(folder: Path, questions: list[Question], answers: dict[str, Answer], voter: Voter, seed: int) -> int:
    """Let readers vote on answers and a reviewer judge them; return how many were accepted."""
    draw, accepted = random.Random(seed), 0
    with KnowledgeBase.open(folder) as kb, Feedback.open(kb) as feedback:
        for question in questions:
            vote, spans = voter(question, answers[question.id], draw)
            name = feedback.keep(answers[question.id]) or ""
            row = feedback.vote(name, vote, spans=spans)  # type: ignore[arg-type] # one of two texts
            judgement = proposal(row, kb).judgement
            judge(feedback, name, judgement)
            accepted += judgement is not None
    return accepted


def answered(folder: Path, questions: list[Question]) -> dict[str, Answer]:
    """Ask every question under the pipeline that is stored."""
    with Bot.open(folder) as bot:
        return {question.id: bot.ask(question.text) for question in questions}


def right_share(folder: Path, questions: list[Question]) -> float:
    """Return the share of answers that quote what answers the question."""
    found = answered(folder, questions)
    return sum(by_gold(q, found[q.id], random.Random(0))[0] == "up" for q in questions) / len(questions)


def told(name: str, found: Improvement, accepted: int, seconds: float) -> None:
    """Print a line."""
    row = {
        "run": name,
        "reviewed": accepted,
        "tune": len(found.parts.tuning),
        "test": len(found.parts.test),
        "tried": 0 if found.found is None else len(found.found.tried),
        "applied": found.applied,
        "why": found.why,
        "guards": {g.name: [round(g.before, 4), round(g.after, 4)] for g in found.guards},
        "seconds": round(seconds, 1),
    }
    print(json.dumps(row), flush=True)


def planted(folder: Path, plants: list[str]) -> None:
    """Store settings."""
    with KnowledgeBase.open(folder, mode="w") as kb:
        values = {name: parsed(name, value) for name, _, value in (each.partition("=") for each in plants)}
        PipelineConfig.of(kb).with_(**values).store(kb)


def main() -> None:
    """Run what the command line says."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("kb", type=Path)
    options.add_argument("--questions")
    options.add_argument("--plant", action="append", default=[])
    options.add_argument("--random", type=int, default=0, metavar="RUNS")
    options.add_argument("--first", type=int, default=0, metavar="SEED", help="of the coins")
    options.add_argument("--n", type=int, default=300)
    chosen = options.parse_args()
    print(json.dumps({"machine": machine(), "kb": str(chosen.kb), "plant": chosen.plant, "n": chosen.n}))
    with copied(chosen.kb) as folder:
        planted(folder, chosen.plant)
        with KnowledgeBase.open(folder) as kb:
            every = questions_of(kb, chosen.questions, 2 * chosen.n)
        questions, others = every[: chosen.n], every[chosen.n :]
        answers = answered(folder, questions)
        for seed in range(chosen.first, chosen.first + chosen.random):
            with copied(folder) as own:
                accepted, start = simulated(own, questions, answers, by_coin, seed), time.perf_counter()
                told(f"coin {seed}", improve(own), accepted, time.perf_counter() - start)
        if chosen.random:
            return
        before = right_share(folder, others)
        accepted, start = simulated(folder, questions, answers, by_gold, 0), time.perf_counter()
        told("gold", improve(folder), accepted, time.perf_counter() - start)
        told("gold again", improve(folder), accepted, 0.0)
        after = right_share(folder, others)
        print(json.dumps({"right before": before, "right after": after, "on others": len(others)}))


if __name__ == "__main__":
    main()
