"""Rerankers by name."""

from __future__ import annotations

from types import MappingProxyType

RERANKERS = MappingProxyType(
    {
        "cross-encoder": "rag.reranking.cross_encoder:CrossEncoderReranker",
        "late-interaction": "rag.reranking.late_interaction:LateInteraction",
        "listwise": "rag.reranking.listwise:ListwiseReranker",
        "mmr": "rag.reranking.diversity:MaximalMarginalRelevance",
        "recency": "rag.reranking.recency:RecencyPrior",
        "sources": "rag.reranking.source_prior:SourcePrior",
    }
)
