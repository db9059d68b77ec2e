"""Have a model judge what a pipeline retrieves: grades of documents, by UMBRELA, and its agreement with known gold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .judge import Judge
from .metrics.umbrela import RELEVANT, grade
from .questions.gold import documents_of
from .questions.questions import Question, QuestionSet
from .questions.taking_out import without

if TYPE_CHECKING:
    from ..retrieval.retriever import Retriever


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far a judge's grades agree with known gold.

    Attributes
    ----------
    table
        Pairs of question and document by grade: of those without gold, and of those with it.
    failed
        Pairs that got no grade; they are in no figure.
    """

    table: Mapping[int, tuple[int, int]]
    failed: int = 0

    @property
    def pairs(self) -> int:
        """Pairs that were graded."""
        return sum(map(sum, self.table.values()))

    @property
    def kappa(self) -> float | None:
        """Cohen's kappa of a grade of at least 2 and gold; None where both are always the same.

        J. Cohen, "A coefficient of agreement for nominal scales", Educational and Psychological Measurement 20, 1960.
        """
        yes = [sum(own[at] for grade, own in self.table.items() if grade >= RELEVANT) for at in (0, 1)]
        no = [sum(own[at] for grade, own in self.table.items() if grade < RELEVANT) for at in (0, 1)]
        n = sum(yes) + sum(no)
        if not n:
            return None
        chance = (sum(yes) * (yes[1] + no[1]) + sum(no) * (yes[0] + no[0])) / n**2
        return None if chance == 1 else ((yes[1] + no[0]) / n - chance) / (1 - chance)


@dataclass(frozen=True, slots=True)
class Judging:
    """Judged questions.

    Attributes
    ----------
    questions
        With a grade, 0 to 3, for each document that was retrieved and could be judged, in place of gold of any kind.
    agreement
        With the gold that the questions had: a document without gold counts as not relevant.
    problems
        What went wrong -> how often.
    """

    questions: QuestionSet
    agreement: Agreement
    problems: Mapping[str, int]


def judged(
    retriever: Retriever,
    questions: QuestionSet,
    judge: Judge,
    *,
    k: int = 10,
    progress: Callable[[int, int], None] | None = None,
) -> Judging:
    """Have the first ``k`` passages of each question graded; a document has the grade of its best passage.

    Notes
    -----
    What no pipeline retrieved is not judged, so that recall is over what was found: judge with several pipelines, or a
    larger ``k``, before figures of recall are believed.
    """
    found: list[Question] = []
    table: dict[int, list[int]] = {}
    problems: dict[str, int] = {}
    failed = 0
    for done, question in enumerate(questions, 1):
        gold = documents_of(question)
        grades: dict[str, int] = {}
        lost: set[str] = set()
        for passage in retriever.retrieve(question.text, k, where=without(question)):
            score = grade(judge, question.text, passage.text)
            if score.failed or score.value is None:
                problems[score.reason] = problems.get(score.reason, 0) + 1
                lost.add(passage.document)
            else:
                grades[passage.document] = max(grades.get(passage.document, 0), round(score.value))
        failed += len(lost - grades.keys())
        for document, value in grades.items():
            table.setdefault(value, [0, 0])[gold.get(document, 0) > 0] += 1
        found.append(replace(question, documents=grades, chunks={}, spans=(), quotes=()))
        if progress is not None:
            progress(done, len(questions))
    counts = {value: (own[0], own[1]) for value, own in sorted(table.items())}
    return Judging(replace(questions, questions=tuple(found)), Agreement(counts, failed), problems)
