"""Haystack over a knowledge base, judged by Haystack's own tests of document stores."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("haystack")

from haystack import Document as TheirDocument, Pipeline
from haystack.document_stores.errors import DuplicateDocumentError
from haystack.errors import FilterError
from haystack.testing.document_store import DeleteAllTest, DocumentStoreBaseTests, create_filterable_docs
from hypothesis import HealthCheck, given, settings, strategies as st

from rag import HashingEmbedder, KnowledgeBase, Retriever
from rag.filters import Filter
from rag.integrations import records
from rag.integrations.dspy import KnowledgeBaseRM
from rag.integrations.haystack import KnowledgeBaseDocumentStore, KnowledgeBaseRetriever, _node, embedder_of


def opened(folder: Path) -> KnowledgeBaseDocumentStore:
    return KnowledgeBaseDocumentStore(str(folder / "kb"), embedder="hashing-64")


class TestDocumentStore(DocumentStoreBaseTests, DeleteAllTest):
    @pytest.fixture
    def document_store(self, tmp_path: Path) -> Iterator[KnowledgeBaseDocumentStore]:  # type: ignore[override]
        store = opened(tmp_path)
        yield store
        store.close()

    def assert_documents_are_equal(self, received: list[TheirDocument], expected: list[TheirDocument]) -> None:  # type: ignore[override]
        assert sorted(received, key=lambda each: each.id) == sorted(expected, key=lambda each: each.id)

    def test_write_documents(self, document_store: KnowledgeBaseDocumentStore) -> None:  # type: ignore[override]
        document = TheirDocument(content="test doc")
        assert document_store.write_documents([document]) == 1
        with pytest.raises(DuplicateDocumentError):
            document_store.write_documents([document])
        self.assert_documents_are_equal(document_store.filter_documents(), [document])


def test_a_pipeline_retrieves_and_survives_being_written_down(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.write_documents(
        [
            TheirDocument(id="o", content="Otters swim at night.", meta={"year": 2020, "page": 7}),
            TheirDocument(id="b", content="Badgers dig setts.", meta={"year": 2022}),
        ]
    )
    pipeline = Pipeline()
    pipeline.add_component("retriever", KnowledgeBaseRetriever(store, top_k=1, pipeline={"rewrite": "none"}))
    found = pipeline.run({"retriever": {"query": "When do otters swim?"}})["retriever"]["documents"]
    assert [(each.id, each.content, each.meta["source"], each.meta["page"]) for each in found] == [
        ("o", "Otters swim at night.", "o", 7)
    ]
    assert found[0].score is not None
    text = pipeline.dumps()
    store.close()
    again = Pipeline.loads(text, unsafe=True)
    asked = {"query": "otters", "filters": {"field": "meta.year", "operator": ">", "value": 2021}}
    found = again.run({"retriever": asked})["retriever"]["documents"]
    assert [each.id for each in found] == ["b"]
    found = again.run({"retriever": {"query": "otters", "filters": "year < 2021"}})["retriever"]["documents"]
    assert [each.id for each in found] == ["o"]
    again.get_component("retriever")._store.close()


NAMES = st.sampled_from(
    ["meta.name", "page", "meta.chapter", "meta.number", "meta.date", "meta.no_embedding", "meta.x"]
)
VALUES = st.sampled_from(["name_1", "100", "intro", 2, -2, -10, "1972-12-11T19:54:58", True, None])
NUMBERS = st.sampled_from([2, -2, -10, 0, 1.5, None])
TESTS = st.one_of(
    st.fixed_dictionaries({"field": NAMES, "operator": st.sampled_from(["==", "!="]), "value": VALUES}),
    st.fixed_dictionaries(
        {
            "field": NAMES,
            "operator": st.sampled_from(["in", "not in"]),
            "value": st.lists(VALUES, min_size=1, max_size=3),
        }
    ),
    st.fixed_dictionaries(
        {"field": st.just("meta.number"), "operator": st.sampled_from(["<", "<=", ">", ">="]), "value": NUMBERS}
    ),
    st.fixed_dictionaries(
        {
            "field": st.just("meta.date"),
            "operator": st.sampled_from(["<", "<=", ">", ">="]),
            "value": st.sampled_from(["1972-12-11T19:54:58", "1980-01-01T00:00:00"]),
        }
    ),
)


@pytest.fixture(scope="module")
def filterable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KnowledgeBaseDocumentStore]:
    store = opened(tmp_path_factory.mktemp("filters"))
    store.write_documents(create_filterable_docs())
    yield store
    store.close()


def combined(tests: list[dict[str, Any]], words: list[str]) -> dict[str, Any]:
    """Nest tests by words; Haystack's own reading takes a list of conditions."""
    filters = tests[0]
    for test, word in zip(tests[1:], words, strict=False):
        filters = {"operator": word, "conditions": [filters, test]}
    return filters


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    tests=st.lists(TESTS, min_size=1, max_size=2),
    words=st.lists(st.sampled_from(["AND", "OR", "NOT"]), min_size=2, max_size=2),
)
def test_a_search_is_filtered_as_haystack_filters(
    filterable: KnowledgeBaseDocumentStore, tests: list[dict[str, Any]], words: list[str]
) -> None:
    filters = combined(tests, words)
    theirs = {each.id for each in filterable.filter_documents(filters)}
    assert set(records.ids_where(filterable.kb, Filter(_node(filters)))) == theirs


