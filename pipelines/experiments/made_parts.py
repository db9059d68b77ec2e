"""The parts that a stage runs: of their specs, or of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from types import FunctionType
from typing import TYPE_CHECKING, Any, cast

import rag.embedding
from rag.bot import Bot
from rag.chunking.protocol import Chunker
from rag.components import Factory, make
from rag.embedding.protocol import Embedder
from rag.knowledge_base import KnowledgeBase
from rag.retrieval.retriever import Retriever

from .config import Configuration

if TYPE_CHECKING:
    from rag.llm.cache import CompletionCache

Embedders = Mapping[str, Embedder]
"""Embedders that Python hands in, by the name that an experiment gives them."""


def embedder_of(embedders: Embedders, configuration: Configuration) -> Embedder | None:
    """Return a configuration's embedder where it is an object; None where its text names a model."""
    own = configuration.objects("embedder")
    if own:
        return cast("Embedder", make("embedder", {}, own[0], None))
    return embedders.get(str(configuration.parts["embedder"]))


def chunker_of(embedders: Embedders, configuration: Configuration) -> str | Chunker:
    """Return a configuration's chunker, or its spec."""
    own = configuration.objects("chunker")
    if not own:
        return str(configuration.parts["chunker"])
    if not isinstance(own[0], type | FunctionType | Factory):
        return cast("Chunker", own[0])
    embedder = embedder_of(embedders, configuration)
    if embedder is None:
        embedder = rag.embedding.embedder(configuration.placed("embedder"))  # type: ignore[arg-type] # text or None
    return cast("Chunker", make("chunker", {}, own[0], embedder))


def retriever_of(kb: KnowledgeBase, configuration: Configuration, completions: CompletionCache | None) -> Retriever:
    """Return a configuration's retriever."""
    parts = {name: configuration.objects(name) for name in ("rewrite", "rerank", "context")}
    own: dict[str, Any] = {name: found for name, found in parts.items() if found}
    if fusion := configuration.objects("fusion"):
        own["fusion"] = fusion[0]
    return Retriever(kb, configuration.pipeline, completions=completions, **own)


def bot_of(retriever: Retriever, configuration: Configuration) -> Bot:
    """Return a configuration's bot."""
    own = configuration.objects("generator")
    if not own:
        return Bot(retriever)
    makes = isinstance(own[0], type | Factory)  # a function is one from a prompt to a text
    return Bot(retriever, make("generator", {}, own[0], retriever.tools) if makes else own[0])
