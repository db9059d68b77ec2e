"""Retrievers of other libraries judged by our evaluation, beside our own."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pipelines.cli import run
from pipelines.cli.exit_codes import BAD_USAGE
from rag import Document, HashingEmbedder, InvalidInput, KnowledgeBase, Retriever
from rag.evaluation import Question, QuestionSet, evaluate
from rag.integrations.foreign import ForeignRetriever, adapted

TEXTS = {"otters.md": "Otters swim at night.", "badgers.md": "Badgers dig setts.", "kelp.md": "Kelp grows fast."}
ASKED = QuestionSet(
    (
        Question("1", "When do otters swim?", documents={"otters.md": 1}),
        Question("2", "What do badgers dig?", documents={"badgers.md": 1}),
    )
)


def langchain_store() -> Any:
    core = pytest.importorskip("langchain_core")
    from langchain_core.documents import Document as TheirDocument
    from langchain_core.vectorstores import InMemoryVectorStore

    from rag.integrations.langchain import KnowledgeBaseEmbeddings

    assert core
    store = InMemoryVectorStore(KnowledgeBaseEmbeddings(HashingEmbedder(64)))
    store.add_documents([TheirDocument(page_content=text, metadata={"source": name}) for name, text in TEXTS.items()])
    return store


def llama_index() -> Any:
    pytest.importorskip("llama_index.core")
    from llama_index.core import VectorStoreIndex
    from llama_index.core.schema import Document as TheirDocument

    from rag.integrations.llamaindex import KnowledgeBaseEmbedding

    model = KnowledgeBaseEmbedding(model_name="hashing")
    model._embedder = HashingEmbedder(64)
    made = [TheirDocument(text=text, metadata={"file_name": name}) for name, text in TEXTS.items()]
    return VectorStoreIndex.from_documents(made, embed_model=model)


def haystack_retriever() -> Any:
    pytest.importorskip("haystack")
    from haystack import Document as TheirDocument
    from haystack.components.retrievers.in_memory import InMemoryBM25Retriever
    from haystack.document_stores.in_memory import InMemoryDocumentStore

    store = InMemoryDocumentStore()
    store.write_documents([TheirDocument(id=name, content=text) for name, text in TEXTS.items()])
    return InMemoryBM25Retriever(store)


@pytest.mark.parametrize(
    "make",
    [
        langchain_store,
        lambda: langchain_store().as_retriever(search_kwargs={"k": 1}),
        llama_index,
        lambda: llama_index().as_retriever(similarity_top_k=1),
        haystack_retriever,
    ],
    ids=["langchain store", "langchain retriever", "llamaindex index", "llamaindex retriever", "haystack component"],
)
def test_their_own_retrievers_are_judged(make: Any) -> None:
    system = adapted(make())
    result = evaluate(system, ASKED, metrics=["R@1", "nDCG@10"], k=3)  # type: ignore[arg-type]
    assert not result.failures
    assert result.metrics["R@1"].value == 1.0
    if make is not haystack_retriever:  # which returns what holds a word
        assert len(system.retrieve("otters", 3)) == 3  # type: ignore[attr-defined]  # not the one it was made with


def test_ours_over_langchain_finds_spans_as_ours_does(tmp_path: Path) -> None:
    pytest.importorskip("langchain_core")
    from rag.integrations.langchain import KnowledgeBaseRetriever

    with KnowledgeBase.create(tmp_path / "kb", embedder=HashingEmbedder(64)) as kb:
        kb.add(Document.from_text(text, id=name) for name, text in TEXTS.items())
        ours = Retriever(kb)
        both = [
            ours.retrieve("otters", 3),
            ForeignRetriever(KnowledgeBaseRetriever(retriever=ours)).retrieve("otters", 3),
        ]
    told = [[(p.rank, p.document, p.start, p.end, p.text) for p in found] for found in both]
    assert told[0] == told[1]


@dataclass
class Hit:
    text: str
    metadata: dict[str, Any] = field(default_factory=dict)


def test_functions_are_retrievers_and_the_field_is_named() -> None:
    hits = [Hit("Otters swim.", {"path": "otters.md", "start": 4}), Hit("Kelp.", {"path": "kelp.md"})]

    def search(question: str, k: int) -> list[tuple[Hit, float]]:
        return [(hit, 0.25) for hit in hits]

    found = ForeignRetriever(search, document="path").retrieve("otters", 1)
    assert [(p.document, p.start, p.end, p.rank) for p in found] == [("otters.md", 4, 16, 1)]
    with pytest.raises(InvalidInput, match="its metadata hold path, start; name the field"):
        ForeignRetriever(search).retrieve("otters", 1)
    with pytest.raises(InvalidInput, match="holds no text"):
        ForeignRetriever(lambda question, k: [3]).retrieve("otters", 1)
    with pytest.raises(InvalidInput, match="a int is not a retriever"):
        adapted(3)


MODULE = """
from rag.documents.document import Passage
def search(question, k):
    names = [n for n in {names} if n.split(".")[0] in question] + list({names})
    return [Passage(r, 1.0 / r, r, n, n, 0, 1, "x") for r, n in enumerate(dict.fromkeys(names), 1)][:k]
class Found:
    def retrieve(self, question, k):
        return search(question, k)
made = Found()
broken = 3
"""


@pytest.fixture
def questions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "their_retriever.py").write_text(MODULE.replace("{names}", repr(tuple(TEXTS))))
    monkeypatch.syspath_prepend(str(tmp_path / "code"))
    rows = [{"id": q.id, "text": q.text, "documents": dict(q.documents)} for q in ASKED]
    (tmp_path / "q.jsonl").write_text("\n".join(map(json.dumps, rows)))
    yield str(tmp_path / "q.jsonl")
    sys.modules.pop("their_retriever", None)


def test_the_command_judges_a_retriever_of_ones_own_and_compares_it_with_ours(
    tmp_path: Path, questions: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with KnowledgeBase.create(tmp_path / "kb", embedder=HashingEmbedder(64)) as kb:
        kb.add(Document.from_text(text, id=name) for name, text in TEXTS.items())
    saved = str(tmp_path / "ours.json")
    assert run(["evaluate", str(tmp_path / "kb"), questions, "--metrics", "R@1,RR", "--save", saved]) == 0
    capsys.readouterr()
    for name in ("their_retriever:made", "their_retriever:Found"):
        assert run(["evaluate", name, questions, "--metrics", "R@1,RR", "--baseline", saved, "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["metrics"]["R@1"]["value"] == 1.0
        assert {each["metric"] for each in told["comparisons"]} >= {"R@1", "RR"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["their_retriever:nothing"], "has no 'nothing'"),
        (["nowhere_at_all:x"], "no module of that name can be imported"),
        (["their_retriever:broken"], "a int is not a retriever"),
        (["their_retriever:made", "--rerank", "mmr"], "has no pipeline of ours"),
        (["their_retriever:made", "--judge", "extractive"], "needs an answer"),
    ],
)
def test_what_cannot_be_judged_is_refused(
    arguments: list[str], said: str, questions: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["evaluate", arguments[0], questions, *arguments[1:]]) == BAD_USAGE
    assert said in capsys.readouterr().err
