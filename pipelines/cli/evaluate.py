"""``rag evaluate``: how well a knowledge base answers a set of questions."""

from __future__ import annotations

import inspect
import re
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rag.errors import InvalidInput
from rag.store.address import shown

from ..plain_text import one_line
from . import exit_codes
from .options import Json
from .output import print_json, progress_bar, stderr, stdout, told_if_interrupted
from .pipeline_options import PipelineOptions, read_settings, tell, with_pipeline

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rag.evaluation import Evaluation, Judge
    from rag.evaluation.collecting import Progress
    from rag.evaluation.robustness.robustness import Survival
    from rag.retrieval.config import PipelineConfig

    from ..evaluation.baseline import Baseline


_HOME = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


@with_pipeline
def command(
    kb: Annotated[
        str,
        typer.Argument(
            metavar="KB",
            help="Folder of the knowledge base, or postgresql://HOST/DATABASE#NAME, or milvus://HOST:PORT#NAME; or "
            "module:object, a retriever of your own, of LangChain, LlamaIndex or "
            "Haystack, installed or on PYTHONPATH.",
        ),
    ],
    questions: Annotated[
        str,
        typer.Argument(
            metavar="QUESTIONS",
            help="A .jsonl, .csv, .parquet or SQuAD .json file, beir:DIR, datasets:DIR, ir_datasets:NAME.",
        ),
    ],
    pipeline: PipelineOptions,
    metrics: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help='Separated by commas, e.g. "nDCG@10,P@5,R@10,RR"; docs/concepts/evaluation.md has all. '
            "module:function or module:Class names one of your own, installed or on PYTHONPATH.",
        ),
    ] = None,
    run: Annotated[Path | None, typer.Option(help="Write the rankings as a TREC run.")] = None,
    split: Annotated[
        str, typer.Option(metavar="NAME", help="Split of a BEIR folder, qrels/NAME.tsv, or of a data set.")
    ] = "test",
    sample: Annotated[int | None, typer.Option(metavar="N", min=1, help="Ask a seeded sample of N questions.")] = None,
    seed: Annotated[
        int, typer.Option(metavar="N", min=0, help="Random seed for sampling and confidence intervals.")
    ] = 0,
    judge: Annotated[
        str,
        typer.Option(
            metavar="NAME|SPEC", help="Judge answers as well: extractive (no model), or a language model: openai:MODEL."
        ),
    ] = "none",
    judge_votes: Annotated[int, typer.Option(metavar="N", min=1, max=64, help="Votes of a judging model.")] = 1,
    judge_deadline: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.001, help="Time limit of each vote.")
    ] = 120.0,
    baseline: Annotated[
        Path | None, typer.Option(help="Compare with a file of --save, or a TREC run; paired tests, corrected.")
    ] = None,
    robustness: Annotated[
        str | None, typer.Option(metavar="NAMES", help='Ask changed questions as well, e.g. "typo,paraphrase", or all.')
    ] = None,
    document_field: Annotated[
        str,
        typer.Option(metavar="NAME", help="Metadata field in which results of module:object name their documents."),
    ] = "",
    save: Annotated[Path | None, typer.Option(help="Keep figures and rows, to compare with later.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write a report with the worst questions.")] = None,
    allow_failed: Annotated[bool, typer.Option("--allow-failed", help="Exit 0 although questions failed.")] = False,
    json: Json = False,
) -> int:
    """Measure retrieval, and with --judge the answers, on questions with known answers. A failure counts as zero."""
    from rag.bot import Bot
    from rag.evaluation import evaluate, read_questions
    from rag.evaluation.evaluator import checked
    from rag.generation.generators import EXTRACTIVE
    from rag.knowledge_base import KnowledgeBase

    from ..evaluation.baseline import Baseline, against, read_baseline
    from ..evaluation.defaults import answers_needed, default_metrics, judge_kind
    from ..evaluation.trec_run import check_ids

    own = None if metrics is None else _metrics(metrics)
    wanted = read_questions(questions, split=split)
    if sample is not None:
        wanted = wanted.sample(sample, seed=seed)
    given = None if baseline is None else read_baseline(baseline)
    changed = _changes(robustness)
    kind = judge_kind(judge)
    with ExitStack() as stack:
        own_retriever = _own_retriever(kb, document_field)
        base = None if own_retriever is not None else stack.enter_context(KnowledgeBase.open(kb))
        if run is not None:
            check_ids(wanted, base if wanted.level == "document" else None)
        config = pipeline.resolve(base).config
        # A generator that is named is judged.
        level = "extractive" if kind == "none" and config.generator != EXTRACTIVE else kind
        asked = checked(default_metrics(wanted, level) if own is None else own)
        referee = _judge(judge, judge_votes, judge_deadline, config, stack) if kind == "llm" else None
        answering = level != "none" or answers_needed(asked) or any(name in _disturbances() for name in changed)
        if base is None:
            _refuse_pipeline(pipeline)
            system: Any = own_retriever
        else:
            bot = stack.enter_context(Bot(base, config=config))
            system = bot if answering else bot.retriever
            if answering:
                tell(bot.notes)
        name = kb if base is None else base.name
        with progress(json) as told:
            result = evaluate(
                system, wanted, metrics=asked, k=config.k, judge=referee, name=name, seed=seed, progress=told
            )
            survivals = _survived(system, result, changed, told)
        compared = Baseline() if baseline is None or given is None else against(result, given, baseline, base)
    made_by = (
        f"rag evaluate {shown(kb)} {questions}; pipeline {config.digest}; rag-workbench {version('rag-workbench')}"
    )
    _write(result, run, save)
    if html is not None:
        _write_page(html, result, compared, survivals, made_by)
    _tell(result, compared, survivals, json=json)
    judged_badly = any(own.n_failed for own in result.metrics.values())
    return exit_codes.SOME_FILES_FAILED if judged_badly and not allow_failed else exit_codes.OK


