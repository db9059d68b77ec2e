"""The reranker protocol."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ..documents.document import Passage


@runtime_checkable
class Reranker(Protocol):
    """Scores passages for a question, all of them at once; `Reranking` puts them in order and watches the time."""

    @property
    def name(self) -> str:
        """The key of its score in ``Passage.scores``."""
        ...

    def score(
        self, question: str, passages: Sequence[Passage], *, deadline: float | None = None
    ) -> NDArray[np.float64]:
        """Return a score for each passage: float64, shape (n,), finite, higher is better.

        Parameters
        ----------
        passages
            Best first, as the search or the reranker before gave them; never empty.
        deadline
            Seconds it may take; None for no limit. It may stop early with any error, or return late and be left out.
        """
        ...
