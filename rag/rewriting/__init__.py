"""Query rewriting: each strategy is one file on one protocol.

>>> from rag import Retriever
>>> retriever = Retriever(kb, rewrite="spelling+rm3")  # doctest: +SKIP
>>> retriever.retrieve("how do i delet a document")    # doctest: +SKIP
"""

from __future__ import annotations

from .protocol import Asked, Corpus, QueryRewriter, Variant
from .registry import REWRITERS
from .stage import Rewriting, Rewritten, Step

__all__ = ["REWRITERS", "Asked", "Corpus", "QueryRewriter", "Rewriting", "Rewritten", "Step", "Variant"]
