"""The library rank-bm25 behind the contract of term indexes: a slow reference for the postings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInput
from ..registry import library
from ..rows import Keep
from ..term_index import Found
from .bm25_formulas import Formula
from .maxscore import cut
from .postings import Postings


class RankBM25:
    """rank-bm25's ``BM25Okapi`` over the documents of some postings, remade for every state of the index.

    It scores every document for every term, in Python loops, and needs whole frequencies. Empty corpora, on which the
    library divides by zero, are answered here.
    """

    def __init__(self, postings: Postings, formula: Formula) -> None:
        bags = [bag for bag, length in zip(postings.bags(), postings.lengths, strict=True) if length >= 0]
        self._rows = np.flatnonzero(postings.lengths >= 0)
        self._n_rows = postings.n_rows
        corpus = [[term for term, count in bag.items() for _ in range(_whole(count))] for bag in bags]
        self._model: Any = None
        if any(corpus):
            okapi = library("rank_bm25", "bm25").BM25Okapi
            self._model = okapi(corpus, k1=formula.k1, b=formula.b, epsilon=formula.epsilon)

    @property
    def nbytes(self) -> int:
        """Bytes of the library's dictionaries: about 100 for each posting."""
        return 0 if self._model is None else 100 * sum(map(len, self._model.doc_freqs))

    def search(self, query: Mapping[str, float], k: int, keep: Keep | None) -> Found:
        """Return the best ``k`` rows and what ties with the last of them."""
        if self._model is None or not query:
            return np.zeros(0, np.int64), np.zeros(0, np.float32)
        scores: NDArray[np.float64] = np.zeros(len(self._rows))
        with np.errstate(invalid="ignore"):  # it divides 0 by 0 where k1 is 0, or b is 1 and a document is empty
            for term, weight in query.items():
                scores += weight * np.nan_to_num(self._model.get_scores([term]))
        matched = np.array([any(term in counts for term in query) for counts in self._model.doc_freqs], np.bool_)
        if keep is not None:
            matched &= keep.mask[self._rows]
        return cut(self._rows[matched], scores[matched], k)


def _whole(count: float) -> int:
    if count != int(count):
        raise InvalidInput(f"engine=rank-bm25 takes whole frequencies only, got {count}: use engine=postings")
    return int(count)
