"""The rewriter protocol, and the query draft that rewriters pass on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .corpus import Corpus


BEHIND = 0.0


@dataclass(frozen=True, slots=True)
class Variant:
    """A further question to search for; its results are joined with the others by reciprocal rank, times ``weight``.

    What a variant of weight `BEHIND` finds goes behind all that the others found, whose places and scores stay.
    """

    text: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class QueryDraft:
    """A question on its way through the rewriters; each returns it changed, or as it was.

    Attributes
    ----------
    original
        As the person asked it.
    text
        As it is searched for now.
    history
        Earlier questions of the conversation, oldest first.
    answer
        The last answer.
    terms, vector
        In place of the text's own, see `rag.documents.document.Query`.
    variants
        Searched for beside the text.
    """

    original: str
    text: str
    history: tuple[str, ...] = ()
    terms: Mapping[str, float] | None = None
    vector: NDArray[np.float32] | None = None
    variants: tuple[Variant, ...] = ()
    answer: str = ""

    def differs(self, other: QueryDraft) -> bool:
        """Say whether anything that is searched for differs."""
        return (self.text, self.variants) != (other.text, other.variants) or (
            self.terms is not other.terms or self.vector is not other.vector
        )


class Unfinished(Exception):  # noqa: N818 - it names what happened
    """Raised by a rewriter that failed half way: ``asked`` is as far as it came, and is searched for."""

    def __init__(self, asked: QueryDraft, why: str) -> None:
        super().__init__(why)
        self.asked = asked


@runtime_checkable
class QueryRewriter(Protocol):
    """A rewriter. ``name`` is used in explanations and notes.

    It may raise, stall or return nonsense: the stage then goes on without it and says so.
    """

    @property
    def name(self) -> str:
        """The strategy's name."""
        ...

    def rewrite(self, asked: QueryDraft, corpus: Corpus, *, deadline: float | None) -> QueryDraft:
        """Return the question rewritten, or ``asked`` itself where there is nothing to do.

        Parameters
        ----------
        asked
            What the rewriters before made of the question.
        corpus
            The knowledge base.
        deadline
            Seconds that are left; None for no limit.
        """
        ...
