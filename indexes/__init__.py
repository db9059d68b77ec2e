"""Vector and term indexes behind one contract: vectors or terms in, ids and scores out.

>>> import numpy as np
>>> index = dense("flat", dim=2)
>>> index.build(np.array([[1.0, 0.0], [0.0, 1.0]], np.float32), ids=[7, 8])
>>> index.search(np.array([[1.0, 0.0]], np.float32), k=1).ids.tolist()
[[7]]
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from .errors import (
    EngineMissing,
    IndexDamaged,
    IndexError_,
    IndexMissing,
    IndexOutdated,
    InvalidInput,
    NotBuilt,
    UnknownId,
    UnknownParameter,
)
from .idset import IdSet
from .recommendation import Recommendation, recommend
from .registry import Engine, engines, parse, register
from .spec import Parameters, Spec
from .types import METRICS, Family, Hits, Ids, Metric, Scores, Terms, Traits, Vectors

if TYPE_CHECKING:
    from .base import Index
    from .dense_index import DenseIndex
    from .term_index import TermIndex

__all__ = [
    "METRICS",
    "Engine",
    "EngineMissing",
    "Family",
    "Hits",
    "IdSet",
    "Ids",
    "IndexDamaged",
    "IndexError_",
    "IndexMissing",
    "IndexOutdated",
    "InvalidInput",
    "Metric",
    "NotBuilt",
    "Parameters",
    "Recommendation",
    "Scores",
    "Spec",
    "Terms",
    "Traits",
    "UnknownId",
    "UnknownParameter",
    "Vectors",
    "dense",
    "engines",
    "kind",
    "load",
    "parse",
    "recommend",
    "register",
    "terms",
]


def dense(spec: str, dim: int, *, metric: Metric = "cosine", seed: int = 0) -> DenseIndex:
    """Make an empty index of vectors.

    Parameters
    ----------
    spec
        ``"flat"``, ``"hnsw:M=32,ef=128"`` ...; see ``engines`` for the names.
    dim
        Length of the vectors.
    metric
        ``cosine``, ``ip`` (inner product) or ``l2`` (scores are minus the squared Euclidean distance).
    seed
        Random seed of building; the same seed and one thread give the same index.

    Raises
    ------
    UnknownParameter
        The spec has a name that does not exist.
    InvalidInput
        A value is out of range, or the spec is an index of terms.
    EngineMissing
        The underlying library is not installed.
    """
    from .dense_index import DenseIndex
    from .registry import engine

    parsed = parse(spec)
    cls = engine(parsed.name)
    if not issubclass(cls, DenseIndex):
        raise InvalidInput(f"{parsed.name!r} is an index of {cls.family}: use indexes.{cls.family}({spec!r})")
    return cls(dim, metric=metric, seed=seed, build=parsed.build, search=parsed.search)


def terms(spec: str) -> TermIndex:
    """Make an empty index of terms, such as ``"bm25:k1=1.2,b=0.75"``.

    Raises
    ------
    UnknownParameter
        The spec has a name that does not exist.
    InvalidInput
        A value is out of range, or the spec is an index of vectors.
    EngineMissing
        The underlying library is not installed.
    """
    from .registry import engine
    from .term_index import TermIndex

    parsed = parse(spec)
    cls = engine(parsed.name)
    if not issubclass(cls, TermIndex):
        raise InvalidInput(f"{parsed.name!r} is an index of vectors: use indexes.dense({spec!r}, dim)")
    return cls(build=parsed.build, search=parsed.search)


def kind(spec: str) -> Family:
    """Return the family of a spec's index, ``dense`` or ``terms``, without importing the engine."""
    from .registry import row

    if not isinstance(spec, str):
        raise InvalidInput(f"a spec is a string like 'hnsw:M=32', got {spec!r}")
    return row(spec.partition(":")[0].strip()).family


def load(path: str | os.PathLike[str]) -> Index[Any]:
    """Open a saved index after checking every byte against its manifest.

    Raises
    ------
    IndexDamaged
        A file is missing, truncated or altered; the message names it. `IndexOutdated` where another version saved it.
    IndexMissing
        The folder does not exist; also a ``FileNotFoundError``.
    EngineMissing
        The underlying library is not installed.
    """
    from .registry import open_index

    return open_index(path)
