"""Questions as people ask them, made into queries that find: each strategy a small file on one protocol.

>>> from rag import Retriever, RewritingRetriever
>>> retriever = RewritingRetriever(Retriever(kb), "auto")  # doctest: +SKIP
>>> retriever.retrieve("how do i delet a document")        # doctest: +SKIP
"""

from __future__ import annotations

from .protocol import Asked, Corpus, QueryRewriter, Variant
from .registry import REWRITERS, rewriting
from .retriever import RewritingRetriever
from .stage import Rewriting, Rewritten, Step

__all__ = [
    "REWRITERS",
    "Asked",
    "Corpus",
    "QueryRewriter",
    "Rewriting",
    "RewritingRetriever",
    "Rewritten",
    "Step",
    "Variant",
    "rewriting",
]
