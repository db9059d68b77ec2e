"""LangChain over a knowledge base, judged by LangChain's own standard tests."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("langchain_core")
pytest.importorskip("langchain_tests")

from langchain_core.documents import Document as TheirDocument
from langchain_core.embeddings import Embeddings
from langchain_core.retrievers import BaseRetriever
from langchain_core.vectorstores import VectorStore
from langchain_tests.integration_tests import (
    EmbeddingsIntegrationTests,
    RetrieversIntegrationTests,
    VectorStoreIntegrationTests,
)

from rag import Document, HashingEmbedder, KnowledgeBase, Retriever
from rag.integrations.langchain import (
    KnowledgeBaseEmbeddings,
    KnowledgeBaseRetriever,
    KnowledgeBaseStore,
    documents_of,
    embedder_of,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class TestStore(VectorStoreIntegrationTests):
    @pytest.fixture
    def vectorstore(self, tmp_path: Path) -> Iterator[VectorStore]:  # type: ignore[override]
        with KnowledgeBase.create(
            tmp_path / "kb", embedder=embedder_of(self.get_embeddings()), chunker="document"
        ) as kb:
            yield KnowledgeBaseStore(kb)


@pytest.fixture(scope="module")
def kb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KnowledgeBase]:
    with KnowledgeBase.create(tmp_path_factory.mktemp("lc") / "kb", embedder=HashingEmbedder(64)) as base:
        base.add(
            Document.from_text(f"Heron {n} waits for fish at the {place}.", id=f"h{n}", page=n + 1, place=place)
            for n, place in enumerate(["river", "lake", "sea", "pond", "marsh"])
        )
        yield base


class TestRetriever(RetrieversIntegrationTests):
    @pytest.fixture(autouse=True)
    def _opened(self, kb: KnowledgeBase) -> None:
        type(self)._retriever = Retriever(kb)  # type: ignore[attr-defined]

    @property
    def retriever_constructor(self) -> type[BaseRetriever]:
        return KnowledgeBaseRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {"retriever": self._retriever}  # type: ignore[attr-defined]

    @property
    def retriever_query_example(self) -> str:
        return "Which heron waits at the lake?"


class Ours(KnowledgeBaseEmbeddings):
    def __init__(self) -> None:
        super().__init__(HashingEmbedder(64))


class TestEmbeddings(EmbeddingsIntegrationTests):
    @property
    def embeddings_class(self) -> type[Embeddings]:
        return Ours


def test_a_passage_says_where_it_is_from_and_filters_join(kb: KnowledgeBase) -> None:
    retriever = KnowledgeBaseRetriever(retriever=Retriever(kb), where='place != "lake"', k=5)
    found = retriever.invoke("Which heron waits at the lake?", where="page > 2")
    assert {each.metadata["document"] for each in found} == {"h2", "h3", "h4"}
    first = found[0].metadata
    assert {"source", "page", "start", "end", "score", "place"} <= first.keys()


def test_metadata_of_any_shape_come_back_as_they_were(tmp_path: Path) -> None:
    shapes = {"id": 1, "source": "a/b", "title": "t", "tags": [{"x": 1}], "nested": {"a": {"b": [1, 2]}}, "document": 3}
    with KnowledgeBase.create(tmp_path / "kb", embedder=HashingEmbedder(64)) as kb:
        store = KnowledgeBaseStore(kb)
        (name,) = store.add_documents([TheirDocument(page_content="Otters swim.", metadata=shapes)])
        assert store.get_by_ids([name])[0].metadata == shapes
        assert store.similarity_search("otters", filter={"nested.a.b": [2], "source": "a/b"})[0].metadata == shapes
        assert not store.similarity_search("otters", filter={"source": name})
        store.add_texts(["Kelp grows."], [{"day": date(2026, 1, 2)}], ids=["k"])
        assert store.get_by_ids(["k"])[0].metadata == {"day": "2026-01-02"}


def test_a_name_that_begins_another_is_not_its_folder(tmp_path: Path) -> None:
    with KnowledgeBase.create(tmp_path / "kb", embedder=HashingEmbedder(64)) as kb:
        store = KnowledgeBaseStore(kb)
        store.add_texts(["Otters swim.", "Badgers dig."], ids=["a", "a/b"])
        store.delete(["a"])
        assert [each.id for each in store.get_by_ids(["a", "a/b"])] == ["a/b"]
        store.delete()
        assert store.similarity_search("otters") == []


def test_a_store_of_texts_needs_no_folder_and_ranks_by_marginal_relevance() -> None:
    texts = ["otters swim at night", "otters swim at dusk", "badgers dig setts"]
    store = KnowledgeBaseStore.from_texts(texts, Ours())
    folder = store.kb.path
    found = store.max_marginal_relevance_search("otters swim", 2, lambda_mult=0.1)
    assert [each.page_content for each in found] == [texts[0], texts[2]]
    vector = Ours().embed_query(texts[2])
    assert store.similarity_search_by_vector(vector, k=1)[0].page_content == texts[2]
    assert store.similarity_search_with_relevance_scores(texts[1], k=1)[0][1] == pytest.approx(1.0, abs=1e-5)
    chain = store.as_retriever(search_kwargs={"k": 1})
    assert chain.invoke("badgers")[0].page_content == texts[2]
    del chain, store
    gc.collect()
    assert not folder.exists()


def test_documents_of_langchain_come_in_with_their_sources(tmp_path: Path) -> None:
    given = [TheirDocument(page_content=f"part {n}", metadata={"source": "a.pdf", "page": n}) for n in range(3)]
    with KnowledgeBase.create(tmp_path / "kb", embedder=HashingEmbedder(64)) as kb:
        assert kb.add(documents_of(given)).added == 3
        assert kb.document_ids() == ["a.pdf", "a.pdf#2", "a.pdf#3"]
        assert kb.remove("a.pdf") == 3
