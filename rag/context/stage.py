"""The steps between search and generator, one after another, and what a failing one leaves."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..documents import Passage
from ..errors import in_words
from .protocol import ContextBuilder

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Built:
    """What a generator is to read.

    Attributes
    ----------
    passages
        In the order of reading; ``rank`` says how relevant each is among them, from 1.
    dropped
        (passage, why) of those that went: the step that dropped or joined them, and its reason where it has one.
    failure
        Why steps were left out; empty when all went well.
    seconds
        By step.
    """

    passages: list[Passage]
    dropped: tuple[tuple[Passage, str], ...] = ()
    failure: str = ""
    seconds: tuple[tuple[str, float], ...] = ()


class Context:
    """Steps in the order of use; a step that raises is left out, and the result is marked."""

    def __init__(self, builders: Sequence[ContextBuilder]) -> None:
        self.builders = tuple(builders)

    def __repr__(self) -> str:
        return f"Context({'+'.join(each.name for each in self.builders)})"

    def run(self, question: str, passages: Sequence[Passage]) -> Built:
        """Shape passages, best first."""
        current = list(passages)
        dropped: list[tuple[Passage, str]] = []
        failures, seconds = [], []
        for builder in self.builders if current else ():
            start = time.perf_counter()
            try:
                built = builder.build(question, tuple(current))
            except Exception as error:  # noqa: BLE001 - whatever a step raises, what it was given remains
                failures.append(f"{builder.name} was left out: {in_words(error)}")
                log.info("context step %s", failures[-1])  # the caller is told by `failure`
            else:
                left = {passage.chunk for passage in built}
                why = ": ".join(filter(None, (builder.name, getattr(builder, "why", ""))))
                dropped += [(passage, why) for passage in current if passage.chunk not in left]
                current = built
            seconds.append((builder.name, time.perf_counter() - start))
        return Built(_ranked(current), tuple(dropped), "; ".join(failures), tuple(seconds))


def _ranked(passages: list[Passage]) -> list[Passage]:
    """Give passages new ranks in the order of their old ones, without moving them."""
    order = sorted(range(len(passages)), key=lambda i: passages[i].rank)
    ranks = {at: rank for rank, at in enumerate(order, 1)}
    return [replace(passage, rank=ranks[at]) for at, passage in enumerate(passages)]
