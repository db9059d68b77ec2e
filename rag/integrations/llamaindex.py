"""LlamaIndex over a knowledge base: a retriever, a vector store; and LlamaIndex's embeddings in ours.

::

    engine = RetrieverQueryEngine.from_args(KnowledgeBaseRetriever(Retriever(kb)))     # the whole pipeline
    index = VectorStoreIndex.from_vector_store(                                        # nodes added and searched
        KnowledgeBaseStore(kb=kb), embed_model=KnowledgeBaseEmbedding.of(kb)
    )
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..documents.document import Document, Passage, Query
from ..embedding import CallableEmbedder
from ..embedding.protocol import Embedder
from ..errors import ExtraMissing, InvalidInput
from ..filters import FieldTest, Filter, Junction, Node, Not
from ..knowledge_base import KnowledgeBase
from ..retrieval.config import PipelineConfig
from ..retrieval.retriever import Retriever
from . import records

try:
    from llama_index.core.base.base_retriever import BaseRetriever
    from llama_index.core.base.embeddings.base import BaseEmbedding
    from llama_index.core.bridge.pydantic import PrivateAttr
    from llama_index.core.schema import BaseNode, NodeWithScore, QueryBundle, TextNode
    from llama_index.core.vector_stores import types as theirs
    from llama_index.core.vector_stores.utils import metadata_dict_to_node, node_to_metadata_dict
except ImportError as error:
    raise ExtraMissing("this needs LlamaIndex's core: pip install 'rag-workbench[llamaindex]'") from error

_NODE = "_node_content"
_MODES = {
    theirs.VectorStoreQueryMode.DEFAULT: PipelineConfig(fusion="dense", rewrite="none", dedupe=False),
    theirs.VectorStoreQueryMode.SPARSE: PipelineConfig(fusion="terms", rewrite="none", dedupe=False),
    theirs.VectorStoreQueryMode.TEXT_SEARCH: PipelineConfig(fusion="terms", rewrite="none", dedupe=False),
    theirs.VectorStoreQueryMode.HYBRID: PipelineConfig(rewrite="none", dedupe=False),
    theirs.VectorStoreQueryMode.SEMANTIC_HYBRID: PipelineConfig(rewrite="none", dedupe=False),
    theirs.VectorStoreQueryMode.MMR: PipelineConfig(fusion="dense", rewrite="none", rerank="mmr", dedupe=False),
}


class KnowledgeBaseRetriever(BaseRetriever):
    """A `rag.Retriever` for LlamaIndex: rewriting, hybrid search, reranking and context as its pipeline says.

    Parameters
    ----------
    retriever
        Over an open knowledge base.
    k
        Passages to find; None takes the pipeline's.
    where
        Filter over documents.
    """

    def __init__(self, retriever: Retriever, *, k: int | None = None, where: str | None = None, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(**kwargs)
        self._found_by = retriever
        self._k = k
        self._where = where

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        found = self._found_by.retrieve(query_bundle.query_str, self._k, where=self._where)
        return [NodeWithScore(node=_node(passage, placed=True), score=passage.score) for passage in found]


class KnowledgeBaseStore(theirs.BasePydanticVectorStore):
    """A knowledge base as LlamaIndex's vector store, by text: its own embedder embeds nodes and questions.

    Modes ``default``, ``mmr``, ``sparse``, ``text_search``, ``hybrid`` and ``semantic_hybrid``; ``alpha`` is the share
    of the dense score.

    Parameters
    ----------
    kb
        An open knowledge base; for writing, if nodes are added or deleted.
    """

    stores_text: bool = True
    is_embedding_query: bool = False
    _kb: Any = PrivateAttr()

    def __init__(self, kb: KnowledgeBase) -> None:
        super().__init__(stores_text=True)
        self._kb = kb

    @classmethod
    def class_name(cls) -> str:
        """Return the class's name, as LlamaIndex saves it."""
        return "KnowledgeBaseStore"

    @property
    def client(self) -> Any:  # noqa: ANN401 - their signature
        """The knowledge base."""
        return self._kb

    def add(self, nodes: Sequence[BaseNode], **kwargs: Any) -> list[str]:  # noqa: ANN401, ARG002
        """Add nodes, or replace those of the same ids; the nodes of a document are one source."""
        kb: KnowledgeBase = self._kb
        kb.add(map(_document, nodes))
        return [node.node_id for node in nodes]

    def delete(self, ref_doc_id: str, **delete_kwargs: Any) -> None:  # noqa: ANN401, ARG002
        """Delete the nodes of a document."""
        names = [name for name in self._kb.document_ids() if self._ref(name) == ref_doc_id]
        self._kb.remove(*names, folders=False)

    def delete_nodes(
        self,
        node_ids: list[str] | None = None,
        filters: theirs.MetadataFilters | None = None,
        **delete_kwargs: Any,  # noqa: ANN401, ARG002
    ) -> None:
        """Delete nodes by their ids, by a filter, or those that fit both."""
        self._kb.remove(*self._wanted(node_ids, filters), folders=False)

    def clear(self) -> None:
        """Delete all nodes."""
        self._kb.remove(*self._kb.document_ids(), folders=False)

    def get_nodes(
        self, node_ids: list[str] | None = None, filters: theirs.MetadataFilters | None = None
    ) -> list[BaseNode]:
        """Return nodes by their ids, by a filter, or those that fit both."""
        return [
            _restored(each.metadata, each.text, each.id)
            for each in records.stored(self._kb, self._wanted(node_ids, filters))
        ]

    def query(self, query: theirs.VectorStoreQuery, **kwargs: Any) -> theirs.VectorStoreQueryResult:  # noqa: ANN401, ARG002
        """Search by the question's text, or by a vector of the knowledge base's embedder.

        Raises
        ------
        InvalidInput
            The mode is not one of those named above, or there is neither text nor vector.
        """
        config = _MODES.get(query.mode)
        if config is None:
            raise InvalidInput(f"mode {query.mode.value!r}: a knowledge base has {', '.join(m.value for m in _MODES)}")
        if query.alpha is not None:
            config = config.with_(dense_weight=query.alpha)
        if query.query_str is None and query.query_embedding is None:
            raise InvalidInput("the query has neither text nor a vector")
        asked = Query(query.query_str or "a vector")
        if query.query_str is None:
            asked = Query("a vector", vector=np.asarray(query.query_embedding, np.float32))
        with Retriever(self._kb, config) as retriever:
            found = retriever.retrieve(asked, query.similarity_top_k, where=_where(query))
        return theirs.VectorStoreQueryResult(
            nodes=[_node(passage) for passage in found],
            similarities=[passage.score for passage in found],
            ids=[passage.document for passage in found],
        )

    def _wanted(self, node_ids: list[str] | None, filters: theirs.MetadataFilters | None) -> list[str]:
        allowed = records.ids_where(self._kb, None if filters is None else Filter(_junction(filters)))
        return allowed if node_ids is None else [name for name in node_ids if name in set(allowed)]

    def _ref(self, name: str) -> Any:  # noqa: ANN401
        return self._kb.document(name).metadata.get("ref_doc_id")


