"""Types of the index contract: ids, scores, hits, metrics, traits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
"""float32, shape (n, dim), C-contiguous, finite."""

Ids = NDArray[np.int64]
"""int64, shape (n,), unique, >= 0, chosen by the caller; -1 is reserved for padding."""

Scores = NDArray[np.float32]
"""float32; higher is better, always; -inf pads."""

Terms = Sequence[str] | Mapping[str, float]
"""A query or document of a term index: its terms in order, or terms with weights."""

Metric = Literal["cosine", "ip", "l2"]
METRICS: tuple[Metric, ...] = ("cosine", "ip", "l2")


@dataclass(frozen=True, slots=True)
class Hits:
    """Results of a search, one row per query.

    Attributes
    ----------
    ids
        int64, shape (n_queries, k). Rows are ordered best first; -1 pads a row that has fewer hits.
    scores
        float32, shape (n_queries, k). Higher is better: the cosine, the inner product, minus the squared
        Euclidean distance, or the BM25 score. -inf pads.
    """

    ids: NDArray[np.int64]
    scores: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.ids)

    def row(self, i: int) -> tuple[Ids, Scores]:
        """Ids and scores of query ``i`` without the padding."""
        found = self.ids[i] >= 0
        return self.ids[i][found], self.scores[i][found]

    def scores_of(self, ids: Ids) -> Scores:
        """Return the scores of ``ids`` (unique): float32, shape (n_queries, len(ids)), NaN where one was not found."""
        scores = np.full((len(self), len(ids)), np.nan, np.float32)
        order = np.argsort(ids)
        for i, own in enumerate(scores):
            found, values = self.row(i)
            own[order[np.searchsorted(ids, found, sorter=order)]] = values
        return scores


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """The ways in which an engine meets the contract, so that a benchmark can show what each of them costs.

    Attributes
    ----------
    exact
        Scores are those of exact search (not estimates from compressed codes).
    exhaustive
        Every stored vector is compared: recall is 1 up to ties.
    remove
        ``native`` or ``tombstones`` (hidden from results until ``optimize`` drops them).
    filter
        ``native``, ``overfetch`` (asks for more and drops the rest) or ``scan`` (exact scan of the allowed rows).
    add
        ``native`` or ``buffer`` (new rows are scanned exactly until ``optimize``).
    recall_floor
        The recall@10 at default parameters that the contract's tests demand.
    train_at
        Fewer items are searched exactly; 0 where nothing is learned from the items.
    drift_bound
        What was learned is learned again when more than this share of the items does not fit it. Until then these
        are kept as plain vectors and scanned exactly: that is the cost.
    relearns
        ``anew`` (from the vectors, which the engine keeps; costs a build), ``apart`` (it keeps codes only: items that
        do not fit are learned beside the first, which costs searches one engine more; ``drifted`` says that building
        from the vectors would pay) or ``never`` (nothing is learned).
    """

    exact: bool
    exhaustive: bool = False
    remove: Literal["native", "tombstones"] = "native"
    filter: Literal["native", "overfetch", "scan"] = "native"
    add: Literal["native", "buffer"] = "native"
    recall_floor: float
    train_at: int = 0
    drift_bound: float = 1.0
    relearns: Literal["never", "anew", "apart"] = "never"


Family = Literal["dense", "terms"]
