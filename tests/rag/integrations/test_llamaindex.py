"""LlamaIndex over a knowledge base: its own index, query engine and filters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("llama_index.core")

from llama_index.core import StorageContext, VectorStoreIndex
from llama_index.core.llms import MockLLM
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.schema import Document as TheirDocument, NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores import FilterCondition, MetadataFilter, MetadataFilters
from llama_index.core.vector_stores.types import FilterOperator, VectorStoreQuery, VectorStoreQueryMode

from rag import Document, HashingEmbedder, InvalidInput, KnowledgeBase, Retriever
from rag.integrations.llamaindex import (
    KnowledgeBaseEmbedding,
    KnowledgeBaseRetriever,
    KnowledgeBaseStore,
    documents_of,
    embedder_of,
)


@pytest.fixture
def kb(tmp_path: Path) -> Iterator[KnowledgeBase]:
    with KnowledgeBase.create(tmp_path / "kb", embedder=HashingEmbedder(64), chunker="document") as base:
        yield base


def nodes() -> list[TextNode]:
    made = []
    for n, (text, facts) in enumerate(
        [
            ("Otters swim at night.", {"place": "river", "year": 2020, "tags": ["a", "b"]}),
            ("Badgers dig setts.", {"place": "wood", "year": 2022, "tags": ["b"]}),
            ("Kelp grows fast.", {"place": "sea", "year": 2024, "nested": {"x": [{"y": 1}]}}),
        ]
    ):
        node = TextNode(id_=f"n{n}", text=text, metadata=facts)
        node.relationships[NodeRelationship.SOURCE] = RelatedNodeInfo(node_id=f"doc{n // 2}")
        made.append(node)
    return made


def test_a_query_engine_answers_over_an_index_in_a_knowledge_base(kb: KnowledgeBase) -> None:
    store = KnowledgeBaseStore(kb)
    index = VectorStoreIndex.from_documents(
        [TheirDocument(text="Otters swim at night.", doc_id="o"), TheirDocument(text="Badgers dig setts.", doc_id="b")],
        storage_context=StorageContext.from_defaults(vector_store=store),
        embed_model=KnowledgeBaseEmbedding.of(kb),
    )
    response = index.as_query_engine(llm=MockLLM(), similarity_top_k=1).query("When do otters swim?")
    assert "Otters swim at night." in str(response)  # the mock repeats its prompt, which holds what was found
    assert [node.node.get_content() for node in response.source_nodes] == ["Otters swim at night."]
    index.delete_ref_doc("o")
    assert [node.node.get_content() for node in index.as_retriever(similarity_top_k=5).retrieve("otters")] == [
        "Badgers dig setts."
    ]


def test_the_whole_pipeline_retrieves_for_an_engine(kb: KnowledgeBase) -> None:
    kb.add([Document.from_text("Otters swim at night.", id="o", page=3), Document.from_text("Badgers dig.", id="b")])
    retriever = KnowledgeBaseRetriever(Retriever(kb), k=1)
    engine = RetrieverQueryEngine.from_args(retriever, llm=MockLLM())
    found = engine.query("When do otters swim?").source_nodes
    assert [(n.node.metadata["document"], n.node.metadata["page"]) for n in found] == [("o", 3)]
    assert found[0].score is not None


def test_nodes_come_back_as_they_went_in(kb: KnowledgeBase) -> None:
    store = KnowledgeBaseStore(kb)
    assert store.add(nodes()) == ["n0", "n1", "n2"]
    back = store.get_nodes(["n2", "n0", "n9"])
    assert [(n.node_id, n.get_content(), n.metadata, n.ref_doc_id) for n in back] == [
        (n.node_id, n.get_content(), n.metadata, n.ref_doc_id) for n in (nodes()[2], nodes()[0])
    ]
    result = store.query(VectorStoreQuery(query_str="kelp", similarity_top_k=1))
    assert result.nodes is not None
    assert result.nodes[0].metadata == nodes()[2].metadata
    assert result.ids == ["n2"]


@pytest.mark.parametrize(
    ("tests", "condition", "want"),
    [
        ([("place", "==", "river")], "and", {"n0"}),
        ([("year", ">", 2020)], "and", {"n1", "n2"}),
        ([("year", ">=", 2022), ("place", "!=", "sea")], "and", {"n1"}),
        ([("year", "<", 2021), ("place", "==", "sea")], "or", {"n0", "n2"}),
        ([("place", "in", ["sea", "wood"])], "and", {"n1", "n2"}),
        ([("place", "nin", ["sea", "wood"])], "and", {"n0"}),
        ([("tags", "contains", "a")], "and", {"n0"}),
        ([("tags", "any", ["a", "b"])], "and", {"n0", "n1"}),
        ([("tags", "all", ["a", "b"])], "and", {"n0"}),
        ([("tags", "is_empty", None)], "and", {"n2"}),
        ([("place", "==", "river"), ("place", "==", "sea")], "not", {"n1"}),
    ],
)
def test_filters(kb: KnowledgeBase, tests: list[tuple[str, str, object]], condition: str, want: set[str]) -> None:
    store = KnowledgeBaseStore(kb)
    store.add(nodes())
    filters = MetadataFilters(
        filters=[MetadataFilter(key=k, operator=FilterOperator(op), value=v) for k, op, v in tests],  # type: ignore[arg-type]
        condition=FilterCondition(condition),
    )
    found = store.query(VectorStoreQuery(query_str="otters badgers kelp", similarity_top_k=9, filters=filters))
    assert set(found.ids or ()) == want
    assert {node.node_id for node in store.get_nodes(filters=filters)} == want
    store.delete_nodes(filters=filters)
    assert set(kb.document_ids()) == {"n0", "n1", "n2"} - want


def test_modes_and_vectors(kb: KnowledgeBase) -> None:
    store = KnowledgeBaseStore(kb)
    store.add(nodes())
    for mode in ("default", "hybrid", "sparse", "text_search", "mmr", "semantic_hybrid"):
        asked = VectorStoreQuery(
            query_str="badgers dig", similarity_top_k=1, mode=VectorStoreQueryMode(mode), alpha=0.5
        )
        assert store.query(asked).ids == ["n1"], mode
    vector = KnowledgeBaseEmbedding.of(kb).get_query_embedding("Kelp grows fast.")
    assert store.query(VectorStoreQuery(query_embedding=vector, similarity_top_k=1)).ids == ["n2"]
    limited = VectorStoreQuery(query_str="kelp", similarity_top_k=5, node_ids=["n0", "n1"], doc_ids=["doc0"])
    assert set(store.query(limited).ids or ()) == {"n0", "n1"}
    for wrong, said in [
        (VectorStoreQuery(query_str="x", mode=VectorStoreQueryMode.SVM), "mode 'svm'"),
        (VectorStoreQuery(), "neither text nor a vector"),
        (
            VectorStoreQuery(
                query_str="x",
                filters=MetadataFilters(
                    filters=[MetadataFilter(key="a", value="b", operator=FilterOperator.TEXT_MATCH)]
                ),
            ),
            "'text_match' is not supported",
        ),
    ]:
        with pytest.raises(InvalidInput, match=re.escape(said)):
            store.query(wrong)
    store.delete("doc0")
    assert kb.document_ids() == ["n2"]
    store.clear()
    assert kb.document_ids() == []


def test_their_embeddings_and_documents_in_ours(tmp_path: Path, kb: KnowledgeBase) -> None:
    ours = embedder_of(KnowledgeBaseEmbedding.of(kb))
    assert ours.dim == 64
    with KnowledgeBase.create(tmp_path / "theirs", embedder=ours) as base:
        base.add(documents_of([TheirDocument(text="Otters swim.", doc_id="o", metadata={"a": 1})]))
        assert Retriever(base, where="a == 1").retrieve("otters")[0].document == "o"
