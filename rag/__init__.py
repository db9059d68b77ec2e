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
    from .documents import Chunk, Document, Passage, Query, Section
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
    from .extractive.generator import ExtractiveGenerator
    from .generation.answer_stream import AnswerStream
    from .generation.calibration import Calibration
    from .generation.chat import ChatGenerator
    from .generation.prompts import Example
    from .grounding.support import CrossEncoderEntailment
    from .knowledge_base import KnowledgeBase
    from .llm.backends.callable_model import CallableModel
    from .llm.budget import Budget
    from .llm.cache import CompletionCache
    from .llm.constraints import Choice, JsonSchema, Regex
    from .llm.language_model import Completion, LanguageModel, Message, Usage
    from .llm.models import language_model
    from .llm.prices import Price
    from .llm.sampling import Sampling
    from .llm.structured import structured
    from .loaders import LoadFailure, load
    from .retrieval.hybrid import Retrieval, Retriever
    from .retrieval.retriever import RefinedRetriever
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
    "AnswerStream": ".generation.answer_stream",
    "Bot": ".bot",
    "Budget": ".llm.budget",
    "BudgetExceeded": ".errors",
    "Calibration": ".generation.calibration",
    "CallableEmbedder": ".embedding",
    "CallableModel": ".llm.backends.callable_model",
    "ChatGenerator": ".generation.chat",
    "Checks": ".answers",
    "Choice": ".llm.constraints",
    "Chunk": ".documents",
    "Citation": ".answers",
    "Completion": ".llm.language_model",
    "CompletionCache": ".llm.cache",
    "ConstraintUnmet": ".errors",
    "CrossEncoderEntailment": ".grounding.support",
    "DeadlinePassed": ".errors",
    "Document": ".documents",
    "Embedder": ".embedding",
    "EmbedderError": ".errors",
    "Example": ".generation.prompts",
    "ExtraMissing": ".errors",
    "ExtractiveGenerator": ".extractive.generator",
    "HashingEmbedder": ".embedding",
    "InvalidFilter": ".errors",
    "InvalidInput": ".errors",
    "JsonSchema": ".llm.constraints",
    "KnowledgeBase": ".knowledge_base",
    "LLMBadResponse": ".errors",
    "LLMError": ".errors",
    "LLMRefused": ".errors",
    "LLMTimeout": ".errors",
    "LLMUnavailable": ".errors",
    "LLMUnsupported": ".errors",
    "LanguageModel": ".llm.language_model",
    "LoadFailure": ".loaders",
    "Message": ".llm.language_model",
    "ModelDamaged": ".errors",
    "ModelMissing": ".errors",
    "Passage": ".documents",
    "Price": ".llm.prices",
    "PromptTooLong": ".errors",
    "Query": ".documents",
    "RagError": ".errors",
    "RefinedRetriever": ".retrieval.retriever",
    "Regex": ".llm.constraints",
    "Retrieval": ".retrieval.hybrid",
    "Retriever": ".retrieval.hybrid",
    "RewritingRetriever": ".rewriting",
    "Sampling": ".llm.sampling",
    "Section": ".documents",
    "Sentence": ".answers",
    "StoreCorrupt": ".errors",
    "StoreError": ".errors",
    "StoreExists": ".errors",
    "StoreLocked": ".errors",
    "StoreMismatch": ".errors",
    "StoreMissing": ".errors",
    "StoreUnwritable": ".errors",
    "Usage": ".llm.language_model",
    "embedder": ".embedding",
    "language_model": ".llm.models",
    "load": ".loaders",
    "structured": ".llm.structured",
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