def _write(result: Evaluation, run: Path | None, save: Path | None) -> None:
    if run is not None:
        from rag.evaluation.trec import write_run

        write_run(run, result.run())
    if save is not None:
        result.save(save)


def _tell(result: Evaluation, compared: Baseline, survivals: list[Survival], *, json: bool) -> None:
    if json:
        print_json({**result.as_dict(), **_extra(compared, survivals)})
        return
    show(result)
    show_comparisons(compared)
    show_survivals(survivals)


def _own_retriever(kb: str, document_field: str) -> Any:  # noqa: ANN401 - of any library
    """Return the retriever that ``module:object`` names, ready to be asked; None for a knowledge base's folder."""
    if Path(kb).exists() or not _HOME.fullmatch(kb):
        if document_field:
            raise InvalidInput("--document-field is for module:object; a knowledge base knows its documents")
        return None
    from rag.integrations.foreign import adapted

    from ..experiments.own_parts import imported

    found = imported(kb, "retriever")
    is_made = inspect.isclass(found) or (inspect.isfunction(found) and not inspect.signature(found).parameters)
    return adapted(found() if is_made else found, document=document_field)


def _refuse_pipeline(pipeline: PipelineOptions) -> None:
    """Refuse settings of a pipeline where none of ours answers."""
    given = {name for name in pipeline.given if name != "k"} | set(read_settings(pipeline.settings))
    if given or pipeline.file is not None:
        raise InvalidInput(
            f"{', '.join(sorted(given)) or '--config'}: module:object has no pipeline of ours; only -k is"
        )


def _metrics(text: str) -> list[str]:
    from ..experiments.own_parts import adopted_metric

    digests: dict[str, str] = {}
    return [adopted_metric(name, digests) for name in names(text)]


def _extra(compared: Baseline, survivals: list[Survival]) -> dict[str, Any]:
    """Return what `--json` adds to the figures."""
    extra: dict[str, Any] = {}
    if compared.comparisons:
        extra = {
            "comparisons": [asdict(c) for c in compared.comparisons],
            "pipeline_changes": compared.changes,
            "comparison_notes": list(compared.notes),
        }
    if survivals:
        extra["robustness"] = [{"change": s.change, **s.survived.as_dict(), "lost": list(s.lost)} for s in survivals]
    return extra


def _write_page(html: Path, result: Evaluation, compared: Baseline, survivals: list[Survival], made_by: str) -> None:
    from ..evaluation.report import report
    from ..reports.pages import write_page

    comparisons, notes = compared.comparisons, compared.notes
    write_page(html, report(result, comparisons=comparisons, notes=notes, survivals=survivals, made_by=made_by))


def _judge(spec: str, votes: int, deadline: float, config: PipelineConfig, stack: ExitStack) -> Judge:
    from rag.evaluation import Judge

    model = config.language_model(spec)
    stack.callback(model.close)
    return Judge(model, votes, deadline=deadline)


def _changes(robustness: str | None) -> list[str]:
    if robustness is None:
        return []
    from rag.evaluation.robustness.perturbations import PERTURBATIONS
    from rag.evaluation.robustness.robustness import changes

    wanted = list(PERTURBATIONS) if robustness.strip() == "all" else names(robustness)
    for name in wanted:
        if name not in changes():
            raise InvalidInput(f"--robustness {name!r} does not exist; choose from {', '.join(changes())}")
    return wanted


def _disturbances() -> frozenset[str]:
    from rag.evaluation.robustness.disturbances import DISTURBANCES

    return frozenset(DISTURBANCES)


def _survived(system: Any, result: Evaluation, changed: list[str], told: Progress | None) -> list[Survival]:  # noqa: ANN401
    if not changed:
        return []
    from rag.evaluation.robustness.robustness import robustness

    metric = next((m for m in ("answer_containment", "faithfulness") if m in result.metrics), "context_recall")
    return robustness(
        system,
        result.questions,
        metric=metric,
        names=changed,
        k=result.k,
        seed=result.seed,
        before=result,
        progress=told,
    )