class KnowledgeBaseEmbedding(BaseEmbedding):
    """One of our embedders as LlamaIndex's."""

    _embedder: Any = PrivateAttr()

    @classmethod
    def of(cls, kb: KnowledgeBase) -> KnowledgeBaseEmbedding:
        """Return a knowledge base's embedder."""
        made = cls(model_name=kb.embedder.name)
        made._embedder = kb.embedder
        return made

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._get_text_embeddings([text])[0]

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        vectors: list[list[float]] = self._embedder.embed_passages(texts).tolist()
        return vectors

    def _get_query_embedding(self, query: str) -> list[float]:
        vector: list[float] = self._embedder.embed_queries([query])[0].tolist()
        return vector

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_query_embedding(query)


def embedder_of(embedding: BaseEmbedding, *, name: str = "") -> Embedder:
    """Return LlamaIndex's embedding as an embedder of ours; ``name`` is its identity, by default class and model."""
    return CallableEmbedder(
        lambda texts: embedding.get_text_embedding_batch(list(texts)),
        dim=len(embedding.get_query_embedding("dimension")),
        name=name or f"llamaindex:{embedding.class_name()}:{embedding.model_name}",
        queries=lambda texts: [embedding.get_query_embedding(text) for text in texts],
    )


def documents_of(nodes: Iterable[BaseNode]) -> Iterable[Document]:
    """Return LlamaIndex's nodes and documents as ours, for `KnowledgeBase.add`."""
    return map(_document, nodes)


