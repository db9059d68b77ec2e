"""The page for reviewing made questions: each with its span, and how much of it the question repeats."""

from __future__ import annotations

from rag.evaluation.questions.question_making import Making
from rag.evaluation.questions.question_templates import longest_shared_run
from rag.evaluation.questions.questions import Question

from ..reports.pages import Cell, Html, element, join, page, section, table


def review(found: Making) -> str:
    """Return the page."""
    rejected = [(reason, count) for reason, count in sorted(found.rejected.items(), key=lambda item: -item[1])]
    return page(
        "Questions to review",
        section("Questions", table(("question", "answer", "where", "form", "shared"), map(_row, found.questions))),
        section("Not taken", table(("reason", "how often"), rejected)) if rejected else "",
        lead=f"{len(found.questions)} questions {found.questions.name}. Strike out of the file what you doubt.",
        footer="Shared: words in a row that a question takes over from its answer.",
    )


def _row(question: Question) -> tuple[Cell, ...]:
    if question.unanswerable:
        return question.text, "(none)", f"without {', '.join(question.without)}", str(question.metadata["form"]), None
    span = question.spans[0]
    heading = element("small", str(question.metadata["heading"]))
    where: Html = join(f"{span.document} {span.start}-{span.end} ", heading)
    answer = question.answers[0]
    shared = longest_shared_run(question.text, answer)
    return question.text, answer[:400], where, str(question.metadata["form"]), shared
