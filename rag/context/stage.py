"""The context stage: steps between search and generator, one after another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from ..deadlines import Deadline
from ..documents.document import Passage
from ..stages import tried
from .protocol import ContextBuilder


@dataclass(frozen=True, slots=True)
class Built:
    """The passages that the generator reads.

    Attributes
    ----------
    passages
        In the order of reading; ``rank`` says how relevant each is among them, from 1.
    dropped
        (passage, why) of those that went: the step that dropped or joined them, and its reason where it has one.
    notes
        Why steps were left out.
    seconds
        By step.
    """

    passages: list[Passage]
    dropped: tuple[tuple[Passage, str], ...] = ()
    notes: tuple[str, ...] = ()
    seconds: tuple[tuple[str, float], ...] = ()


class Context:
    """Steps in the order of use; one that raises or stalls is left out and noted."""

    def __init__(self, builders: Sequence[ContextBuilder]) -> None:
        self.builders = tuple(builders)

    def run(self, question: str, passages: Sequence[Passage], until: Deadline) -> Built:
        """Shape passages, best first; ``until`` is the deadline of all steps."""
        current = list(passages)
        dropped: list[tuple[Passage, str]] = []
        notes, seconds = [], []
        for builder in self.builders if current else ():
            done = tried(builder.name, partial(builder.build, question, tuple(current)), until)
            if done.value is None:
                notes.append(done.note)
            else:
                left = {passage.chunk for passage in done.value}
                why = ": ".join(filter(None, (builder.name, getattr(builder, "why", ""))))
                dropped += [(passage, why) for passage in current if passage.chunk not in left]
                current = list(done.value)
            seconds.append((builder.name, done.seconds))
        return Built(_ranked(current), tuple(dropped), tuple(notes), tuple(seconds))


def _ranked(passages: list[Passage]) -> list[Passage]:
    """Give passages new ranks in the order of their old ones, without moving them."""
    order = sorted(range(len(passages)), key=lambda i: passages[i].rank)
    ranks = {at: rank for rank, at in enumerate(order, 1)}
    return [replace(passage, rank=ranks[at]) for at, passage in enumerate(passages)]