# ---- documents and nodes --------------------------------------------------------------------------------------


def _document(node: BaseNode) -> Document:
    whole = node_to_metadata_dict(node, remove_text=True, flat_metadata=False)
    own = {name: value for name, value in whole.items() if name not in {"document_id", "doc_id"}}
    return records.document(node.get_content(), own, id=node.node_id)


def _node(passage: Passage, *, placed: bool = False) -> BaseNode:
    """Return a passage as a node; one that was added as a node comes back as it was."""
    node = _restored(passage.metadata, passage.text, passage.document)
    if placed:
        node.metadata |= {name: value for name, value in records.place_of(passage).items() if name not in _HIDDEN}
    return node


_HIDDEN = frozenset({_NODE, "_node_type", "ref_doc_id"})


def _restored(fields: Any, text: str, name: str) -> BaseNode:  # noqa: ANN401 - metadata
    own = records.metadata_of(fields)
    if _NODE in own:
        return metadata_dict_to_node(own, text)
    return TextNode(id_=name, text=text, metadata=own)


# ---- filters --------------------------------------------------------------------------------------------------


def _where(query: theirs.VectorStoreQuery) -> Filter | None:
    parts: list[Node] = [] if query.filters is None else [_junction(query.filters)]
    if query.node_ids:  # an index that keeps no nodes of its own names none
        parts.append(FieldTest("document", "in", tuple(query.node_ids)))
    if query.doc_ids:
        parts.append(FieldTest("metadata.ref_doc_id", "in", tuple(query.doc_ids)))
    return None if not parts else Filter(parts[0] if len(parts) == 1 else Junction("and", tuple(parts)))


def _junction(filters: theirs.MetadataFilters) -> Node:
    parts = tuple(_junction(f) if isinstance(f, theirs.MetadataFilters) else _test(f) for f in filters.filters)
    if filters.condition == theirs.FilterCondition.NOT:
        return Not(Junction("or", parts) if len(parts) > 1 else parts[0])
    word = "or" if filters.condition == theirs.FilterCondition.OR else "and"
    return parts[0] if len(parts) == 1 else Junction(word, parts)


def _test(test: theirs.MetadataFilter) -> Node:
    field, op, value = f"metadata.{test.key}", test.operator.value, test.value
    values = tuple(value) if isinstance(value, list) else (value,)
    if op in {"==", "<", "<=", ">", ">="}:
        return FieldTest(field, op, values)
    made = {
        "!=": lambda: Not(FieldTest(field, "==", values)),
        "in": lambda: FieldTest(field, "in", values),
        "any": lambda: FieldTest(field, "in", values),
        "nin": lambda: Not(FieldTest(field, "in", values)),
        "contains": lambda: FieldTest(field, "==", values),
        "all": lambda: Junction("and", tuple(FieldTest(field, "==", (each,)) for each in values)),
        "is_empty": lambda: Not(FieldTest(field, "exists")),
    }
    if op not in made:
        raise InvalidInput(f"the filter operator {op!r} is not supported; there are {', '.join(made)} and comparisons")
    return made[op]()
