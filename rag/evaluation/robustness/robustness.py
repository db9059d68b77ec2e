"""Measure how many right answers stay right when questions are perturbed or passages disturbed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from ...errors import InvalidInput
from ..aggregate import Aggregate, Score, aggregate
from ..collecting import Progress, System
from ..evaluator import evaluate
from ..questions.questions import QuestionSet
from ..results import Evaluation
from .disturbances import DISTURBANCES, DisturbedBot
from .perturbations import PERTURBATIONS, perturbation
from .typos import with_typos

if TYPE_CHECKING:
    from ...bot import Bot

__all__ = ["Survival", "changes", "perturbed", "robustness", "with_typos"]

RIGHT = 0.5
"""The least value of a metric that counts as right."""


@dataclass(frozen=True, slots=True)
class Survival:
    """The effect of one change of the questions or passages.

    Attributes
    ----------
    change
        Name of the perturbation or disturbance.
    survived
        Share of the questions that were right before and still are.
    before, after
        The metric on the unchanged and the changed questions.
    lost
        Ids of the questions that were right and no longer are.
    """

    change: str
    survived: Aggregate
    before: Aggregate
    after: Aggregate
    lost: tuple[str, ...]


def changes() -> tuple[str, ...]:
    """Return the names of all changes: of questions, then of passages."""
    return (*PERTURBATIONS, *DISTURBANCES)


def perturbed(questions: QuestionSet, name: str, *, seed: int = 0) -> QuestionSet:
    """Return the perturbed questions; ids and gold stay.

    Raises
    ------
    InvalidInput
        There is no perturbation of that name.
    """
    change = perturbation(name)
    asked = tuple(replace(q, text=change(q.text, seed) or q.text) for q in questions)
    return QuestionSet(asked, f"{questions.name}, {name}", questions.problems, questions.notes)


def robustness(
    system: System,
    questions: QuestionSet,
    *,
    metric: str,
    names: Sequence[str] = tuple(PERTURBATIONS),
    k: int = 5,
    right: float = RIGHT,
    seed: int = 0,
    before: Evaluation | None = None,
    progress: Progress | None = None,
) -> list[Survival]:
    """Ask the questions again with each change and count the right answers that survive.

    Parameters
    ----------
    system
        A retriever or a bot; disturbed passages need a `rag.Bot`.
    metric
        Says what is right: ``Success@5`` for retrieval, ``answer_containment`` for answers.
    names
        See `changes`.
    right
        Least value that counts as right.
    before
        An evaluation of the unchanged questions with this metric, if there is one.

    Raises
    ------
    InvalidInput
        An unknown change, or disturbed passages for a system other than a bot.
    """
    for name in names:
        _check(name, system)
    plain = before or evaluate(system, questions, metrics=[metric], k=k, seed=seed, progress=progress)
    found = []
    for name in names:
        if name in PERTURBATIONS:
            changed, asked = system, perturbed(questions, name, seed=seed)
        else:
            changed, asked = _disturbed(system, name, plain, seed), questions
        after = evaluate(changed, asked, metrics=[metric], k=k, level=plain.level, seed=seed, progress=progress)
        found.append(_survival(name, metric, right, (plain, after)))
    return found


def _survival(name: str, metric: str, right: float, both: tuple[Evaluation, Evaluation]) -> Survival:
    plain, after = both
    later = after.values(metric)
    held = {q: later.get(q, 0.0) >= right for q, value in plain.values(metric).items() if value >= right}
    scores = [
        Score(float(kept), after.outcomes[q].error, failed=bool(after.outcomes[q].error)) for q, kept in held.items()
    ]
    survived = aggregate(scores, seed=plain.seed)
    if not scores:
        survived = Aggregate(None, reason="no question was right before")
    lost = tuple(q for q, kept in held.items() if not kept)
    return Survival(name, survived, plain.metrics[metric], after.metrics[metric], lost)


def _check(name: str, system: System) -> None:
    if name in DISTURBANCES:
        if not hasattr(system, "generator") or not hasattr(system, "retriever"):
            raise InvalidInput(f"{name} disturbs the passages that a generator reads; give a Bot")
    else:
        perturbation(name)


def _disturbed(bot: System, name: str, plain: Evaluation, seed: int) -> DisturbedBot:
    others = list({p.chunk: p for own in plain.outcomes.values() for p in own.passages[:5]}.values())
    return DisturbedBot(cast("Bot", bot), name, others, seed=seed)  # `_check` has looked
