"""What an answer cost: the models that rewrite and rerank count beside the one that writes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rag import Bot, Document, HashingEmbedder, KnowledgeBase, Retriever
from rag.errors import LLMBadResponse
from rag.llm.cache import CompletionCache
from rag.llm.prices import Price
from rag.testing import ScriptedGenerator

TEXTS = {
    "tea": "Green tea is steeped at 80 degrees.",
    "black": "Black tea takes boiling water.",
    "mill": "A mill turns.",
}
QUESTION = "How hot is green tea?"


@pytest.fixture
def kb(tmp_path: Path) -> Iterator[KnowledgeBase]:
    with KnowledgeBase.create(tmp_path / "kb", embedder=HashingEmbedder()) as base:
        base.add(Document.from_text(text, id=name) for name, text in TEXTS.items())
        yield base


def retriever(kb: KnowledgeBase, model: ScriptedGenerator, cache: CompletionCache | None = None) -> Retriever:
    return Retriever(kb, k=2, rewrite="multi-query", rerank="listwise", model=model, completions=cache)


def test_usage_counts_rewriting_reranking_and_writing_each_by_its_price(kb: KnowledgeBase) -> None:
    helper = ScriptedGenerator(['["temperature of tea"]', "[2] > [1] > [3]"], name="helper")
    writer = ScriptedGenerator(["Green tea is steeped at 80 degrees [1]."], name="writer")
    prices = {"helper": Price(1e6, 0.0), "writer": Price(0.0, 1e6)}
    answer = Bot(retriever(kb, helper), writer, prices=prices).ask(QUESTION)
    asked = sum(helper.count_tokens(m.content) for call in helper.calls for m in call)
    read = sum(helper.count_tokens(m.content) for call in writer.calls for m in call)
    written = len(["Green", "tea", "is", "steeped", "at", "80", "degrees", "[1]."])
    assert (answer.usage.calls, answer.usage.prompt_tokens) == (3, asked + read)
    assert answer.usage.completion_tokens == 3 + 5 + written
    assert answer.usage.cost == pytest.approx(asked + written)


def test_a_model_that_only_rewrites_is_counted_and_so_is_an_answer_of_no_use(kb: KnowledgeBase) -> None:
    found = retriever(kb, ScriptedGenerator(["no list", "[2] > [1]"])).search(QUESTION)
    assert [usage.calls for _, usage in found.spent] == [1, 1]
    assert "LLMBadResponse" in found.notes[0]
    quoted = Bot(retriever(kb, ScriptedGenerator(['["x y"]', "[1]"]))).ask(QUESTION)
    assert (quoted.generator, quoted.usage.calls, quoted.usage.cost) == ("extractive", 2, None)
    assert Bot(Retriever(kb)).ask(QUESTION).usage.calls == 0


def test_what_is_kept_costs_nothing_twice_on_disk_and_a_bad_answer_is_not_kept(
    kb: KnowledgeBase, tmp_path: Path
) -> None:
    file = tmp_path / "answers.sqlite"
    first = retriever(kb, ScriptedGenerator(['["tea heat"]', "none of them"]), CompletionCache(file)).search(QUESTION)
    assert any(LLMBadResponse.__name__ in note for note in first.notes)
    second = retriever(kb, ScriptedGenerator(["[3] > [1] > [2]"]), CompletionCache(file)).search(QUESTION)
    third = retriever(kb, ScriptedGenerator([]), CompletionCache(file)).search(QUESTION)
    assert [len(found.spent) for found in (first, second, third)] == [2, 1, 0]
    assert [p.chunk for p in third.passages] == [p.chunk for p in second.passages]
    assert third.notes == ()


def test_a_cache_that_is_damaged_is_done_without(kb: KnowledgeBase, tmp_path: Path) -> None:
    file = tmp_path / "answers.sqlite"
    cache = CompletionCache(file)
    file.write_bytes(b"no database at all, but long enough to be looked at" * 100)
    found = retriever(kb, ScriptedGenerator(['["tea heat"]', "[2] > [1] > [3]"]), cache).search(QUESTION)
    assert found.notes == ()
    assert len(found.spent) == 2


def test_what_a_model_thinks_is_no_rewriting(kb: KnowledgeBase) -> None:
    model = ScriptedGenerator(['<think>["not this"] or [3]?</think>["tea heat"]', "<think>[3]</think>[2] > [1]"])
    found = retriever(kb, model).explain(QUESTION)
    assert [query.text for query in found.queries] == [QUESTION, "tea heat"]
