"""Query rewriting: each strategy is one file on one protocol.

>>> from rag import Retriever
>>> retriever = Retriever(kb, rewrite="spelling+rm3")  # doctest: +SKIP
>>> retriever.retrieve("how do i delet a document")    # doctest: +SKIP
"""

from __future__ import annotations

from .corpus import Corpus
from .protocol import QueryDraft, QueryRewriter, Variant
from .registry import REWRITERS
from .stage import Rewriting, Rewritten, Step

__all__ = ["REWRITERS", "Corpus", "QueryDraft", "QueryRewriter", "Rewriting", "Rewritten", "Step", "Variant"]
