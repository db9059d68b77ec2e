"""What people who know other libraries try first: refused by a typed error that says what to write instead."""

from __future__ import annotations

import copy
import datetime as dt
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rag import (
    Bot,
    Document,
    HashingEmbedder,
    InvalidInput,
    KnowledgeBase,
    Retriever,
)
from rag.documents.document import Chunk
from rag.errors import InvalidFilter


@pytest.fixture
def kb(tmp_path: Path) -> Iterator[KnowledgeBase]:
    with KnowledgeBase.create(tmp_path / "kb", embedder=HashingEmbedder(), chunker="document") as made:
        made.add([Document.from_text("Otters hold hands.", id="otters", animal="otter")])
        yield made


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("a text", "documents is a str"),
        (Document.from_text("a", id="a"), "documents is a Document"),
        ({"a": "text"}, "documents is a dict"),
        (None, "documents is a NoneType"),
        (["a text"], r"documents\[0\] is a str"),
        ([Document.from_text("a", id="a"), {"text": "b"}], r"documents\[1\] is a dict"),
    ],
)
def test_what_is_no_document_is_refused_and_never_passed_over(kb: KnowledgeBase, given: Any, said: str):
    with pytest.raises(InvalidInput, match=said + r".*Document\.from_text"):
        kb.add(given)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (Document("", "text"), "id"),
        (Document(5, "text"), "got 5"),  # type: ignore[arg-type]
        (Document("a", None), "'a': text is a text, got NoneType"),  # type: ignore[arg-type]
        (Document("a", "text", metadata={"score": float("nan")}), "'score' is nan"),
        (Document("a", "text", metadata={"at": dt.time(9)}), "'at' is a time"),  # type: ignore[dict-item]
        (Document("a", "text", metadata={"big": 1 << 70}), "'big' is 118"),
        (Document("a", "text", metadata={3: "x"}), "key 3"),  # type: ignore[dict-item]
    ],
)
def test_a_document_that_cannot_be_stored_is_named(kb: KnowledgeBase, document: Document, said: str):
    with pytest.raises(InvalidInput, match=said):
        kb.add([document])
    assert kb.document_ids() == ["otters"]


def test_parts_in_the_wrong_place_say_what_to_write(kb: KnowledgeBase, tmp_path: Path):
    with pytest.raises(InvalidInput, match=r"not a PosixPath: Retriever\(KnowledgeBase\.open\(folder\)\)"):
        Bot(tmp_path / "kb")  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match=r"give k to the retriever, or a knowledge base to the bot"):
        Bot(Retriever(kb), k=3)
    with pytest.raises(InvalidInput, match=r"unknown setting .reranker.*did you mean .rerank"):
        Retriever(kb, reranker="mmr")
    with pytest.raises(InvalidInput, match=r"not a str: Retriever\(KnowledgeBase\.open\(folder\)\)"):
        Retriever("kb")  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="give a list of specs"):
        KnowledgeBase.create(tmp_path / "other", indexes="hnsw")
    with pytest.raises(InvalidInput, match="a question is a string, not NoneType"):
        Bot(Retriever(kb)).ask(None)  # type: ignore[call-overload]
    with pytest.raises(InvalidFilter, match=r"a filter is a text such as .*, got dict"):
        Retriever(kb).retrieve("hands", where={"animal": "otter", "legs": 4})  # type: ignore[arg-type]


@pytest.mark.parametrize("take", [pickle.dumps, copy.copy, copy.deepcopy])
def test_what_holds_files_and_locks_is_not_copied(kb: KnowledgeBase, take: Any):
    for thing, said in ((kb, r"KnowledgeBase\.open\('"), (kb.index("dense"), r"indexes\.load")):
        with pytest.raises(TypeError, match=said):
            take(thing)


def test_an_answer_prints_as_its_text(kb: KnowledgeBase):
    answer = Bot(Retriever(kb), threshold=0).ask("What do otters hold?")
    assert f"{answer}" == answer.text == "Otters hold hands. [1]"
    assert pickle.loads(pickle.dumps(answer)) == answer


class Whole:
    """A chunker of one's own."""

    name = "my-chunker"

    def chunk(self, document: Document) -> list[Chunk]:
        return [Chunk(0, len(document.text), document.text)]


def test_a_chunker_of_one_s_own_is_asked_for_again(tmp_path: Path):
    with KnowledgeBase.create(tmp_path / "kb", embedder=HashingEmbedder(), chunker=Whole()) as kb:
        kb.add([Document.from_text("one", id="1")])
    with KnowledgeBase.open(tmp_path / "kb", mode="w") as kb:
        with pytest.raises(InvalidInput, match="made with a chunker of one's own, 'my-chunker': open it with chunker="):
            kb.add([Document.from_text("two", id="2")])
        assert [p.document for p in Retriever(kb).retrieve("one", k=1)] == ["1"]
    with KnowledgeBase.open(tmp_path / "kb", mode="w", chunker=Whole()) as kb:
        assert kb.add([Document.from_text("two", id="2")]).added == 1
