"""Recommend an index for a number of vectors, with reasons in words.

The rules are measurements: a million clustered vectors of 128 numbers, default build parameters, one thread of a
two-core machine (the table in docs/results.md). They say which engine suits, not how fast a given machine is; measure
your own vectors before you rely on a recall.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from .errors import InvalidInput

_SCAN_NS = 0.4
"""Nanoseconds per number for comparing one query with all vectors, which no cache holds: memory is what takes the time.
In a batch of many queries it is a tenth of that."""

_FAST_ENOUGH_MS = 2.0
"""An exact scan faster than this needs no approximate index: embedding the question takes longer."""


_DISKANN = 64
"""Bytes of memory that DiskANN's authors took for each vector: 64 GB for a billion."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another suitable index, and its advantages and drawbacks."""

    spec: str
    why: str


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A recommended index.

    Attributes
    ----------
    spec
        Argument for ``indexes.dense``.
    reasons
        Sentences; the first is the decisive one.
    alternatives
        Other suitable indexes, best first.
    """

    spec: str
    reasons: tuple[str, ...]
    alternatives: tuple[Alternative, ...]

    def __str__(self) -> str:
        lines = [f"take {self.spec}", *(f"  - {reason}" for reason in self.reasons)]
        return "\n".join(lines + [f"  or {other.spec}: {other.why}" for other in self.alternatives])


@dataclass(frozen=True, slots=True)
class _Measured:
    """An engine as it was measured: recall@10, whether removing is cheap, bytes for n vectors of dim numbers."""

    spec: str
    recall: float
    removes: bool
    size: Callable[[int, int], float]
    line: str


def _lists(n: int, dim: int, per_vector: float) -> float:
    return n * per_vector + 16 * math.sqrt(n) * dim


_REFINED = "rabitq:bits=1,refine=true,refine_factor=16"
_TABLE = (
    _Measured("hnsw", 0.999, False, lambda n, d: n * (4 * d + 290), "fastest at high recall, links beside vectors"),
    _Measured("ivf:nprobe=64", 0.999, True, lambda n, d: _lists(n, d, 4 * d + 24), "lists, quick to build"),
    _Measured(
        _REFINED, 0.999, True, lambda n, d: _lists(n, d, 4 * d + d / 8 + 44), "lists of bits, candidates scored exactly"
    ),
    _Measured("hnsw:storage=sq8", 0.956, False, lambda n, d: n * (d + 290), "a graph of 8-bit vectors"),
    _Measured("rabitq", 0.951, True, lambda n, d: _lists(n, d, d / 2 + 48), "an eighth of the vectors"),
    _Measured("ivfpq", 0.628, True, lambda n, d: _lists(n, d, d / 4 + 26) + 1024 * d, "a sixteenth, coarse"),
)
"""In order of preference, other things being equal."""


def recommend(
    n: int,
    dim: int,
    *,
    recall: float = 0.95,
    memory: int | None = None,
    updates: bool = False,
    filters: bool = False,
) -> Recommendation:
    """Recommend an index of vectors.

    Parameters
    ----------
    n, dim
        The expected number of vectors, and their length.
    recall
        The share of the ten nearest that a search should find, 0 to 1; 1 asks for exact search.
    memory
        Memory limit in bytes; None for no limit.
    updates
        Whether vectors are removed or replaced all the time.
    filters
        Whether searches are limited to allowed ids.

    Returns
    -------
    Recommendation
        The spec, the reasons in words, and the alternatives.

    Raises
    ------
    InvalidInput
        A number is out of range, or no index fits into ``memory``.

    Examples
    --------
    >>> recommend(5_000, 384).spec
    'flat'
    >>> recommend(2_000_000, 384).spec
    'hnsw'
    >>> recommend(2_000_000, 384, memory=1 << 30).spec
    'rabitq'
    """
    _check(n, dim, recall, memory)
    plain, scan = 4 * n * dim, _SCAN_NS * n * dim / 1e6
    known = f"{n:,} vectors of {dim} numbers: {_bytes(plain)} as they are, {_ms(scan)} to compare one query with all"
    fits_plain = memory is None or plain <= memory
    if fits_plain and (recall >= 1 or scan <= _FAST_ENOUGH_MS):
        first = "a recall of 1 is promised by exact search alone" if recall >= 1 else "exact search is fast enough"
        return Recommendation("flat", (first, known), _others(n, dim, recall, memory, updates, without="flat")[:2])
    fitting = [m for m in _TABLE if memory is None or m.size(n, dim) <= memory]
    if not fitting:
        least = min(m.size(n, dim) for m in _TABLE)
        raise InvalidInput(
            f"no index of {n:,} vectors of {dim} numbers fits into {_bytes(memory or 0)}: the smallest takes "
            f"{_bytes(least)}; allow that much, or embed into fewer numbers. {_on_disk(n)}"
        )
    good = [m for m in fitting if m.recall >= min(recall, 0.999)] or [max(fitting, key=lambda m: m.recall)]
    best = next((m for m in good if m.removes), good[0]) if updates else good[0]
    reasons = [f"{best.line}: about {_bytes(best.size(n, dim))}, recall {best.recall:.3f} as measured", known]
    if best.recall < recall:
        reasons.insert(0, f"nothing that fits reaches a recall of {recall:g}; this comes nearest")
    if memory is not None and best is not _TABLE[0]:
        reasons.append(f"of what fits into {_bytes(memory)} and finds enough, it comes first")
    if memory is not None and plain > memory:
        reasons.append(_on_disk(n))
    if updates:
        how = "removes at once" if best.removes else "hides what is removed until half is hidden, then is built anew"
        reasons.append(f"under constant change it {how}")
    if filters:
        reasons.append("it filters inside the search, and scans where few ids are allowed: give `allow` an IdSet")
    return Recommendation(best.spec, tuple(reasons), _others(n, dim, recall, memory, updates, without=best.spec)[:2])


def _on_disk(n: int) -> str:
    """Say what is not here: a graph whose vectors stay on an SSD (Subramanya et al., "DiskANN", NeurIPS 2019)."""
    return (
        f"no engine here searches vectors on disk; DiskANN, which Milvus has, would, with about {_bytes(_DISKANN * n)} "
        "of memory and a local SSD"
    )


def _others(
    n: int, dim: int, recall: float, memory: int | None, updates: bool, *, without: str
) -> tuple[Alternative, ...]:
    """Return other indexes with enough recall that fit; with ``updates``, those with cheap removal first."""
    fits = [m for m in _TABLE if m.spec != without and m.recall >= recall and (not memory or m.size(n, dim) <= memory)]
    fits.sort(key=lambda m: updates and not m.removes)
    return tuple(Alternative(m.spec, f"{m.line}, about {_bytes(m.size(n, dim))}, recall {m.recall:.3f}") for m in fits)


def _check(n: int, dim: int, recall: float, memory: int | None) -> None:
    for name, value in (("n", n), ("dim", dim), *((("memory", memory),) if memory is not None else ())):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InvalidInput(f"{name} must be an int of at least 1, got {value!r}")
    if isinstance(recall, bool) or not isinstance(recall, (int, float)) or not 0 < recall <= 1:
        raise InvalidInput(f"recall must lie above 0 and be at most 1, got {recall!r}")


def _bytes(n: float) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if n < 1024:
            return f"{n:.0f} {unit}"
        n /= 1024
    return f"{n:.1f} GiB"


def _ms(ms: float) -> str:
    return f"{ms:.0f} ms" if ms >= 10 else f"{ms:.2g} ms"
