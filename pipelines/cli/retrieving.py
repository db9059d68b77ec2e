"""From command line options to a retriever."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rag.errors import InvalidInput

if TYPE_CHECKING:
    from rag.knowledge_base import KnowledgeBase
    from rag.searching import Searcher

_PARTS: dict[str, dict[str, Any]] = {
    "zscore": {"fusion": "zscore"},
    "rrf": {"fusion": "rrf"},
    "dense": {"terms": False},
    "terms": {"dense": False},
}


def check_fusion(name: str) -> None:
    """Refuse a fusion that does not exist."""
    if name not in _PARTS:
        raise InvalidInput(f"--fusion {name!r} does not exist; choose one of: {', '.join(_PARTS)}")


def retriever_for(
    kb: KnowledgeBase,
    *,
    k: int,
    where: str | None,
    fusion: str,
    dense_weight: float | None,
    max_per_source: int | None,
    dedupe: bool = True,
    rerank: str = "none",
    rerank_in: int = 30,
    context: str = "none",
) -> Searcher:
    """Make the retriever that the options ask for."""
    from rag.retriever import Retriever

    check_fusion(fusion)
    options: dict[str, Any] = {
        **_PARTS[fusion],
        "k": k,
        "where": where,
        "max_per_source": max_per_source,
        "dedupe": dedupe,
    }
    if dense_weight is not None:
        options["dense_weight"] = dense_weight
    return refined(Retriever(kb, **options), rerank, rerank_in, context)


def refined(retriever: Searcher, rerank: str, rerank_in: int, context: str) -> Searcher:
    """Put the reranking and the context that the options ask for behind a retriever."""
    if rerank == context == "none":
        return retriever
    from rag import context as contexts
    from rag import reranking
    from rag.components import Tools
    from rag.refining import RefinedRetriever

    tools = Tools(retriever.kb)
    return RefinedRetriever(
        retriever,
        reranking=reranking.reranking(rerank, tools, top_k_in=rerank_in),
        context=contexts.context(context, tools),
    )
