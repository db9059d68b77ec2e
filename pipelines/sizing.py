"""Estimate disk, memory, time and money for millions of chunks from measured and published figures.

``docs/concepts/sizing.md`` has the tables of this module and says where each figure comes from. Change a figure here
and run ``make docs``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

DIM = 384
SIZES = (10**7, 10**8, 10**9)

TEXT = 1_975
"""Bytes of store a chunk without its vector: texts of 115 words twice (document, chunk), rows, keys."""
POSTINGS = 77
"""Distinct terms of such a chunk."""
ROW_PG, INDEX_BIT_PG, INDEX_HALF_PG, BLOBS_PG = 1_950, 330, 1_110, 770
"""Bytes a chunk in PostgreSQL: text, jsonb and metadata; bit-hnsw; halfvec hnsw; BM25 as blobs."""
EMBED_CPU_S = 0.045
"""Of one core without bf16, MiniLM-L6 and chunks of 256 tokens."""
EMBED_GPU_A_SECOND = 1_500
"""An assumption, not a measurement: a tenth of what is published for short sentences on a V100."""
BUILD_HNSW_S, BUILD_PG_BIT_S, BUILD_PG_HALF_S = 0.0004, 0.00037, 0.0005
"""CPU seconds a chunk: a graph of 384 numbers by faiss at a million; bit and halfvec hnsw of pgvector at 100,000."""
DISKANN_BYTES = 64
"""Memory a vector of DiskANN: a billion on a machine of 64 GB (Subramanya et al., NeurIPS 2019)."""

GB_HOUR, CORE_HOUR, GPU_HOUR, DISK_GB_MONTH = 0.005, 0.035, 1.00, 0.08
"""US dollars, round numbers in the range of the large clouds' lists on demand; put in your own."""
HOURS = 730
MACHINE_GB, MACHINE_CORES, FILL = 256, 32, 0.7
"""A common large machine, and the share of its memory that is planned with."""


@dataclass(frozen=True, slots=True)
class Way:
    """A way to keep and search chunks: bytes of memory and disk, and CPU seconds of building, a chunk."""

    name: str
    memory: float
    disk: float
    build_s: float


_VECTOR = 4 * DIM
_WORDS = 5 * POSTINGS
_HERE, _PG = TEXT + _VECTOR, ROW_PG + _VECTOR + BLOBS_PG
WAYS = (
    Way("here, `hnsw`", _VECTOR + 290 + _WORDS, _HERE + _VECTOR + 290 + _WORDS, BUILD_HNSW_S),
    Way("here, `hnsw:storage=sq8`", DIM + 290 + _WORDS, _HERE + DIM + 290 + _WORDS, BUILD_HNSW_S),
    Way("PostgreSQL, bit-hnsw, float re-rank", INDEX_BIT_PG + BLOBS_PG, _PG + INDEX_BIT_PG, BUILD_PG_BIT_S),
    Way("PostgreSQL, halfvec hnsw", INDEX_HALF_PG + BLOBS_PG, _PG + INDEX_HALF_PG, BUILD_PG_HALF_S),
    Way("DiskANN (Milvus), published", DISKANN_BYTES + BLOBS_PG, _PG + _VECTOR, math.nan),
)


def machines(n: int, way: Way) -> int:
    """Return how many machines hold the memory of ``n`` chunks; replicas come to that."""
    return max(1, math.ceil(n * way.memory / (FILL * MACHINE_GB * 1e9)))


def monthly_dollars(n: int, way: Way) -> float:
    """Return what one copy of ``n`` chunks costs a month: memory, a core for each 8 GB of it, and disk."""
    gigabytes = max(8.0, n * way.memory / FILL / 1e9)
    cores = max(2.0, gigabytes / 8)
    return HOURS * (gigabytes * GB_HOUR + cores * CORE_HOUR) + n * way.disk / 1e9 * DISK_GB_MONTH


def sizing_table() -> str:
    """Return machines, memory, disk and money of each way and size as a Markdown table."""
    rows = [_row("chunks", "way", "memory", "disk", f"machines of {MACHINE_GB} GB", "build, core hours", "a month")]
    rows.append(_row(*7 * ["---"]))
    for n in SIZES:
        for way in WAYS:
            build = "-" if math.isnan(way.build_s) else f"{n * way.build_s / 3600:,.0f}"
            sizes = _bytes(n * way.memory), _bytes(n * way.disk)
            rows.append(
                _row(_power(n), way.name, *sizes, f"{machines(n, way):,}", build, _dollars(monthly_dollars(n, way)))
            )
    return "\n".join(rows)


def embedding_table() -> str:
    """Return what embedding every chunk once takes, which changing the model costs again."""
    rows = [_row("chunks", "core hours", "on 64 cores", "cost", "GPU hours", "on 8 GPUs", "cost"), _row(*7 * ["---"])]
    for n in SIZES:
        cpu, gpu = n * EMBED_CPU_S / 3600, n / EMBED_GPU_A_SECOND / 3600
        on_cores = f"{cpu:,.0f}", _time(cpu / 64), _dollars(cpu * CORE_HOUR)
        rows.append(_row(_power(n), *on_cores, f"{gpu:,.1f}", _time(gpu / 8), _dollars(gpu * GPU_HOUR)))
    return "\n".join(rows)


TABLES: dict[str, Callable[[], str]] = {"sizing": sizing_table, "sizing of embedding": embedding_table}


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _power(n: int) -> str:
    return f"10^{round(math.log10(n))}"


def _bytes(n: float) -> str:
    return f"{n / 1e12:,.1f} TB" if n >= 1e12 else f"{n / 1e9:,.0f} GB"


def _dollars(amount: float) -> str:
    """Round to two significant digits: the figures are no more accurate than that."""
    digits = 1 - math.floor(math.log10(max(amount, 1)))
    return f"${round(amount, digits):,.0f}"


def _time(hours: float) -> str:
    return f"{hours / 24:,.1f} days" if hours >= 48 else f"{hours:,.1f} h"
