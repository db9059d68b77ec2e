"""From command line options to a retriever."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from rag.components import Tools
from rag.errors import InvalidInput
from rag.retrieval.fusion import FUSIONS

if TYPE_CHECKING:
    from rag.knowledge_base import KnowledgeBase
    from rag.llm.consulting import CompletionStore
    from rag.llm.language_model import LanguageModel
    from rag.searching import Searcher

_PARTS: dict[str, dict[str, Any]] = {
    **{name: {"fusion": name} for name in FUSIONS},
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
    rewrite: str = "none",
    model: LanguageModel | None = None,
    completions: CompletionStore | None = None,
) -> Searcher:
    """Make the retriever that the options ask for; ``completions`` keeps what the model answers on the way."""
    from rag.retrieval.hybrid import Retriever

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
    tools = Tools(kb, model, completions)
    return refined(rewritten(Retriever(kb, **options), rewrite, tools), rerank, rerank_in, context, tools)


def named_model(spec: str | None, base_url: str | None = None) -> AbstractContextManager[LanguageModel | None]:
    """Return the language model of a spec, None for None; what it holds is given back at the end of the ``with``."""
    if spec is None:
        return nullcontext()
    from rag.llm.models import language_model

    address = {"base_url": base_url} if base_url is not None and spec.startswith("openai:") else {}
    return language_model(spec, **address)


def rewritten(retriever: Searcher, rewrite: str, tools: Tools) -> Searcher:
    """Put the rewriting that the options ask for before a retriever."""
    from rag.rewriting import RewritingRetriever, rewriting

    own = rewriting(rewrite, tools)
    return retriever if own is None else RewritingRetriever(retriever, own)


def refined(retriever: Searcher, rerank: str, rerank_in: int, context: str, tools: Tools) -> Searcher:
    """Put the reranking and the context that the options ask for behind a retriever."""
    if rerank == context == "none":
        return retriever
    from rag import context as contexts
    from rag import reranking
    from rag.retrieval.retriever import RefinedRetriever

    return RefinedRetriever(
        retriever,
        reranking=reranking.reranking(rerank, tools, top_k_in=rerank_in),
        context=contexts.context(context, tools),
    )
