"""The report of an experiment: one HTML file, and the same tables as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rag.evaluation.comparison import Comparison, distinct_tests

from ..reports.charts import Bar, ChartPoint, bars, scatter
from ..reports.pages import Cell, Html, element, facts, join, page, paragraph, section, table
from .difference_chart import differences
from .interactions import Interaction, interactions
from .results import Result, Row

MATRIX_QUESTIONS = 40
MATRIX_COLUMNS = 12


def html(result: Result, *, command: str = "") -> str:
    """Return the whole page."""
    return page(
        result.card["name"],
        section("Leaderboard", _leaderboard(result), lead=_how_to_read(result)),
        *_pictures(result),
        *_effects(result),
        *_interactions(result),
        *_by_question(result),
        *_matrix(result),
        section("Stages", _stages(result), lead=_stage_counts(result)),
        *_failed(result),
        section("Run card", facts(card(result))),
        lead=finding(result),
        footer=f"Made by {command or 'rag experiment'}, rag-workbench {result.card['code']}.",
    )


def markdown(result: Result) -> str:
    """Return leaderboard, effects and run card as Markdown."""
    names, rows = leaderboard_table(result)
    parts = [f"# {_plain(result.card['name'])}", finding(result), _how_to_read(result), _pipe(names, rows)]
    if result.effects:
        parts += ["## What each part changes", _pipe(EFFECTS, effect_rows(result))]
    parts += [_interaction_markdown(each) for each in interactions(result)]
    failed = _failures(result)
    if failed:
        parts += ["## Failed", _pipe(["configuration", "why"], failed)]
    parts += ["## Run card", "\n".join(f"- {name}: {_plain(value)}" for name, value in card(result).items())]
    return "\n\n".join(parts) + "\n"


def finding(result: Result) -> str:
    """Say in a sentence what came out."""
    best = result.leaderboard()[0]
    own = best.metrics.get(result.metric)
    if best.error:
        return "Every configuration failed."
    if own is None or own.value is None:
        return f"No configuration has a figure: {own.reason if own else 'nothing was measured'}."
    if not best.sound:
        return f"Every row rests on failures, so none is best: {best.name} lost {sum(best.failed.values())} questions."
    return f"{best.name} is best: {result.metric} {own.value:.4f}{_against(result, best)}"


def _against(result: Result, best: Row) -> str:
    base = result.baseline
    if best.name == base.name:
        return ". Nothing that was tried beats the baseline."
    if not base.sound:
        return f". The baseline ({base.name}) failed or rests on failures: nothing is compared with it."
    against = result.comparisons.get(best.name)
    if against is None or against.p_corrected is None:
        return "."
    sure = "" if against.significant else ", which can be chance"
    return (
        f", {against.difference:+.4f} against the baseline ({base.name}), p {against.p_corrected:.3g} "
        f"after Holm's correction{sure}."
    )


def leaderboard_table(result: Result) -> tuple[list[str], list[list[Cell]]]:
    """Return headers and rows, best first."""
    others = [name for row in result.rows for name in row.metrics if name != result.metric]
    others = list(dict.fromkeys(others))
    varied = result.card["varied"] or ["configuration"]
    failing = any(row.failed for row in result.rows)
    names = [*varied, result.metric, "95 % interval", "difference", "p", "p Holm", "p50 ms", "MB", *others]
    rows = [_line(result, row, others) for row in result.leaderboard() if not row.error]
    if failing:
        counts = [sum(row.failed.values()) or None for row in result.leaderboard() if not row.error]
        return [*names, FAILED], [[*row, count] for row, count in zip(rows, counts, strict=True)]
    return names, rows


FAILED = "failed questions"


def _line(result: Result, row: Row, others: Sequence[str]) -> list[Cell]:
    varied: list[Cell] = [_cell(row.parts[part]) for part in result.card["varied"]] or [row.name]
    own, against = row.metrics[result.metric], result.comparisons.get(row.name)
    interval = "" if own.low is None or own.high is None else f"{own.low:.3f} to {own.high:.3f}"
    is_base = row.name == result.baseline.name
    difference: Cell = "baseline" if is_base else None if against is None else against.difference
    p: Cell = None if against is None else against.p
    holm: Cell = None if against is None else against.p_corrected
    rest: list[Cell] = [None if row.metrics[name].value is None else row.metrics[name].value for name in others]
    memory = None if row.memory_bytes is None else row.memory_bytes / 1e6
    return [*varied, own.value, interval, difference, p, holm, row.latency.get("p50_ms"), memory, *rest]


def _leaderboard(result: Result) -> Html:
    names, rows = leaderboard_table(result)
    return table(names, rows, digits=4)


def _how_to_read(result: Result) -> str:
    found = list(result.comparisons.values())
    text = f"Ordered by {result.metric}. Intervals are 95 % intervals over questions, of each figure alone."
    if found:
        tests = distinct_tests(found)
        text += (
            f" p is that of a paired {found[0].test} test against the baseline ({result.baseline.name}) of each row "
            f"alone; p Holm is corrected for the {tests} distinct rows that differ from it."
        )
        if len(found) > tests:
            text += f" {len(found) - tests} rows equal another one or the baseline in every question, and count once."
    if any(row.failed for row in result.rows):
        text += " Rows that rest on failed questions come last and take no part in tests."
    return text + _power(found)


def _power(found: Sequence[Comparison]) -> str:
    """Say what could have been seen, by which test."""
    alone = [c.detectable for c in found if c.detectable]
    after = [c.detectable_corrected for c in found if c.detectable_corrected]
    if not alone:
        return ""
    said = (
        f" With {found[0].n} questions, a paired test at 5 % finds a difference of {float(np.median(alone)):.3f} four "
    )
    said += "times in five"
    tests = distinct_tests(found)
    if tests < 2:
        return f"{said} (80 % power)."
    return (
        f"{said} (80 % power) where one row is tested alone, and one of {float(np.median(after)):.3f} at the strictest "
        f"level of Holm's correction over {tests}: the median over rows."
    )


def _pictures(result: Result) -> list[Html]:
    timed = _points(result, lambda row: row.latency.get("p50_ms"))
    sized = _points(result, lambda row: None if row.memory_bytes is None else row.memory_bytes / 1e6)
    parts: list[Html] = []
    if timed:
        caption = f"Up and left is better. One question at a time, embedding included. {measured(result)}"
        parts.append(scatter(timed, x="ms a question, median", y=result.metric, log_x=True, caption=caption))
    if sized:
        parts.append(scatter(sized, x="MB of indexes", y=result.metric, log_x=True, caption="Up and left is better."))
    return [section("Quality against cost", *parts)] if parts else []


def _points(result: Result, cost: Any) -> list[ChartPoint]:  # noqa: ANN401 - a function of a row
    found = []
    best = result.leaderboard()[0].name
    for row in result.rows:
        own, x = row.metrics.get(result.metric), cost(row)
        if own is not None and own.value is not None and x:
            marked = row.name in {best, result.baseline.name}
            found.append(ChartPoint(_role(result, row, best), x, own.value, 1 if marked else 0, quiet=not marked))
    return sorted(found, key=lambda point: not point.quiet)  # the marked ones are drawn last, on top


def _role(result: Result, row: Row, best: str) -> str:
    roles = [role for role, name in (("best", best), ("baseline", result.baseline.name)) if row.name == name]
    return " and ".join(roles) or row.name


def measured(result: Result) -> str:
    """Say where and when the times were measured; a warning where they cannot be compared with each other."""
    made = [row.measured for row in result.rows if row.measured and not row.error]
    if not made:
        return "No times were measured."
    hours, loads = sorted(str(each["at"]) for each in made), [float(each["load"]) for each in made]
    load = f"{min(loads):.1f}" if min(loads) == max(loads) else f"{min(loads):.1f} to {max(loads):.1f}"
    when = hours[0] if hours[0] == hours[-1] else f"{hours[0]} to {hours[-1]}"
    said = f"Measured {when}, load {load}."
    for what, name in (("cpu", "processors"), ("jobs", "numbers of jobs"), ("code", "versions of the code")):
        if len({each[what] for each in made}) > 1:
            said += f" Rows were measured with different {name}: compare their times with care."
    if any(each["jobs"] > 1 for each in made):
        said += " Processes shared the machine, so times are longer than alone."
    return said


EFFECTS = ["part", "value", "against", "difference", "95 % interval", "p", "p Holm", "wins", "ties", "losses", "pairs"]


def effect_rows(result: Result) -> list[list[Cell]]:
    """Return the rows of the table of effects, greatest first."""
    rows: list[list[Cell]] = []
    for each in sorted(result.effects, key=lambda e: -e.comparison.difference):
        c = each.comparison
        interval = "" if c.low is None or c.high is None else f"{c.low:+.3f} to {c.high:+.3f}"
        head: list[Cell] = [each.part, _cell(each.value), _cell(each.against)]
        rows.append([*head, c.difference, interval, c.p, c.p_corrected, c.wins, c.ties, c.losses, each.pairs])
    return rows


def _effects(result: Result) -> list[Html]:
    if not result.effects:
        return []
    tests = distinct_tests([each.comparison for each in result.effects])
    lead = (
        "The mean difference over all pairs of configurations that differ in this part alone. Interval and p are of "
        f"each change alone; p Holm is corrected for the {tests} distinct "
        "changes that make a difference."
    )
    return [section("What each part changes", table(EFFECTS, effect_rows(result), digits=4), lead=lead)]


def interaction_table(each: Interaction) -> tuple[list[str], list[list[Cell]]]:
    """Return headers and rows: the first field's values downwards, the second one's across."""
    heads = [f"{each.parts[0]} \\ {each.parts[1]}", *(str(_cell(value)) for value in each.values(1))]
    rows: list[list[Cell]] = [
        [str(_cell(down)), *(each.means.get((down, across)) for across in each.values(1))] for down in each.values(0)
    ]
    return heads, rows


def _strength(each: Interaction) -> str:
    if each.strength is None:
        return "A pair without a mean has no sound row."
    return f"The means lie up to {each.strength:.4f} from what both parts' own effects add up to."


def _interactions(result: Result) -> list[Html]:
    found = interactions(result)
    if not found:
        return []
    lead = f"Mean {result.metric} over the rows that have both values: does the effect of one depend on the other?"
    shown = [part for each in found for part in (paragraph(_strength(each)), _crossed(each))]
    return [section("Interactions", *shown, lead=lead)]


def _crossed(each: Interaction) -> Html:
    heads, rows = interaction_table(each)
    return table(heads, rows, digits=4)


def _interaction_markdown(each: Interaction) -> str:
    heads, rows = interaction_table(each)
    return f"## {each.parts[0]} and {each.parts[1]}\n\n{_strength(each)}\n\n{_pipe(heads, rows)}"


def _by_question(result: Result) -> list[Html]:
    """Show where the best row gains and loses against the baseline; where the baseline is best, the next one."""
    base, sound = result.baseline.name, result.sound
    best = next((row.name for row in result.leaderboard() if row.name != base and row.name in sound), None)
    if best is None or base not in sound:
        return []
    mine, theirs = sound[best].values(result.metric), sound[base].values(result.metric)
    found = {f"{result.texts.get(q, q)} ({q})": mine[q] - theirs[q] for q in mine if q in theirs}
    caption = f"{result.metric} of {best} minus that of the baseline ({base}), one bar a question."
    chart = differences(found, better="less" if result.lower else "more", caption=caption)
    return [section("Question by question", chart)]


def _matrix(result: Result) -> list[Html]:
    """Show the questions on which configurations differ most."""
    columns = [row.name for row in result.leaderboard() if row.name in result.saved][:MATRIX_COLUMNS]
    if len(columns) < 2:
        return []
    values = {name: result.saved[name].values(result.metric) for name in columns}
    shared = [q for q in values[columns[0]] if all(q in own for own in values.values())]
    spread = {q: float(np.std([values[name][q] for name in columns])) for q in shared}
    shown = [q for q in sorted(shared, key=lambda q: -spread[q]) if spread[q] > 0][:MATRIX_QUESTIONS]
    if not shown:
        return [section("Questions", paragraph("Every configuration treats every question alike."))]
    rows: list[list[Cell]] = [[result.texts.get(q, q), *(values[name][q] for name in columns)] for q in shown]
    heads = [f"{number}" for number in range(1, len(columns) + 1)]
    key = element("ol", *(element("li", name) for name in columns))
    lead = f"{result.metric} of the questions on which the best {len(columns)} configurations differ most."
    return [section("Questions", table(["question", *heads], rows, digits=2), key, lead=lead)]


def _stages(result: Result) -> Html:
    seen: dict[str, tuple[str, str, float]] = {}
    for row in result.rows:
        for stage, seconds in row.seconds.items():
            seen.setdefault(row.keys[stage], (stage, row.name, seconds))
    order = sorted(seen.values(), key=lambda each: -each[2])[:12]
    slowest = [Bar(f"{stage}: {name}", seconds, shown=f"{seconds:.1f} s") for stage, name, seconds in order]
    totals = {stage: sum(s for st, _, s in seen.values() if st == stage) for stage in ("store", "index", "run")}
    lines = [[stage, sum(st == stage for st, _, _ in seen.values()), total] for stage, total in totals.items()]
    caption = "The slowest stages. A stage is named after the first configuration that uses it."
    return join(table(["stage", "distinct", "seconds"], lines, digits=1), bars(slowest, caption=caption))


def _stage_counts(result: Result) -> str:
    done, cached = result.card["stages_done"], result.card["stages_from_cache"]
    made = ", ".join(f"{done[stage]} {stage}" for stage in done if done[stage]) or "nothing"
    kept = ", ".join(f"{cached[stage]} {stage}" for stage in cached if cached[stage]) or "nothing"
    return f"Done in this run: {made}. Taken from the cache: {kept}. Each distinct stage is done once."


def _failed(result: Result) -> list[Html]:
    rows = _failures(result)
    return [section("Failed", table(["configuration", "why"], rows))] if rows else []


def _failures(result: Result) -> list[list[Cell]]:
    return [[name, reason] for reason, names in failures(result).items() for name in names]


def failures(result: Result) -> dict[str, list[str]]:
    """Return the configurations that failed, or whose figures rest on failures, by reason."""
    found: dict[str, list[str]] = {}
    for row in result.rows:
        reasons = [f"{count} questions, asked again by the next run: {why}" for why, count in row.failed.items()]
        for reason in [row.error] if row.error else reasons:
            found.setdefault(reason, []).append(row.name)
    return found


def card(result: Result) -> dict[str, str]:
    """Return what was run, for people."""
    own = result.card
    machine, questions = own["machine"], own["questions"]
    shown = {
        "configurations": str(own["configurations"]),
        "experiment": own["experiment"][:16],
        "corpus": f"{', '.join(own['corpus']['paths'])} ({own['corpus']['digest'][:16]})",
        "questions": f"{questions['n']} of {questions['name']}, judged by {questions['level']} "
        f"({questions['digest'][:16]})",
        "seed": str(own["seed"]),
        "jobs": str(own["jobs"]),
        "times": measured(result),
        "code": own["code"],
        "machine": f"{machine['cpu']}, {machine['cores']} cores, load {machine['load']}",
        "versions": ", ".join(f"{name} {version}" for name, version in own["versions"].items()),
        "seconds": f"{own['seconds']:.1f}",
    }
    if own.get("notes"):
        shown["notes"] = "; ".join(own["notes"][:5])
    if questions["problems"]:
        shown["problems"] = "; ".join(questions["problems"][:5])
    return shown


def _cell(value: Cell | bool | tuple[str, ...]) -> Cell:
    if isinstance(value, bool | tuple):
        return str(value)
    return "(default)" if value is None else value


def _pipe(names: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    lines = [names, ["---"] * len(names), *([_shown(cell) for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(_plain(each) for each in line) + " |" for line in lines)


def _shown(cell: Cell) -> str:
    if cell is None:
        return ""
    return f"{cell:.4f}" if isinstance(cell, float) else str(cell)


def _plain(text: str) -> str:
    """Return text on one line that Markdown takes as text."""
    return " ".join(str(text).split()).replace("\\", "\\\\").replace("|", "\\|").replace("<", "\\<")
