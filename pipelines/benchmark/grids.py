"""What ``--grid quick`` and ``--grid full`` try of every engine: sweeps of parameters of building and of searching.

The effort of a search comes last and rises, from coarse to nearly exact. An engine that is not in the table is tried at
its defaults.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

import indexes
from rag.errors import InvalidInput

Grid = Literal["quick", "full"]
Sweep = Mapping[str, str]

_QUICK: dict[str, tuple[Sweep, ...]] = {
    "annoy": ({"n_trees": "10|50", "search_k": "200|1000|5000"},),
    "flann": ({"checks": "64|256|1024"},),
    "hnsw": ({"M": "16|32", "ef": "16|32|64|128"},),
    "ivf": ({"nprobe": "1|4|16|32"},),
    "ivfpq": ({"nprobe": "4|16|32"}, {"fast_scan": "true", "refine": "true", "nprobe": "4|16|32"}),
    "lsh": ({}, {"refine": "true", "refine_factor": "8|32"}),
    "pq": ({}, {"refine": "true", "refine_factor": "4|16"}),
    "rabitq": ({"nprobe": "4|16|32"}, {"refine": "true", "nprobe": "4|16|32"}),
    "sptag": ({"neighbours": "16", "max_check": "64|256|1024"},),
}

_FULL: dict[str, tuple[Sweep, ...]] = {
    "annoy": ({"n_trees": "10..200", "search_k": "100..25600"},),
    "flann": ({"checks": "32..8192"}, {"algorithm": "kdtree", "trees": "4|16", "checks": "32..8192"}),
    "hnsw": (
        {"M": "8..64", "ef_construction": "100|400", "ef": "10..640"},
        {"M": "16|32", "storage": "sq8", "ef": "10..640"},
    ),
    "ivf": ({"nlist": "auto|64|256|1024", "nprobe": "1..128"},),
    "ivfpq": (
        {"nlist": "auto|256|1024", "nprobe": "1..128"},
        {"nlist": "auto|256|1024", "refine": "true", "refine_factor": "4|16", "nprobe": "1..128"},
        {"nlist": "auto|256|1024", "fast_scan": "true", "refine": "true", "refine_factor": "4|16", "nprobe": "1..128"},
        {"opq": "true", "nprobe": "1..128"},
    ),
    "lsh": ({"nbits": "128..1024"}, {"nbits": "128..1024", "refine": "true", "refine_factor": "4..64"}),
    "pq": ({"nbits": "8"}, {"nbits": "8|4", "refine": "true", "refine_factor": "2..32"}),
    "rabitq": (
        {"nlist": "auto|256|1024", "bits": "1|4|8", "nprobe": "1..128"},
        {"nlist": "auto|256|1024", "bits": "1|4", "refine": "true", "refine_factor": "4|16", "nprobe": "1..128"},
    ),
    "sptag": ({"algorithm": "bkt|kdt", "neighbours": "16|32", "max_check": "32..8192"},),
}

_TABLES: dict[Grid, dict[str, tuple[Sweep, ...]]] = {"quick": _QUICK, "full": _FULL}


def grid(engine: str, name: Grid) -> tuple[Sweep, ...]:
    """Return the sweeps of an engine."""
    return _TABLES[name].get(engine, ({},))


def checked_grid(name: str) -> Grid:
    """Return the name of a grid.

    Raises
    ------
    InvalidInput
        There is none of that name.
    """
    for known in get_args(Grid):
        if name == known:
            return known  # type: ignore[no-any-return]
    raise InvalidInput(f"--grid {name!r}: give one of {', '.join(get_args(Grid))}")


def installed(dim: int) -> tuple[list[str], dict[str, str]]:
    """Return the engines of vectors that can be used here, and of the others why not.

    Parameters
    ----------
    dim
        Length of the vectors; an engine is asked to make an empty index of it.
    """
    usable: list[str] = []
    missing: dict[str, str] = {}
    for name, row in indexes.engines.items():
        if row.family != "dense":
            continue
        try:
            indexes.dense(name, dim)
        except indexes.EngineMissing as error:
            missing[name] = str(error)
        except indexes.InvalidInput:
            usable.append(name)  # it has a reason of its own against this dimension; its row will say it
        else:
            usable.append(name)
    return usable, missing
