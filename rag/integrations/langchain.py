"""LangChain over a knowledge base: a retriever, a vector store; and LangChain's embeddings in ours.

::

    retriever = KnowledgeBaseRetriever(retriever=Retriever(kb), k=4)      # the whole pipeline
    store = KnowledgeBaseStore(kb)                                        # vectors alone, as their contract has it
"""

from __future__ import annotations

import shutil
import tempfile
import uuid
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..documents.document import Document, Passage, Query
from ..embedding import CallableEmbedder
from ..embedding.protocol import Embedder
from ..errors import ExtraMissing
from ..knowledge_base import KnowledgeBase
from ..retrieval.config import PipelineConfig
from ..retrieval.retriever import Retriever
from . import records

try:
    from langchain_core import documents as theirs
    from langchain_core.callbacks import CallbackManagerForRetrieverRun
    from langchain_core.embeddings import Embeddings
    from langchain_core.retrievers import BaseRetriever
    from langchain_core.vectorstores import VectorStore
except ImportError as error:
    raise ExtraMissing("this needs LangChain's core: pip install 'rag-workbench[langchain]'") from error

VECTORS_ALONE = PipelineConfig(fusion="dense", rewrite="none", dedupe=False)
"""The pipeline of a vector store: nothing but the nearest vectors."""


class KnowledgeBaseRetriever(BaseRetriever):
    """A `rag.Retriever` for LangChain: rewriting, hybrid search, reranking and context as its pipeline says.

    Parameters
    ----------
    retriever
        Over an open knowledge base.
    k
        Passages to find; None takes the pipeline's. ``invoke(question, k=3)`` overrides it.
    where
        Filter over documents; ``invoke(question, where=...)`` holds as well.

    Examples
    --------
    >>> chain = KnowledgeBaseRetriever(retriever=Retriever(kb)) | prompt | model     # doctest: +SKIP
    """

    retriever: Any
    k: int | None = None
    where: str | None = None

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,  # noqa: ARG002 - LangChain's signature
        k: int | None = None,
        where: str | None = None,
    ) -> list[theirs.Document]:
        wheres = [f"({each})" for each in (self.where, where) if each]
        found = self.retriever.retrieve(query, k or self.k, where=" and ".join(wheres) or None)
        return [theirs.Document(id=str(p.chunk), page_content=p.text, metadata=records.place_of(p)) for p in found]


