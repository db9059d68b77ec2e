"""The stage that rewrites: rewriters one after another, bounded in time and in what they may ask for, failing open."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from ..deadlines import within
from ..documents import Query
from ..errors import InvalidInput, OutOfTime, PartFailed, in_words, on_one_line
from .protocol import Asked, Corpus, QueryRewriter, Unfinished, Variant

if TYPE_CHECKING:
    from ..documents import Passage

log = logging.getLogger(__name__)

DEADLINE_S = 10.0
MOST_VARIANTS = 8
LONGEST = 2_000
"""Characters of a rewritten question; what is longer was not meant as one."""
READ = 4_000
"""Characters of a question that rewriters look at; a longer one is searched for as it is."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one rewriter did: the text after it, further questions, index terms, seconds; ``note`` where it failed."""

    name: str
    changed: bool
    text: str
    variants: tuple[Variant, ...] = ()
    terms: tuple[tuple[str, float], ...] = ()
    vector: bool = False
    seconds: float = 0.0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Rewritten:
    """What is to be searched for, the question itself first.

    Attributes
    ----------
    queries
        With the weight of each one's results.
    steps
        What each rewriter did, those that changed nothing included.
    """

    queries: tuple[tuple[Query, float], ...]
    steps: tuple[Step, ...]

    @property
    def text(self) -> str:
        """The question as it is searched for."""
        return self.queries[0][0].text

    @property
    def notes(self) -> tuple[str, ...]:
        """What failed, in words."""
        return tuple(step.note for step in self.steps if step.note)


class Rewriting:
    """Rewriters in the order of use.

    Parameters
    ----------
    rewriters
        Each gets what the one before made of the question.
    deadline
        Seconds for all of them together; None for no limit. What is not done by then is left out.
    """

    def __init__(self, rewriters: Sequence[QueryRewriter], *, deadline: float | None = DEADLINE_S) -> None:
        if deadline is not None and not deadline > 0:
            raise InvalidInput(f"deadline={deadline}: give seconds above 0, or None for no limit")
        self.rewriters = tuple(rewriters)
        self.deadline = deadline

    def __repr__(self) -> str:
        return f"Rewriting({'+'.join(each.name for each in self.rewriters)})"

    def run(self, query: Query, corpus: Corpus) -> Rewritten:
        """Rewrite one question."""
        if query.terms is not None or query.vector is not None or len(query.text) > READ:
            return Rewritten(((query, 1.0),), ())
        start = time.perf_counter()
        asked = Asked(query.text, query.text, query.history)
        steps = []
        for rewriter in self.rewriters:
            left = None if self.deadline is None else self.deadline - (time.perf_counter() - start)
            asked, step = _tried(rewriter, asked, corpus, left)
            steps.append(step)
        main = Query(asked.text, asked.history, asked.terms, asked.vector)
        others = [(Query(each.text, asked.history), each.weight) for each in asked.variants]
        return Rewritten(((main, 1.0), *others), tuple(steps))

    def after(self, done: Rewritten, passages: Sequence[Passage], corpus: Corpus) -> Rewritten:
        """Return more queries where a rewriter with a second look finds the plain result too even; else ``done``.

        One that has failed already is not waited for again, and the deadline is one for both looks.
        """
        (query, _), *others = done.queries
        failed = {step.name for step in done.steps if step.note}
        for rewriter in self._second_looks() if not others else ():
            if rewriter.name not in failed and rewriter.looks_again(passages):
                left = None if self.deadline is None else self.deadline - sum(step.seconds for step in done.steps)
                asked, step = _tried(_Again(rewriter), Asked(query.text, query.text, query.history), corpus, left)
                more = tuple((Query(each.text, query.history), each.weight) for each in asked.variants)
                return Rewritten((*done.queries, *more), (*done.steps, step))
        return done

    @property
    def has_second_look(self) -> bool:
        """Whether some rewriter may want to see what the plain question found."""
        return bool(self._second_looks())

    def _second_looks(self) -> list[SecondLook]:
        return [each for each in self.rewriters if isinstance(each, SecondLook) and each.sees_results]


@runtime_checkable
class SecondLook(Protocol):
    """What a rewriter may have beside `QueryRewriter`: it looks at the plain result and may ask for further queries."""

    @property
    def name(self) -> str:
        """The strategy's name."""
        ...

    @property
    def sees_results(self) -> bool:
        """Whether it does so, as it was made."""
        ...

    def looks_again(self, passages: Sequence[Passage]) -> bool:
        """Say whether more should be asked, by the passages of the plain question, best first."""
        ...

    def again(self, asked: Asked, corpus: Corpus, *, deadline: float | None = None) -> Asked:
        """Return the question with variants."""
        ...


class _Again:
    """A second look as a rewriter."""

    def __init__(self, second: SecondLook) -> None:
        self.name = second.name
        self.waits = getattr(second, "waits", True)
        self.rewrite = second.again


def _tried(rewriter: QueryRewriter, asked: Asked, corpus: Corpus, left: float | None) -> tuple[Asked, Step]:
    begun = time.perf_counter()
    note = ""
    try:
        try:
            made = _watched(rewriter, asked, corpus, left)
        except Unfinished as half:
            made, note = half.asked, f"{rewriter.name} did without its language model: {on_one_line(str(half))}"
            log.info("rewriter %s", note)
        after = _checked(made, asked)
    except Exception as error:  # noqa: BLE001 - whatever a rewriter raises, the plain question remains
        note = f"{rewriter.name} was left out: {in_words(error)}"
        log.info("rewriter %s", note)  # the caller is told by `Rewritten.notes`
        return asked, Step(rewriter.name, False, asked.text, seconds=time.perf_counter() - begun, note=note)
    changed = after.differs(asked)
    return after, Step(
        rewriter.name,
        changed,
        after.text,
        after.variants,
        tuple((after.terms or {}).items()) if after.terms is not asked.terms else (),
        after.vector is not asked.vector,
        time.perf_counter() - begun,
        note,
    )


def _watched(rewriter: QueryRewriter, asked: Asked, corpus: Corpus, left: float | None) -> object:
    if left is not None and left <= 0:
        raise OutOfTime("no time was left for it")
    # The toolkit's own rules need no watching, and a thread costs more than they do.
    watched = left if getattr(rewriter, "waits", True) else None
    return within(watched, lambda: rewriter.rewrite(asked, corpus, deadline=left))


def _checked(found: object, asked: Asked) -> Asked:
    """Refuse nonsense, and bound what may be asked for."""
    if not isinstance(found, Asked):
        raise PartFailed(f"it returned a {type(found).__name__}, not a question")
    if not found.text.strip() or len(found.text) > max(LONGEST, 2 * len(asked.text)):
        raise PartFailed(f"it made a question of {len(found.text)} characters")
    fresh = dict.fromkeys(v for v in found.variants[: 10 * MOST_VARIANTS] if v.text.strip() and len(v.text) <= LONGEST)
    kept = tuple(v for v in fresh if v.text != found.text)[:MOST_VARIANTS]
    return found if kept == found.variants else replace(found, variants=kept)
