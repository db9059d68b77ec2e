"""Values that are tried, field by field: of retrieval alone, for these cost no language model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rag.retrieval.choices import Value
from rag.retrieval.config import PipelineConfig

from ..tuning.retriever_tuner import WEIGHED, WEIGHTS

Tries = Mapping[str, Sequence[Value]]

DEFAULT = PipelineConfig()
FIELDS: dict[str, tuple[Value, ...]] = {
    "k": (),
    "depth": (),
    "dense_weight": WEIGHTS,
    "fusion": (*WEIGHED[:1], "rrf", "dense", "terms"),
    "rewrite": ("normalise", "none"),
    "rerank": ("none", "mmr"),
    "context": ("none",),
    "dedupe": (),
    "max_per_source": (),
}
"""Fields in the order in which they are tried, with values besides the present one and the default.

A longer context finds more, and costs more with every question: k beyond the default is tried where it is asked for.
"""


def values(field: str, config: PipelineConfig, more: Tries) -> tuple[Value, ...]:
    """Return the values of a field to try, the present one first: it wins ties."""
    present, default = getattr(config, field), getattr(DEFAULT, field)
    if field == "dense_weight" and config.fusion not in WEIGHED:
        return (present,)  # nothing reads it
    return tuple(dict.fromkeys((present, default, *FIELDS.get(field, ()), *more.get(field, ()))))


def fields(more: Tries) -> tuple[str, ...]:
    """Return the fields to try, in order."""
    return tuple(dict.fromkeys((*FIELDS, *more)))
