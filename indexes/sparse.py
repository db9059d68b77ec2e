"""Learned sparse vectors: weights of terms by a model such as SPLADE, scored by the dot product."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from .inverted.postings_index import PostingsIndex, PostingsScorer, Scorer
from .inverted.segments import Array
from .spec import Parameters, param


@dataclass(frozen=True, kw_only=True)
class SparseBuild(Parameters):
    """Build parameters of sparse."""

    encoder: str = param("", "folder or name of the model that weighs terms, for who fills the index; empty: counts")


class SparseIndex(PostingsIndex):
    """The dot product of a query's and a document's term weights, exactly.

    Documents are mappings of term to weight (> 0, stored as float32; 0 means absent), queries mappings of term to
    weight, as SPLADE (Formal, Piwowarski and Clinchant, SIGIR 2021) and its kin give them. A list of terms counts each
    occurrence as 1. There are no statistics: a score depends on the query and the document alone.
    """

    name: ClassVar[str] = "sparse"
    Build = SparseBuild
    build_params: SparseBuild

    def _formula(self, params: object) -> Hashable:  # noqa: ARG002 - there is one formula only
        return None

    def _made(self, formula: object) -> Scorer:  # noqa: ARG002
        return DotScorer(self._postings)


class DotScorer(PostingsScorer):
    """A posting adds its weight."""

    def _impacts(self, rows: NDArray[np.int32], frequencies: Array) -> Array:  # noqa: ARG002
        return frequencies
