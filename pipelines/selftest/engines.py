"""Give every engine that is installed what breaks its library: it answers as exact search does, or refuses by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import indexes
from indexes.errors import EngineMissing, InvalidInput

from .tally import Tally

DIM = 8
_SPECS = (
    "flat",
    "sq",
    "hnsw",
    "ivf",
    "pq",
    "ivfpq",
    "lsh",
    "annoy",
    "sptag",
    "flann",
    "rabitq",
    "usearch",
    "hnsw:storage=sq8",
)


def check(place: Path, tally: Tally) -> None:
    del place
    tried = [spec for spec in _SPECS if _is_there(spec)]
    for spec in tried:
        for metric in indexes.METRICS:
            _refusals(spec, metric, tally)
            _odd_data(spec, metric, tally)
    tally.facts |= {"engines": ", ".join(tried)}


def _is_there(spec: str) -> bool:
    try:
        indexes.dense(spec, DIM)
    except (EngineMissing, InvalidInput):
        return False
    return True


def _refusals(spec: str, metric: indexes.Metric, tally: Tally) -> None:
    bad = _cloud(6)
    bad[4, 3] = np.nan
    index = indexes.dense(spec, DIM, metric=metric)
    said = tally.refused(InvalidInput, lambda: index.add(bad, np.arange(6)))
    tally.expect("[4]" in said, f"{spec} {metric}: the row is not named: {said}")
    tally.expect(len(index) == 0, f"{spec} {metric}: part of a refused batch stays")
    tally.refused(InvalidInput, lambda: index.add(np.ones((3, DIM + 1), np.float32), np.arange(3)))
    index.add(_cloud(6), np.arange(6))
    for k in (-1, 2**40):
        tally.refused(InvalidInput, lambda k=k: index.search(_cloud(1), k))  # type: ignore[misc]
    wide = _cloud(2)
    wide[0, 0] = np.inf
    tally.refused(InvalidInput, lambda: index.search(wide, 3))


def _odd_data(spec: str, metric: indexes.Metric, tally: Tally) -> None:
    """Search in few, equal and zero vectors, after all were removed, and for more than there are."""
    cases = {
        "none": np.zeros((0, DIM), np.float32),
        "one": _cloud(1),
        "equal": np.repeat(_cloud(1), 400, axis=0),
        "two clusters": np.repeat(_cloud(2), 200, axis=0),
        "with zeros": np.concatenate([np.zeros((3, DIM), np.float32), _cloud(40)]),
        "denormal": _cloud(40) * np.float32(1e-38),
    }
    for name, vectors in cases.items():
        index = indexes.dense(spec, DIM, metric=metric)
        index.add(vectors, np.arange(len(vectors)))
        for k in (0, 1, 5, len(vectors) + 3):
            hits = index.search(_cloud(3, seed=9), k)
            for row in range(3):
                ids, scores = hits.row(row)
                fits = len(ids) == min(k, len(vectors)) and len(set(ids.tolist())) == len(ids)
                within = bool(np.isin(ids, index.ids()).all()) and bool(np.isfinite(scores).all())
                tally.expect(fits and within, f"{spec} {metric} {name} k={k}: {ids.tolist()[:8]}")
        index.remove(index.ids())
        tally.expect(not len(index.search(_cloud(1), 3).row(0)[0]), f"{spec} {metric} {name}: removed ones are found")


def _cloud(n: int, seed: int = 3) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal((n, DIM)).astype(np.float32)
