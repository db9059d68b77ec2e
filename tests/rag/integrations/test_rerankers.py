"""Rerankers of the real libraries in our pipeline."""

from __future__ import annotations

import pytest

from rag import Document, KnowledgeBase, Retriever
from rag.errors import InvalidInput
from rag.integrations.rerankers import ForeignReranker

TEXTS = ("Tea is hot and green and steeped for a while.", "Tea is hot.", "Tea is cold in summer, they say.")


def compressor():
    core = pytest.importorskip("langchain_core.documents")

    class Shortest(core.BaseDocumentCompressor):
        def compress_documents(self, documents, query, callbacks=None):
            assert query
            return sorted(documents, key=lambda each: len(each.page_content))[:2]

    return Shortest()


def postprocessor():
    types = pytest.importorskip("llama_index.core.postprocessor.types")

    class Shortest(types.BaseNodePostprocessor):
        def _postprocess_nodes(self, nodes, query_bundle=None):
            assert query_bundle.query_str
            return sorted(nodes, key=lambda each: len(each.node.get_content()))[:2]

    return Shortest()


def ranker():
    haystack = pytest.importorskip("haystack")

    @haystack.component
    class Shortest:
        @haystack.component.output_types(documents=list[haystack.Document])
        def run(self, query: str, documents: list[haystack.Document]):
            assert query
            return {"documents": sorted(documents, key=lambda each: len(each.content))[:2]}

    return Shortest()


@pytest.mark.parametrize("made", [compressor, postprocessor, ranker])
def test_its_order_holds_and_what_it_leaves_out_comes_last(tmp_path, made):
    reranker = made()
    with KnowledgeBase.create(tmp_path / "kb", embedder="hashing-64") as kb:
        kb.add([Document.from_text(text, id=str(n)) for n, text in enumerate(TEXTS)])
        found = Retriever(kb, k=3, rerank=ForeignReranker(reranker, name="short")).retrieve("Is tea hot?")
    assert [passage.document for passage in found] == ["1", "2", "0"]
    assert [passage.scores["short"] for passage in found] == [3, 2, 0]


def test_anything_else_is_refused():
    with pytest.raises(InvalidInput, match="a dict is not a reranker"):
        ForeignReranker({})
