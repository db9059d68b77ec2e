"""What the toolkit asks of a rewriter, and what it gives one to work with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ..documents import Passage, Query
    from ..embedding.protocol import Embedder
    from ..terms import Analyser


@dataclass(frozen=True, slots=True)
class Variant:
    """A further question to search for; its results are joined with the others by reciprocal rank, times ``weight``."""

    text: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """A question on its way through the rewriters; each returns it changed, or as it was.

    Attributes
    ----------
    original
        As the person asked it.
    text
        As it is searched for now.
    history
        Earlier questions of the conversation, oldest first.
    terms, vector
        In place of the text's own, see `rag.documents.Query`.
    variants
        Searched for beside the text.
    """

    original: str
    text: str
    history: tuple[str, ...] = ()
    terms: Mapping[str, float] | None = None
    vector: NDArray[np.float32] | None = None
    variants: tuple[Variant, ...] = ()

    def differs(self, other: Asked) -> bool:
        """Say whether anything that is searched for differs."""
        return (self.text, self.variants) != (other.text, other.variants) or (
            self.terms is not other.terms or self.vector is not other.vector
        )


class Unfinished(Exception):  # noqa: N818 - it names what happened
    """What a rewriter raises that failed half way: ``asked`` is as far as it came, and is searched for."""

    def __init__(self, asked: Asked, why: str) -> None:
        super().__init__(why)
        self.asked = asked


class Corpus(Protocol):
    """What a rewriter may know of the knowledge base; cheap where nothing has to be searched."""

    @property
    def analyser(self) -> Analyser:
        """What makes index terms of words."""
        ...

    @property
    def embedder(self) -> Embedder:
        """The knowledge base's embedder."""
        ...

    @property
    def n(self) -> int:
        """Chunks in all."""
        ...

    def frequencies(self) -> Mapping[str, int]:
        """Return in how many chunks each term stands; empty where there is no index of terms."""
        ...

    def holding(self, terms: Mapping[str, float], k: int) -> list[tuple[str, float]]:
        """Return texts and BM25 scores of the ``k`` chunks that hold the terms best."""
        ...

    def nearest(self, vector: NDArray[np.float32], k: int) -> NDArray[np.float32]:
        """Return the vectors of the ``k`` chunks nearest to a vector: float32, shape (at most k, dim)."""
        ...

    def search(self, query: Query, k: int) -> list[Passage]:
        """Search as the retriever does, without rewriting."""
        ...


@runtime_checkable
class QueryRewriter(Protocol):
    """A strategy. ``name`` stands in explanations and notes.

    It may raise, stall or return nonsense: the stage then goes on without it and says so.
    """

    @property
    def name(self) -> str:
        """The strategy's name."""
        ...

    def rewrite(self, asked: Asked, corpus: Corpus, *, deadline: float | None) -> Asked:
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
