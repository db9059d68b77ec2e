"""The report of `rag improve` as Markdown: what was tried, what the test said, what was done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .search import changes

if TYPE_CHECKING:
    from rag.evaluation.comparison import Comparison
    from rag.retrieval.config import PipelineConfig

    from .improvement import Improvement


def markdown(found: Improvement) -> str:
    """Return the report; it holds no text of a question or a document."""
    parts = [
        "# What the feedback says about the pipeline",
        found.why,
        _questions(found),
        *_tried(found),
        *_test(found),
        *[f"- {note}" for note in found.notes],
    ]
    if found.applied:
        parts.append(f"To go back: `rag configure {found.kb} --undo`.")
    return "\n\n".join(parts) + "\n"


def _questions(found: Improvement) -> str:
    own, dropped = found.parts, len(found.export.dropped)
    counted = f"{len(own.tuning)} tune, {len(own.test)} were fresh"
    counted += f", and {dropped} more have lost their gold" if dropped else ""
    first = f"Knowledge base `{found.kb}`, pipeline {found.present.digest}."
    return f"{first} Of {len(found.export.questions)} reviewed questions {counted}. Measured by {found.metric}."


def _tried(found: Improvement) -> list[str]:
    if found.found is None:
        return []
    rows = sorted(found.found.tried, key=lambda each: -(each.mean if each.mean is not None else -1.0))
    lines = [f"| pipeline | {found.metric} | against the present one | p | p Holm |", "|---|---|---|---|---|"]
    for each in rows:
        mean = each.error or ("-" if each.mean is None else f"{each.mean:.4f}")
        lines.append(f"| {_changed(found.present, each.config)} | {mean} | {_compared(each.comparison)} |")
    return [
        "## Tried, on the questions that tune",
        "p Holm is corrected for all that was tried. What is proposed must be below 0.05 there.",
        "\n".join(lines),
    ]


def _test(found: Improvement) -> list[str]:
    if found.test is None or found.proposed is None:
        return []
    own = found.test
    sure = "" if own.low is None or own.high is None else f", 95 % interval {own.low:+.4f} to {own.high:+.4f}"
    p = "-" if own.p is None else f"{own.p:.3g}"
    lines = ["| guard | before | after | |", "|---|---|---|---|"]
    lines += [f"| {g.name} | {g.before:.4f} | {g.after:.4f} | {'worse' if g.fell else ''} |" for g in found.guards]
    said = f"{_changed(found.present, found.proposed)}: {own.difference:+.4f} {found.metric} on {own.n} questions{sure}"
    rule = f"Test {found.look} since the last change that was applied: p must be below {found.level:.3g}."
    return ["## Tested, on questions that no run had looked at", f"{said}, p {p}. {rule}", "\n".join(lines)]


def _changed(present: PipelineConfig, other: PipelineConfig) -> str:
    said = ", ".join(f"{name} {old} -> {new}" for name, (old, new) in changes(present, other).items())
    return said.replace("|", "\\|") or "as it is"


def _compared(own: Comparison | None) -> str:
    if own is None:
        return "- | - | -"
    p, holm = ("-" if each is None else f"{each:.3g}" for each in (own.p, own.p_corrected))
    return f"{own.difference:+.4f} | {p} | {holm}"