def names(text: str) -> list[str]:
    """Split a list of metrics at its commas, those in parentheses aside."""
    found, depth, start = [], 0, 0
    for at, c in enumerate(text):
        depth += (c == "(") - (c == ")")
        if c == "," and depth == 0:
            found.append(text[start:at].strip())
            start = at + 1
    return [name for name in [*found, text[start:].strip()] if name]


@contextmanager
def progress(quiet: bool) -> Iterator[Progress | None]:
    """Show how many questions are done, and the time left; on an interrupt, say that they are asked again."""
    lost = "No outcome is kept: the same command asks from the beginning. What a model said is in --set cache=FILE."
    with told_if_interrupted(lost), progress_bar(not quiet, "questions", "bar", "count", "left") as update:
        yield None if update is None else lambda done, total: update(completed=done, total=total)


def show(result: Evaluation) -> None:
    """Print the figures for a person."""
    from rich.table import Table

    console = stdout()
    table = Table("metric", box=None, pad_edge=False)
    table.add_column("value", justify="right")
    table.add_column("95 % interval")
    table.add_column("n", justify="right")
    table.add_column("failed", justify="right")
    for name, own in result.metrics.items():
        value = "none" if own.value is None else f"{own.value:.4f}"
        interval = "" if own.low is None or own.high is None else f"{own.low:.4f} to {own.high:.4f}"
        table.add_row(name, value, interval, str(own.n), str(own.n_failed) if own.n_failed else "")
    of = one_line(result.questions.name)
    console.print(f"{len(result.questions)} questions of {of}, judged by {result.level}, k = {result.k}\n")
    console.print(table)
    for reason, metrics in _reasons(result).items():
        console.print(f"{', '.join(metrics)}: {one_line(reason)}", style="yellow")
    errors = stderr()
    for note, count in result.notes.items():
        errors.print(f"note: {count} of {len(result.questions)} questions: {one_line(note)}", style="yellow")
    for problem in result.questions.remarks:
        errors.print(f"question file: {one_line(problem)}", style="yellow")


def _reasons(result: Evaluation) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, own in result.metrics.items():
        if own.reason:
            found.setdefault(own.reason, []).append(name)
    return found


def show_comparisons(compared: Baseline) -> None:
    """Print what changed against the baseline, in which fields the pipelines differ, and what cannot be compared."""
    if not compared.comparisons:
        return
    from rich.table import Table

    from rag.evaluation.comparison import distinct_tests

    first, changes = compared.comparisons[0], compared.changes
    table = Table(box=None, pad_edge=False)
    table.add_column("metric", overflow="fold")
    for name in ("change", "95 % interval", "p", "p Holm", "w/t/l", "detectable"):  # fits into 80 columns
        table.add_column(name, justify="right", no_wrap=True)
    for c in compared.comparisons:
        interval = "" if c.low is None or c.high is None else f"{c.low:+.3f} to {c.high:+.3f}"
        p, holm = ("" if own is None else f"{own:.2g}" for own in (c.p, c.p_corrected))
        seen = "" if c.detectable_corrected is None else f"{c.detectable_corrected:.3f}"
        table.add_row(c.metric, f"{c.difference:+.4f}", interval, p, holm, f"{c.wins}/{c.ties}/{c.losses}", seen)
    console = stdout()
    console.print(f"\n{one_line(first.system)} against {one_line(first.baseline)}, {first.n} questions\n")
    if changes is None:
        console.print("pipeline of the baseline: not known", style="dim")
    for name, (now, then) in (changes or {}).items():
        console.print(f"{name}: {one_line(str(now))}, baseline {one_line(str(then))}", soft_wrap=True)
    if changes == {}:
        console.print("same pipeline", style="dim")
    for note in compared.notes:
        console.print(f"note: {one_line(note)}", style="yellow", soft_wrap=True)
    console.print(table)
    console.print(
        f"p: paired {first.test} test of each metric alone, as the interval is; p Holm: corrected for all "
        f"{distinct_tests(compared.comparisons)} that differ. w/t/l: questions won, tied, lost. detectable: what such "
        "a test shows 4 times in 5 at 5 % after that correction.",
        soft_wrap=True,
    )


def show_survivals(survivals: list[Survival]) -> None:
    """Print what survived the changes."""
    if not survivals:
        return
    from rich.table import Table

    table = Table("change", box=None, pad_edge=False)
    for name in ("survived", "95 % interval", "of"):
        table.add_column(name, justify="right")
    for s in survivals:
        own = s.survived
        interval = "" if own.low is None or own.high is None else f"{own.low:.3f} to {own.high:.3f}"
        table.add_row(s.change, "none" if own.value is None else f"{own.value:.3f}", interval, str(own.n))
    console = stdout()
    console.print("\nOf the questions answered right, those that stay right when asked otherwise:\n")
    console.print(table)
