"""Ask your own documents: ingestion, retrieval, cited answers, on indexes that can be swapped and measured.

>>> from rag import Bot                                     # doctest: +SKIP
>>> bot = Bot.open("kb")                                    # doctest: +SKIP
>>> print(bot.ask("How do I delete a document for good?"))  # doctest: +SKIP
"""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .answers import Answer as Answer, Citation as Citation, Sentence as Sentence
    from .bot import Bot as Bot
    from .documents.document import Chunk as Chunk, Document as Document, Passage as Passage, Query as Query
    from .documents.sections import Section as Section
    from .embedding import (
        CallableEmbedder as CallableEmbedder,
        Embedder as Embedder,
        HashingEmbedder as HashingEmbedder,
        embedder as embedder,
    )
    from .errors import InvalidInput as InvalidInput, RagError as RagError
    from .generation.answer_stream import AnswerStream as AnswerStream
    from .generation.chat import ChatGenerator as ChatGenerator
    from .knowledge_base import KnowledgeBase as KnowledgeBase
    from .llm.budget import Budget as Budget
    from .llm.constraints import Choice as Choice, JsonSchema as JsonSchema, Regex as Regex
    from .llm.language_model import (
        Completion as Completion,
        LanguageModel as LanguageModel,
        Message as Message,
        Usage as Usage,
    )
    from .llm.models import language_model as language_model
    from .llm.sampling import Sampling as Sampling
    from .llm.structured import structured as structured
    from .loaders import LoadFailure as LoadFailure, load as load
    from .memory import Memory as Memory
    from .retrieval.config import PipelineConfig as PipelineConfig
    from .retrieval.explanation import Explanation as Explanation
    from .retrieval.retriever import Retrieval as Retrieval, Retriever as Retriever

# Each name is imported on first use: a loader's child process needs no numpy, and a search no loader.
_HOME = {
    "Answer": ".answers",
    "AnswerStream": ".generation.answer_stream",
    "Bot": ".bot",
    "Budget": ".llm.budget",
    "CallableEmbedder": ".embedding",
    "ChatGenerator": ".generation.chat",
    "Choice": ".llm.constraints",
    "Chunk": ".documents.document",
    "Citation": ".answers",
    "Completion": ".llm.language_model",
    "Document": ".documents.document",
    "Embedder": ".embedding",
    "Explanation": ".retrieval.explanation",
    "HashingEmbedder": ".embedding",
    "InvalidInput": ".errors",
    "JsonSchema": ".llm.constraints",
    "KnowledgeBase": ".knowledge_base",
    "LanguageModel": ".llm.language_model",
    "LoadFailure": ".loaders",
    "Memory": ".memory",
    "Message": ".llm.language_model",
    "Passage": ".documents.document",
    "PipelineConfig": ".retrieval.config",
    "Query": ".documents.document",
    "RagError": ".errors",
    "Regex": ".llm.constraints",
    "Retrieval": ".retrieval.retriever",
    "Retriever": ".retrieval.retriever",
    "Sampling": ".llm.sampling",
    "Section": ".documents.sections",
    "Sentence": ".answers",
    "Usage": ".llm.language_model",
    "embedder": ".embedding",
    "language_model": ".llm.models",
    "load": ".loaders",
    "structured": ".llm.structured",
}

__all__ = [*_HOME]  # noqa: PLE0604 - the keys are texts


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
