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
    from .answers import Answer, Checks, Citation, Sentence
    from .bot import Bot
    from .documents import Chunk, Document, Passage, Section
    from .embedding import CallableEmbedder, Embedder, HashingEmbedder, embedder
    from .errors import (
        BudgetExceeded,
        ConstraintUnmet,
        DeadlinePassed,
        EmbedderError,
        ExtraMissing,
        InvalidFilter,
        InvalidInput,
        LLMBadResponse,
        LLMError,
        LLMRefused,
        LLMTimeout,
        LLMUnavailable,
        LLMUnsupported,
        ModelDamaged,
        ModelMissing,
        PromptTooLong,
        RagError,
        StoreCorrupt,
        StoreError,
        StoreExists,
        StoreLocked,
        StoreMismatch,
        StoreMissing,
        StoreUnwritable,
    )
    from .generation.backends.callable_model import CallableModel
    from .generation.budget import Budget
    from .generation.cache import CompletionCache
    from .generation.calibration import Calibration
    from .generation.chat import ChatGenerator
    from .generation.constraints import Choice, JsonSchema, Regex
    from .generation.entailment import CrossEncoderEntailment
    from .generation.extractive import ExtractiveGenerator
    from .generation.language_model import Completion, LanguageModel, Message, Usage
    from .generation.models import language_model
    from .generation.prices import Price
    from .generation.prompts import Example
    from .generation.sampling import Sampling
    from .generation.streaming import AnswerStream
    from .generation.structured import structured
    from .knowledge_base import KnowledgeBase
    from .loaders import LoadFailure, load
    from .query import Query
    from .refining import RefinedRetriever
    from .retriever import Retrieval, Retriever
    from .rewriting import RewritingRetriever

__all__ = [
    "Answer",
    "AnswerStream",
    "Bot",
    "Budget",
    "BudgetExceeded",
    "Calibration",
    "CallableEmbedder",
    "CallableModel",
    "ChatGenerator",
    "Checks",
    "Choice",
    "Chunk",
    "Citation",
    "Completion",
    "CompletionCache",
    "ConstraintUnmet",
    "CrossEncoderEntailment",
    "DeadlinePassed",
    "Document",
    "Embedder",
    "EmbedderError",
    "Example",
    "ExtraMissing",
    "ExtractiveGenerator",
    "HashingEmbedder",
    "InvalidFilter",
    "InvalidInput",
    "JsonSchema",
    "KnowledgeBase",
    "LLMBadResponse",
    "LLMError",
    "LLMRefused",
    "LLMTimeout",
    "LLMUnavailable",
    "LLMUnsupported",
    "LanguageModel",
    "LoadFailure",
    "Message",
    "ModelDamaged",
    "ModelMissing",
    "Passage",
    "Price",
    "PromptTooLong",
    "Query",
    "RagError",
    "RefinedRetriever",
    "Regex",
    "Retrieval",
    "Retriever",
    "RewritingRetriever",
    "Sampling",
    "Section",
    "Sentence",
    "StoreCorrupt",
    "StoreError",
    "StoreExists",
    "StoreLocked",
    "StoreMismatch",
    "StoreMissing",
    "StoreUnwritable",
    "Usage",
    "embedder",
    "language_model",
    "load",
    "structured",
]

# Each name is imported on first use: a loader's child process needs no numpy, and a search no loader.
_HOME = {
    "Answer": ".answers",
    "AnswerStream": ".generation.streaming",
    "Bot": ".bot",
    "Budget": ".generation.budget",
    "BudgetExceeded": ".errors",
    "Calibration": ".generation.calibration",
    "CallableEmbedder": ".embedding",
    "CallableModel": ".generation.backends.callable_model",
    "ChatGenerator": ".generation.chat",
    "Checks": ".answers",
    "Choice": ".generation.constraints",
    "Chunk": ".documents",
    "Citation": ".answers",
    "Completion": ".generation.language_model",
    "CompletionCache": ".generation.cache",
    "ConstraintUnmet": ".errors",
    "CrossEncoderEntailment": ".generation.entailment",
    "DeadlinePassed": ".errors",
    "Document": ".documents",
    "Embedder": ".embedding",
    "EmbedderError": ".errors",
    "Example": ".generation.prompts",
    "ExtraMissing": ".errors",
    "ExtractiveGenerator": ".generation.extractive",
    "HashingEmbedder": ".embedding",
    "InvalidFilter": ".errors",
    "InvalidInput": ".errors",
    "JsonSchema": ".generation.constraints",
    "KnowledgeBase": ".knowledge_base",
    "LLMBadResponse": ".errors",
    "LLMError": ".errors",
    "LLMRefused": ".errors",
    "LLMTimeout": ".errors",
    "LLMUnavailable": ".errors",
    "LLMUnsupported": ".errors",
    "LanguageModel": ".generation.language_model",
    "LoadFailure": ".loaders",
    "Message": ".generation.language_model",
    "ModelDamaged": ".errors",
    "ModelMissing": ".errors",
    "Passage": ".documents",
    "Price": ".generation.prices",
    "PromptTooLong": ".errors",
    "Query": ".query",
    "RagError": ".errors",
    "RefinedRetriever": ".refining",
    "Regex": ".generation.constraints",
    "Retrieval": ".retriever",
    "Retriever": ".retriever",
    "RewritingRetriever": ".rewriting",
    "Sampling": ".generation.sampling",
    "Section": ".documents",
    "Sentence": ".answers",
    "StoreCorrupt": ".errors",
    "StoreError": ".errors",
    "StoreExists": ".errors",
    "StoreLocked": ".errors",
    "StoreMismatch": ".errors",
    "StoreMissing": ".errors",
    "StoreUnwritable": ".errors",
    "Usage": ".generation.language_model",
    "embedder": ".embedding",
    "language_model": ".generation.models",
    "load": ".loaders",
    "structured": ".generation.structured",
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
