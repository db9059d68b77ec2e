"""Out-of-distribution queries: a second set, of another distribution than the base, beside the data's own queries.

Text that searches pictures, or questions that search passages, come from another distribution than what they search.
Indexes that learn from the base, or link its vectors to each other, find less of their neighbours. Data sets: VIBE
(Jääsaari et al. 2025, https://github.com/vector-index-bench/vibe), OOD-DiskANN (Jaiswal et al. 2022).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.errors import InvalidInput

from .vector_data import Raw, VectorData, apart, checked

OWN, GENERATED = "own", "generated"

Read = Callable[[Path], NDArray[Any]]


def own_as_ood(raw: Raw, data: str) -> tuple[Raw, NDArray[Any]]:
    """Return a file's contents without its queries, so that others are drawn from the base, and these queries.

    Raises
    ------
    InvalidInput
        The file has no queries.
    """
    if raw.queries is None:
        raise InvalidInput(
            f"--ood {OWN}: {data} has no queries of its own; give a file of queries from another distribution"
        )
    return replace(raw, queries=None), raw.queries


def with_ood(
    data: VectorData, found: NDArray[Any], name: str, *, n_queries: int, keep_overlap: bool, seed: int
) -> VectorData:
    """Return the data with out-of-distribution queries beside its own.

    Parameters
    ----------
    found
        Any numbers, shape (n, dim).
    name
        Where they come from.
    n_queries
        Maximum number; drawn at random if there are more.
    keep_overlap
        Keep vectors in the base that are also among them; otherwise they are removed.

    Raises
    ------
    InvalidInput
        Another length of vectors, numbers that are not finite, or nothing is left of the base.
    """
    queries = checked(found, f"the queries of --ood {name}")
    if queries.shape[1] != data.dim:
        raise InvalidInput(
            f"--ood {name} has vectors of {queries.shape[1]} numbers, {data.name} of {data.dim}; use one model"
        )
    notes = [*data.notes]
    if len(queries) > n_queries:
        notes.append(f"{n_queries} of {len(queries)} out-of-distribution queries drawn at random (seed {seed})")
        rng = np.random.default_rng([seed, len(queries)])
        queries = queries[np.sort(rng.choice(len(queries), n_queries, replace=False))]
    base, dropped = apart(data.base, queries, keep=keep_overlap)
    if dropped:
        what = "left in the base as asked" if keep_overlap else "taken out of the base"
        notes.append(f"{dropped} vectors equal to an out-of-distribution query {what}")
    if not len(base):
        raise InvalidInput(f"--ood {name}: every vector of the base is a query too; give others, or --keep-overlap")
    ids = data.ids if len(base) == len(data) else np.arange(len(base), dtype=np.int64)
    return replace(data, base=base, ids=ids, notes=tuple(notes), ood=queries, ood_name=name)
