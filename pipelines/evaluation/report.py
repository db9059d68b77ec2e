"""The HTML report of an evaluation: figures, comparison, slices, and the worst questions with reasons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from rag.documents.document import Passage
from rag.evaluation import Aggregate, Case, Evaluation
from rag.evaluation.comparison import Comparison, distinct_tests
from rag.evaluation.metrics.abstention import risk_coverage
from rag.evaluation.metrics.registry import find
from rag.evaluation.questions.gold import holds
from rag.evaluation.robustness.robustness import Survival

from ..reports.charts import Bar, Line, bars, histogram, lines
from ..reports.pages import Html, details, element, facts, join, page, paragraph, section, table

WORST = 15
_SLICES = 8
_SHOWN = 600


def report(
    result: Evaluation,
    *,
    comparisons: Sequence[Comparison] = (),
    notes: Sequence[str] = (),
    survivals: Sequence[Survival] = (),
    made_by: str = "",
) -> str:
    """Return the page.

    Parameters
    ----------
    comparisons, notes
        Against a baseline; what differs besides the system.
    survivals
        Results of `rag.evaluation.robustness`.
    made_by
        Command and versions, for the foot.
    """
    main = _main_metric(result)
    parts = [
        section("Figures", _figures(result), _reasons(result)),
        section("Against the baseline", *map(paragraph, notes), _comparison(comparisons)) if comparisons else "",
        section("Robustness", _robustness(survivals)) if survivals else "",
        section("Distribution", histogram(list(result.values(main).values()), x=main)) if result.values(main) else "",
        *_slices(result, main),
        *_risk(result),
        section(f"Worst questions by {main}", *(_case(result, case, main) for case in result.worst(main, WORST))),
        _problems(result),
        section("How it was made", facts(_card(result))),
    ]
    lead = f"{len(result.questions)} questions, judged by {result.level}, k = {result.k}."
    failed = len(result.failures)
    if failed:
        lead += f" {failed} failed and count as zero."
    return page(f"Evaluation of {result.name}", *parts, lead=lead, footer=made_by)


def _main_metric(result: Evaluation) -> str:
    """Return the metric that orders questions: context recall, or the first that has values."""
    order = ["context_recall", *result.metrics]
    return next((name for name in order if result.metrics[name].value is not None), order[0])


def _figures(result: Evaluation) -> Html:
    drawn = [
        Bar(name, _of(own.value, name), _of(own.low, name), _of(own.high, name), _shown(own))
        for name, own in result.metrics.items()
        if own.value is not None
    ]
    rows = [(name, own.value, own.low, own.high, own.n, own.n_failed) for name, own in result.metrics.items()]
    headers = ("metric", "value", "95 % from", "to", "n", "failed")
    return join(
        bars(drawn, top=1.0, caption="Whiskers: 95 % intervals over questions."),
        table(headers, rows, digits=4),
    )


def _of(value: float | None, metric: str) -> float | None:
    """Return a value as a share of the best possible one."""
    found = find(metric)
    return None if value is None else value / (found.top if found else 1.0)


def _shown(own: Aggregate) -> str:
    return "none" if own.value is None else f"{own.value:.3f}"


def _reasons(result: Evaluation) -> Html:
    grouped: dict[str, list[str]] = {}
    for name, own in result.metrics.items():
        if own.reason:
            grouped.setdefault(own.reason, []).append(name)
    return join(*(paragraph(element("small", f"{', '.join(names)}: {reason}")) for reason, names in grouped.items()))


def _comparison(comparisons: Sequence[Comparison]) -> Html:
    headers = (
        "metric",
        "difference",
        "95 % from",
        "to",
        "p",
        "p (Holm)",
        "effect",
        "wins",
        "ties",
        "losses",
        "detectable",
    )
    rows = [
        (c.metric, c.difference, c.low, c.high, c.p, c.p_corrected, c.effect, c.wins, c.ties, c.losses,
         c.detectable_corrected)
        for c in comparisons
    ]  # fmt: skip
    first = comparisons[0]
    said = (
        f"{first.system} minus {first.baseline}; paired {first.test} tests. Interval and p are of each metric alone, p "
        f"(Holm) is corrected for all {distinct_tests(comparisons)} that differ. Detectable: the difference that a "
        "paired test at 5 % finds four times in five with so many questions, after that correction."
    )
    return join(paragraph(said), table(headers, rows, digits=4))


def _robustness(survivals: Sequence[Survival]) -> Html:
    drawn = [Bar(s.change, s.survived.value, s.survived.low, s.survived.high) for s in survivals]
    rows = [(s.change, s.survived.value, s.survived.n, s.before.value, s.after.value) for s in survivals]
    headers = ("change", "survived", "of", "before", "after")
    caption = "Share of the questions answered right that stay right."
    return join(bars(drawn, top=1.0, caption=caption), table(headers, rows))


def _slices(result: Evaluation, metric: str) -> Iterable[Html]:
    """Yield a table for each metadata field that sorts the questions into a few groups."""
    fields = Counter(field for question in result.questions for field in question.metadata)
    for field, _ in fields.most_common():
        groups = result.slices(metric, field)
        if 2 <= len(groups) <= max(_SLICES, len(result.questions) // 5):
            rows = [(value, own.value, own.low, own.high, own.n) for value, own in groups.items()]
            yield section(f"{metric} by {field}", table((field, metric, "95 % from", "to", "n"), rows))


def _risk(result: Evaluation) -> Iterable[Html]:
    right = result.values("answer_containment") if "answer_containment" in result.scores else {}
    answers = {q: own.answer for q, own in result.outcomes.items()}
    asked = [q for q in right if answers[q] is not None]
    if len(asked) < 5:
        return
    curve = risk_coverage([answer.support for q in asked if (answer := answers[q])], [right[q] for q in asked])
    drawing = lines([Line("risk", curve.coverage, curve.risk)], x="share answered", y="share wrong")
    lead = f"Wrong answers among the most supported ones; the area below is {curve.area:.3f}, less is better."
    yield section("Risk and coverage", drawing, lead=lead)


def _case(result: Evaluation, case: Case, metric: str) -> Html:
    score = result.scores[metric][case.question.id]
    value = "failed" if score.failed else f"{score.value:.3f}"
    answer = case.outcome.answer
    parts: list[Html] = [paragraph(element("span", case.outcome.error, class_="bad"))] if case.outcome.error else []
    if case.question.answers:
        parts.append(paragraph(element("b", "Reference: "), "; ".join(case.question.answers)[:_SHOWN]))
    if answer is not None:
        parts.append(paragraph(element("b", "Answer: "), answer.text[:_SHOWN]))
    parts.append(paragraph(element("b", "Relevant: "), _wanted(case)))
    parts += [_passage(passage, case, result) for passage in case.passages]
    if not case.passages:
        parts.append(paragraph("Nothing was retrieved."))
    return details(join(element("b", value), " ", case.question.text), *parts)


def _wanted(case: Case) -> str:
    spans = [f"{s.document} {s.start}-{s.end}" for s in case.question.spans]
    names = spans or sorted(case.relevant)
    missing = len(case.relevant - set(case.context))
    return f"{', '.join(names[:5])}{' ...' if len(names) > 5 else ''}; {missing} of {len(case.relevant)} not retrieved"


def _passage(passage: Passage, case: Case, result: Evaluation) -> Html:
    item = passage.document if result.level == "document" else str(passage.chunk)
    hit = item in case.relevant or any(holds(passage, span) for span in case.question.spans)
    scores = ", ".join(f"{name} {value:.2f}" for name, value in passage.scores.items())
    head = f"{passage.rank}. {passage.document} {passage.start}-{passage.end} ({scores})"
    verdict = element("span", " relevant", class_="good") if hit else ""
    text = passage.text[:_SHOWN] + ("\N{HORIZONTAL ELLIPSIS}" if len(passage.text) > _SHOWN else "")
    return join(element("small", head, verdict), element("blockquote", text, class_="hit" if hit else "miss"))


def _problems(result: Evaluation) -> Html | str:
    problems = [*result.questions.remarks, *(f"{q}: {why}" for q, why in result.failures.items())]
    if not problems:
        return ""
    shown = element("ul", *(element("li", problem) for problem in problems[:100]))
    return section("Problems", shown, lead=f"{len(problems)} things were left out or went wrong.")


def _card(result: Evaluation) -> dict[str, str | Html]:
    return {
        "questions": f"{result.questions.name}, {len(result.questions)}, SHA-256 {result.questions.digest[:16]}",
        "level": result.level,
        "k": str(result.k),
        "seed": str(result.seed),
        "ties": "scores as float32, equal ones by descending id, as trec_eval",
        **{name: str(value) for name, value in result.pipeline.items() if value not in (None, [])},
    }
