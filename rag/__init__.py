"""Ask your own documents: ingestion, retrieval, cited answers, on indexes that can be swapped and measured.

>>> from rag import Bot, KnowledgeBase, Retriever, load        # doctest: +SKIP
>>> with KnowledgeBase.create("kb") as kb:                     # doctest: +SKIP
...     kb.add(load("docs/"))
...     print(Bot(Retriever(kb)).ask("How do I delete a document?").text)
"""

from __future__ import annotations

import indexes

if not hasattr(indexes, "dense"):
    raise ImportError(
        f"the package 'indexes' that Python found is not rag-workbench's: {getattr(indexes, '__file__', indexes)}; "
        "rename your own folder or file of that name, or put it later on sys.path"
    )

from .answers import Answer, Citation
from .bot import Bot
from .documents import Chunk, Document, Passage, Section
from .embedding import CallableEmbedder, Embedder, HashingEmbedder, embedder
from .errors import (
    EmbedderError,
    ExtraMissing,
    InvalidFilter,
    InvalidInput,
    ModelMissing,
    RagError,
    StoreCorrupt,
    StoreError,
    StoreExists,
    StoreLocked,
    StoreMismatch,
    StoreMissing,
    StoreUnwritable,
)
from .generation.extractive import ExtractiveGenerator
from .knowledge_base import KnowledgeBase
from .loaders import LoadFailure, load
from .retriever import Retriever

__all__ = [
    "Answer",
    "Bot",
    "CallableEmbedder",
    "Chunk",
    "Citation",
    "Document",
    "Embedder",
    "EmbedderError",
    "ExtraMissing",
    "ExtractiveGenerator",
    "HashingEmbedder",
    "InvalidFilter",
    "InvalidInput",
    "KnowledgeBase",
    "LoadFailure",
    "ModelMissing",
    "Passage",
    "RagError",
    "Retriever",
    "Section",
    "StoreCorrupt",
    "StoreError",
    "StoreExists",
    "StoreLocked",
    "StoreMismatch",
    "StoreMissing",
    "StoreUnwritable",
    "embedder",
    "load",
]