class KnowledgeBaseStore(VectorStore):
    """A knowledge base as LangChain's vector store: documents are added, searched and deleted by their ids.

    Parameters
    ----------
    kb
        An open knowledge base; for writing, if documents are added or deleted. Its embedder embeds.
    """

    def __init__(self, kb: KnowledgeBase) -> None:
        self.kb = kb
        self._retriever = Retriever(kb, VECTORS_ALONE)

    @property
    def embeddings(self) -> Embeddings:
        """The knowledge base's embedder, as LangChain's."""
        return KnowledgeBaseEmbeddings(self.kb.embedder)

    # ---- writing ----------------------------------------------------------------------------------------------

    def add_documents(self, documents: list[theirs.Document], **kwargs: Any) -> list[str]:  # noqa: ANN401
        """Add documents, or replace those of the same ids; return the ids."""
        given = kwargs.get("ids") or [document.id for document in documents]
        ids = [each or str(uuid.uuid4()) for each in given]
        self.kb.add(
            records.document(document.page_content, document.metadata, id=name)
            for name, document in zip(ids, documents, strict=True)
        )
        return ids

    def delete(self, ids: list[str] | None = None, **kwargs: Any) -> bool | None:  # noqa: ANN401, ARG002
        """Delete documents by their ids, all of them for None; ids that are not there are left alone."""
        self.kb.remove(*(self.kb.document_ids() if ids is None else ids), folders=False)
        return True

    @classmethod
    def from_texts(
        cls,
        texts: list[str],
        embedding: Embeddings,
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        path: str | Path | None = None,
        **kwargs: Any,  # noqa: ANN401
    ) -> KnowledgeBaseStore:
        """Make a store of texts, in the folder ``path``; without one, in a folder that goes with the store.

        Texts are stored whole, as LangChain has split them already; ``chunker=`` and the like are for
        `KnowledgeBase.open_or_create`.
        """
        folder = Path(tempfile.mkdtemp(prefix="rag-")) if path is None else None
        making = {"embedder": embedder_of(embedding), "chunker": "document", **kwargs}
        kb = KnowledgeBase.open_or_create(folder / "kb" if folder else Path(path or ""), **making)
        store = cls(kb)
        if folder:
            weakref.finalize(store, _discard, kb, folder)
        store.add_texts(texts, metadatas, **({} if ids is None else {"ids": ids}))
        return store

    # ---- reading ----------------------------------------------------------------------------------------------

    def get_by_ids(self, ids: Sequence[str], /) -> list[theirs.Document]:
        """Return documents by their ids; those that are not there are left out."""
        return [
            theirs.Document(id=each.id, page_content=each.text, metadata=records.metadata_of(each.metadata))
            for each in records.stored(self.kb, ids)
        ]

    def similarity_search(self, query: str, k: int = 4, **kwargs: Any) -> list[theirs.Document]:  # noqa: ANN401
        """Return the ``k`` nearest; ``filter`` is a filter in our language, or a mapping of fields to values."""
        return [document for document, _ in self.similarity_search_with_score(query, k, **kwargs)]

    def similarity_search_with_score(  # type: ignore[override] # theirs takes anything
        self,
        query: str,
        k: int = 4,
        filter: str | Mapping[str, Any] | None = None,  # noqa: A002 - the field's word
    ) -> list[tuple[theirs.Document, float]]:
        """Return the ``k`` nearest with their scores; higher is nearer, a cosine for the metric of that name."""
        return [_scored(each) for each in self._retriever.retrieve(query, k, where=records.where_of(filter))]

    def similarity_search_by_vector(
        self,
        embedding: list[float],
        k: int = 4,
        filter: str | Mapping[str, Any] | None = None,  # noqa: A002
        **kwargs: Any,  # noqa: ANN401, ARG002
    ) -> list[theirs.Document]:
        """Return the ``k`` nearest to a vector of the knowledge base's embedder."""
        query = Query("a vector", vector=np.asarray(embedding, np.float32))
        return [_scored(each)[0] for each in self._retriever.retrieve(query, k, where=records.where_of(filter))]

    def max_marginal_relevance_search(
        self,
        query: str,
        k: int = 4,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        filter: str | Mapping[str, Any] | None = None,  # noqa: A002
        **kwargs: Any,  # noqa: ANN401, ARG002
    ) -> list[theirs.Document]:
        """Return ``k`` of the ``fetch_k`` nearest that differ from one another, see `rag.reranking.diversity`."""
        value = VECTORS_ALONE.with_(rerank=f"mmr:diversity={1 - lambda_mult:g}", rerank_in=max(k, fetch_k))
        with Retriever(self.kb, value) as retriever:
            return [_scored(each)[0] for each in retriever.retrieve(query, k, where=records.where_of(filter))]

    def _select_relevance_score_fn(self) -> Callable[[float], float]:
        return lambda cosine: (1 + cosine) / 2


class KnowledgeBaseEmbeddings(Embeddings):
    """One of our embedders as LangChain's."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Embed texts to be found."""
        vectors: list[list[float]] = self._embedder.embed_passages(texts).tolist()
        return vectors

    def embed_query(self, text: str) -> list[float]:
        """Embed a question."""
        vector: list[float] = self._embedder.embed_queries([text])[0].tolist()
        return vector


def embedder_of(embeddings: Embeddings, *, name: str = "") -> Embedder:
    """Return LangChain's embeddings as an embedder of ours.

    Parameters
    ----------
    name
        Identity of the model; a knowledge base refuses vectors of another. Empty takes the class and its model's name.
    """
    model = getattr(embeddings, "model", None) or getattr(embeddings, "model_name", None) or ""
    said = f"langchain:{type(embeddings).__name__}" + (f":{model}" if isinstance(model, str) and model else "")
    return CallableEmbedder(
        embeddings.embed_documents,
        dim=len(embeddings.embed_query("dimension")),
        name=name or said,
        queries=lambda texts: [embeddings.embed_query(text) for text in texts],
    )


def documents_of(documents: Iterable[theirs.Document]) -> Iterable[Document]:
    """Return LangChain's documents as ours, for `KnowledgeBase.add`; one without an id is named by its source."""
    counts: dict[str, int] = {}
    for each in documents:
        source = str(each.metadata.get("source") or "document")
        counts[source] = counts.get(source, 0) + 1
        name = each.id or (source if counts[source] == 1 else f"{source}#{counts[source]}")
        yield records.document(each.page_content, each.metadata, id=name, source=source)


def _discard(kb: KnowledgeBase, folder: Path) -> None:
    kb.close()
    shutil.rmtree(folder, ignore_errors=True)


def _scored(passage: Passage) -> tuple[theirs.Document, float]:
    own = records.metadata_of(passage.metadata)
    return theirs.Document(id=passage.document, page_content=passage.text, metadata=own), passage.score
