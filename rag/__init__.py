"""Ask your own documents: ingestion, retrieval, cited answers, on indexes that can be swapped and measured.

>>> from rag import Bot, KnowledgeBase, Retriever, load        # doctest: +SKIP
>>> with KnowledgeBase.create("kb") as kb:                     # doctest: +SKIP
...     kb.add(load("docs/"))
...     print(Bot(Retriever(kb)).ask("How do I delete a document?").text)
"""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .answers import Answer, Citation
    from .bot import Bot
    from .documents import Chunk, Document, Passage, Section
    from .embedding import CallableEmbedder, Embedder, HashingEmbedder, embedder
    from .errors import (
        EmbedderError,
        ExtraMissing,
        InvalidFilter,
        InvalidInput,
        ModelDamaged,
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
    "ModelDamaged",
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

# Each name is imported on first use: a loader's child process needs no numpy, and a search no loader.
_HOME = {
    "Answer": ".answers",
    "Bot": ".bot",
    "CallableEmbedder": ".embedding",
    "Chunk": ".documents",
    "Citation": ".answers",
    "Document": ".documents",
    "Embedder": ".embedding",
    "EmbedderError": ".errors",
    "ExtraMissing": ".errors",
    "ExtractiveGenerator": ".generation.extractive",
    "HashingEmbedder": ".embedding",
    "InvalidFilter": ".errors",
    "InvalidInput": ".errors",
    "KnowledgeBase": ".knowledge_base",
    "LoadFailure": ".loaders",
    "ModelDamaged": ".errors",
    "ModelMissing": ".errors",
    "Passage": ".documents",
    "RagError": ".errors",
    "Retriever": ".retriever",
    "Section": ".documents",
    "StoreCorrupt": ".errors",
    "StoreError": ".errors",
    "StoreExists": ".errors",
    "StoreLocked": ".errors",
    "StoreMismatch": ".errors",
    "StoreMissing": ".errors",
    "StoreUnwritable": ".errors",
    "embedder": ".embedding",
    "load": ".loaders",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name], __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _check_indexes() -> None:
    """Refuse a package of that name that is not ours, in a sentence, before something fails oddly."""
    found = find_spec("indexes")
    origin = Path(found.origin) if found is not None and found.origin else None
    if origin is None or not (origin.parent / "idset.py").exists():
        raise ImportError(
            f"the package 'indexes' that Python found is not rag-workbench's: {origin}; "
            "rename your own folder or file of that name, or put it later on sys.path"
        )


_check_indexes()