@pytest.mark.parametrize(
    "filters",
    [
        {"operator": "AND"},
        {"operator": "XOR", "conditions": [{"field": "a", "operator": "==", "value": 1}]},
        {"operator": "AND", "conditions": []},
        {"field": "a", "operator": "=="},
        {"field": "a", "operator": "~", "value": 1},
        {"field": "a", "operator": ">", "value": "b"},
        {"field": "a", "operator": ">", "value": [1]},
        {"field": "a", "operator": "in", "value": "b"},
        {"field": "content", "operator": "==", "value": "b"},
    ],
)
def test_a_malformed_filter_of_a_search_is_refused(
    filterable: KnowledgeBaseDocumentStore, filters: dict[str, Any]
) -> None:
    with pytest.raises(FilterError):
        KnowledgeBaseRetriever(filterable).run("anything", filters=filters)


def test_dates_are_filtered_as_dates(filterable: KnowledgeBaseDocumentStore) -> None:
    filters = {"field": "meta.date", "operator": ">", "value": datetime(1975, 1, 1)}  # noqa: DTZ001 - as the documents
    found = KnowledgeBaseRetriever(filterable, top_k=30).run("document", filters=filters)["documents"]
    assert {each.meta["chapter"] for each in found} == {"conclusion"}


def test_their_embedders_in_ours(tmp_path: Path) -> None:
    ours = HashingEmbedder(32)

    class Text:
        def run(self, text: str) -> dict[str, Any]:
            return {"embedding": ours.embed_queries([text])[0].tolist()}

    class Documents:
        def run(self, documents: list[TheirDocument]) -> dict[str, Any]:
            vectors = ours.embed_passages([each.content or "" for each in documents])
            documents = [replace(d, embedding=v.tolist()) for d, v in zip(documents, vectors, strict=True)]
            return {"documents": documents}

    with KnowledgeBase.create(tmp_path / "kb", embedder=embedder_of(Text(), Documents(), name="both")) as kb:
        kb.add([records.document("Otters swim at night.", {"a": 1}, id="o")])
        assert Retriever(kb).retrieve("otters")[0].document == "o"


def test_dspy_calls_it_for_passages(tmp_path: Path) -> None:
    dspy = pytest.importorskip("dspy")
    with KnowledgeBase.create(tmp_path / "kb", embedder=HashingEmbedder(32)) as kb:
        kb.add([records.document(f"Otter {n} swims.", {"n": n}, id=f"o{n}") for n in range(4)])
        rm = KnowledgeBaseRM(Retriever(kb), k=2)
        with dspy.context(rm=rm):
            assert len(dspy.Retrieve(k=3)("Which otter swims?").passages) == 3
        assert [each.metadata["n"] for each in rm("otter", where="n == 1")] == [1]
