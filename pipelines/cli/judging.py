"""``rag questions judge`` and ``rag questions nuggets``: gold by a language model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from rag.store.address import shown

from ..plain_text import one_line
from . import exit_codes
from .bench_tables import table_of
from .options import Json, KnowledgeBasePath
from .output import print_json, progress_bar, stderr, stdout

if TYPE_CHECKING:
    from rag.evaluation.judging import Judging
    from rag.evaluation.nugget_making import NuggetMaking

Made = TypeVar("Made", "Judging", "NuggetMaking")
Questions = Annotated[
    str, typer.Argument(metavar="QUESTIONS", help="A file of questions, beir:DIR, datasets:DIR, ir_datasets:NAME.")
]
JudgeModel = Annotated[
    str, typer.Option("--judge", metavar="SPEC", help="The language model that judges, e.g. openai:MODEL.")
]
JudgeDeadline = Annotated[
    float, typer.Option("--judge-deadline", metavar="SECONDS", min=0.001, help="Time limit of each verdict.")
]
JudgeTokens = Annotated[
    int, typer.Option("--judge-tokens", metavar="N", min=1, help="Tokens of each verdict, at most.")
]
Split = Annotated[str, typer.Option(metavar="NAME", help="Split of a BEIR folder, qrels/NAME.tsv, or of a data set.")]
Sample = Annotated[int | None, typer.Option(metavar="N", min=1, help="Take a seeded sample of N questions.")]


def _made(
    make: Callable[..., Made],
    kb: str,
    asked: str,
    out: Path,
    judge: tuple[str, float, int],
    *,
    split: str,
    sample: int | None,
    k: int,
    json: bool,
) -> Made:
    """Have ``make`` go through the questions with the knowledge base's retriever and the judge; write what it gives."""
    from rag.errors import InvalidInput
    from rag.evaluation import Judge, read_questions, write_questions
    from rag.knowledge_base import KnowledgeBase
    from rag.llm.models import language_model
    from rag.retrieval.retriever import Retriever

    if out.exists():
        raise InvalidInput(f"{out} exists; give another --out")
    spec, deadline, tokens = judge
    wanted = read_questions(asked, split=split)
    wanted = wanted if sample is None else wanted.sample(sample)
    with (
        language_model(spec) as model,
        KnowledgeBase.open(kb) as base,
        Retriever(base) as retriever,
        progress_bar(not json, "questions", "bar", "count", "left") as bar,
    ):
        told = None if bar is None else lambda done, total: bar(completed=done, total=total)
        referee = Judge(model, deadline=deadline, max_tokens=tokens)
        found = make(retriever, wanted, referee, k=k, progress=told)
    write_questions(found.questions, out)
    return found


def judge(
    kb: KnowledgeBasePath,
    asked: Questions,
    judge: JudgeModel,
    out: Annotated[Path, typer.Option(help="File to write, one question a line.")] = Path("judged.jsonl"),
    k: Annotated[int, typer.Option("-k", metavar="N", min=1, max=1000, help="Passages to judge for each.")] = 10,
    deadline: JudgeDeadline = 120.0,
    tokens: JudgeTokens = 512,
    split: Split = "test",
    sample: Sample = None,
    json: Json = False,
) -> int:
    """Have a model grade what is retrieved (UMBRELA), and say how far it agrees with the gold that is known."""
    from rag.evaluation.judging import judged

    how = (judge, deadline, tokens)
    found = _made(judged, kb, asked, out, how, split=split, sample=sample, k=k, json=json)
    own = found.agreement
    if json:
        grades = {str(value): {"without_gold": a, "with_gold": b} for value, (a, b) in own.table.items()}
        print_json(
            {
                "questions": len(found.questions),
                "pairs": own.pairs,
                "failed": own.failed,
                "kappa": own.kappa,
                "grades": grades,
                "problems": found.problems,
                "file": str(out),
            }
        )
    else:
        console = stdout()
        console.print(f"{len(found.questions)} questions, {own.pairs} documents graded, {own.failed} not; see {out}")
        rows = [(str(value), str(a + b), str(b)) for value, (a, b) in own.table.items()]
        table = table_of(console, "grade", ("documents", "with gold"))
        for row in rows:
            table.add_row(*row)
        console.print(table)
        kappa = "none: one side is always the same" if own.kappa is None else f"{own.kappa:.2f}"
        console.print(f"Cohen's kappa of a grade of 2 or 3 with the gold: {kappa} (0 is chance, 1 agrees always)")
        _tell(found.problems)
    return exit_codes.SOME_FILES_FAILED if own.failed else exit_codes.OK


def nuggets(
    kb: KnowledgeBasePath,
    asked: Questions,
    judge: JudgeModel,
    out: Annotated[Path, typer.Option(help="File to write, one question a line.")] = Path("nuggets.jsonl"),
    k: Annotated[int, typer.Option("-k", metavar="N", min=1, max=1000, help="Passages to look at for each.")] = 10,
    deadline: JudgeDeadline = 120.0,
    tokens: JudgeTokens = 512,
    split: Split = "test",
    sample: Sample = None,
    json: Json = False,
) -> int:
    """Have a model list the facts that an answer should hold (TREC's AutoNuggetizer). Read them before you use them."""
    from rag.evaluation.nugget_making import with_nuggets

    how = (judge, deadline, tokens)
    found = _made(with_nuggets, kb, asked, out, how, split=split, sample=sample, k=k, json=json)
    having = [question for question in found.questions if question.nuggets]
    facts = [nugget for question in having for nugget in question.nuggets]
    n, vital = len(facts), sum(nugget.vital for nugget in facts)
    if json:
        print_json(
            {
                "questions": len(found.questions),
                "with_nuggets": len(having),
                "nuggets": n,
                "vital": vital,
                "problems": found.problems,
                "file": str(out),
            }
        )
    else:
        console = stdout()
        console.print(
            f"{len(having)} of {len(found.questions)} questions have nuggets: {n}, of them {vital} vital; see {out}"
        )
        for question in having[:3]:
            console.print(f"  {one_line(question.text, 110)}", style="dim")
            for nugget in question.nuggets[:3]:
                console.print(f"    {'vital' if nugget.vital else 'okay '} {one_line(nugget.text, 100)}", style="dim")
        _tell(found.problems)
        console.print(f"Read them, then: rag evaluate {shown(kb)} {out} --judge SPEC --metrics nuggets_vital_strict")
    return exit_codes.SOME_FILES_FAILED if found.problems else exit_codes.OK


def _tell(problems: Mapping[str, int]) -> None:
    for problem, count in sorted(problems.items(), key=lambda each: -each[1])[:5]:
        stderr().print(one_line(f"{count} times: {problem}", 160), style="yellow")
