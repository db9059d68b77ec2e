"""From command line options to a retriever."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rag.errors import InvalidInput

if TYPE_CHECKING:
    from rag.knowledge_base import KnowledgeBase
    from rag.retriever import Retriever

_PARTS: dict[str, dict[str, Any]] = {
    "zscore": {"fusion": "zscore"},
    "rrf": {"fusion": "rrf"},
    "dense": {"terms": False},
    "terms": {"dense": False},
}


def retriever_for(
    kb: KnowledgeBase,
    *,
    k: int,
    where: str | None,
    fusion: str,
    dense_weight: float | None,
    max_per_source: int | None,
    dedupe: bool = True,
) -> Retriever:
    """Make the retriever that the options ask for."""
    from rag.retriever import Retriever

    if fusion not in _PARTS:
        raise InvalidInput(f"--fusion {fusion!r} does not exist; choose one of: {', '.join(_PARTS)}")
    options: dict[str, Any] = {
        **_PARTS[fusion],
        "k": k,
        "where": where,
        "max_per_source": max_per_source,
        "dedupe": dedupe,
    }
    if dense_weight is not None:
        options["dense_weight"] = dense_weight
    return Retriever(kb, **options)
