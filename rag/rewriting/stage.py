"""The rewriting stage: rewriters one after another, bounded in time and in what they may ask for, failing open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from ..deadlines import Deadline
from ..documents.document import Query
from ..errors import PartFailed, on_one_line
from ..stages import tried
from .corpus import Corpus
from .protocol import QueryDraft, QueryRewriter, Unfinished, Variant

if TYPE_CHECKING:
    from ..documents.document import Passage

MOST_VARIANTS = 8
LONGEST = 2_000
"""Characters of a rewritten question; what is longer was not meant as one."""
READ = 4_000
"""Characters of a question that rewriters look at; a longer one is searched for as it is."""


@dataclass(frozen=True, slots=True)
class Step:
    """The effect of one rewriter: the text after it, further questions, terms, seconds; ``note`` where it failed."""

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
    """The queries to search for, the question itself first.

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
        """The failures, in words."""
        return tuple(step.note for step in self.steps if step.note)


class Rewriting:
    """Rewriters in the order of use; one that raises, stalls or returns nonsense is left out and noted."""

    def __init__(self, rewriters: Sequence[QueryRewriter]) -> None:
        self.rewriters = tuple(rewriters)

    def run(self, query: Query, corpus: Corpus, until: Deadline) -> Rewritten:
        """Rewrite one question; ``until`` is the deadline of all rewriters together."""
        if query.terms is not None or query.vector is not None or len(query.text) > READ:
            return Rewritten(((query, 1.0),), ())
        asked = QueryDraft(query.text, query.text, query.history, answer=query.answer)
        steps = []
        for rewriter in self.rewriters:
            asked, step = _step(rewriter, asked, corpus, until)
            steps.append(step)
        main = Query(asked.text, asked.history, asked.terms, asked.vector)
        others = [(Query(each.text, asked.history), each.weight) for each in asked.variants]
        return Rewritten(((main, 1.0), *others), tuple(steps))

    def after(self, done: Rewritten, passages: Sequence[Passage], corpus: Corpus, until: Deadline) -> Rewritten:
        """Return more queries where a rewriter with a second look finds the plain result too even; else ``done``.

        A rewriter that has failed already is not waited for again.
        """
        (query, _), *others = done.queries
        failed = {step.name for step in done.steps if step.note}
        for rewriter in self._second_looks() if not others else ():
            if rewriter.name not in failed and rewriter.looks_again(passages):
                asked, step = _step(_Again(rewriter), QueryDraft(query.text, query.text, query.history), corpus, until)
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
    """An extension of `QueryRewriter`: it looks at the plain result and may ask for further queries."""

    @property
    def name(self) -> str:
        """The strategy's name."""
        ...

    @property
    def sees_results(self) -> bool:
        """Whether this instance inspects results."""
        ...

    def looks_again(self, passages: Sequence[Passage]) -> bool:
        """Say whether more should be asked, by the passages of the plain question, best first."""
        ...

    def again(self, asked: QueryDraft, corpus: Corpus, *, deadline: float | None = None) -> QueryDraft:
        """Return the question with variants."""
        ...


class _Again:
    """A second look as a rewriter."""

    def __init__(self, second: SecondLook) -> None:
        self.name = second.name
        self.waits = getattr(second, "waits", True)
        self.rewrite = second.again


def _step(rewriter: QueryRewriter, asked: QueryDraft, corpus: Corpus, until: Deadline) -> tuple[QueryDraft, Step]:
    def work() -> tuple[QueryDraft, str]:
        try:
            return _checked(rewriter.rewrite(asked, corpus, deadline=until.remaining), asked), ""
        except Unfinished as half:
            note = f"{rewriter.name} did without its language model: {on_one_line(str(half))}"
            return _checked(half.asked, asked), note

    done = tried(rewriter.name, work, until, watched=getattr(rewriter, "waits", True))
    after, note = done.value or (asked, done.note)
    return after, Step(
        rewriter.name,
        after.differs(asked),
        after.text,
        after.variants if after is not asked else (),
        tuple((after.terms or {}).items()) if after.terms is not asked.terms else (),
        after.vector is not asked.vector,
        done.seconds,
        note,
    )


def _checked(found: object, asked: QueryDraft) -> QueryDraft:
    """Refuse nonsense, and bound what may be asked for."""
    if not isinstance(found, QueryDraft):
        raise PartFailed(f"it returned a {type(found).__name__}, not a question")
    if not found.text.strip() or len(found.text) > max(LONGEST, 2 * len(asked.text)):
        raise PartFailed(f"it made a question of {len(found.text)} characters")
    fresh = dict.fromkeys(v for v in found.variants[: 10 * MOST_VARIANTS] if v.text.strip() and len(v.text) <= LONGEST)
    kept = tuple(v for v in fresh if v.text != found.text)[:MOST_VARIANTS]
    return found if kept == found.variants else replace(found, variants=kept)
