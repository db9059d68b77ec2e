"""The bot with a language model behind it: faults, schemas, caches, spans, secrets."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from chat_server import ChatServer
from pydantic import BaseModel
from timing import tried, within

from rag import (
    Answer,
    Bot,
    Document,
    HashingEmbedder,
    InvalidInput,
    KnowledgeBase,
    Message,
    Retriever,
    Sampling,
    language_model,
)
from rag.errors import DeadlinePassed, InvalidFilter, LLMUnavailable, LLMUnsupported
from rag.extractive.generator import ExtractiveGenerator
from rag.llm.cache import CompletionCache
from rag.llm.language_model import Completion, Usage
from rag.llm.prices import Price
from rag.retrieval.retriever import Retrieval
from rag.testing import ScriptedGenerator

TEA = "Green tea is steeped at 80 degrees for two minutes. Black tea takes boiling water."
QUESTION = "How hot is green tea?"
TRUE = "Green tea is steeped at 80 degrees [1]."
CANARY = "sk-canary-3c1d5e7f"


@pytest.fixture
def kb(tmp_path: Path) -> Iterator[KnowledgeBase]:
    with KnowledgeBase.create(tmp_path / "kb", embedder=HashingEmbedder()) as base:
        base.add([Document.from_text(TEA, id="tea")])
        yield base


class Degrees(BaseModel):
    degrees: int
    drink: str


@pytest.mark.parametrize("given", [lambda _: TRUE, lambda _: iter(["Green ", TRUE[6:]])])
def test_any_function_is_a_generator(kb: KnowledgeBase, given: object) -> None:
    answer = Bot(Retriever(kb), given).ask(QUESTION)
    assert answer.text == "Green tea is steeped at 80 degrees. [1]"
    assert answer.generator.startswith("callable:")


def test_instructions_reach_the_model_after_the_rules_and_change_the_digest(kb: KnowledgeBase) -> None:
    seen: list[str] = []

    def pirate(messages: list[Message]) -> str:
        seen.append(messages[0].content)
        return f"{TRUE} Arr, it also cures the plague [1]."

    plain, own = (
        Bot(kb, ScriptedGenerator(pirate), rewrite="none", **given)
        for given in ({}, {"instructions": "Talk like a pirate."})
    )
    plain.ask(QUESTION)
    answer = own.ask(QUESTION)
    assert seen[1].startswith(seen[0])
    assert seen[1].endswith("Talk like a pirate.")
    assert [each.verdict for each in answer.sentences] == ["supported", "unsupported"]
    assert own.config.digest != plain.config.digest
    with pytest.raises(InvalidInput, match="extractive generator does not take instructions"):
        Bot(kb, instructions="Talk like a pirate.")
    with pytest.raises(InvalidInput, match="instructions="):
        plain.ask(QUESTION, history=[Message("system", "Talk like a pirate.")])


@pytest.mark.parametrize("given", [3, "nosuch:model", "openai:"])
def test_what_is_no_generator_is_refused(kb: KnowledgeBase, given: object) -> None:
    with pytest.raises(InvalidInput):
        Bot(Retriever(kb), given)
    with pytest.raises(InvalidInput, match="sampling"):
        Bot(Retriever(kb), sampling=Sampling())


def test_a_failing_model_leaves_quotes_the_reason_and_the_attempts(kb: KnowledgeBase) -> None:
    error = LLMUnavailable("nobody answers")
    error.attempts = 3
    answer = Bot(Retriever(kb), ScriptedGenerator([error])).ask(QUESTION)
    assert (answer.degraded, answer.usage.calls, answer.generator) == (True, 3, "extractive")
    assert "nobody answers" in answer.reason
    assert answer.citations


def test_what_the_user_asks_wrongly_is_said_and_not_papered_over(kb: KnowledgeBase) -> None:
    with pytest.raises(LLMUnsupported, match="top_k"):
        Bot(Retriever(kb), lambda _: TRUE, sampling=Sampling(top_k=3)).ask(QUESTION)


@tried
def test_a_model_that_hangs_costs_its_deadline(kb: KnowledgeBase) -> None:
    bot = Bot(Retriever(kb), lambda _: time.sleep(60) or "", deadline=0.5)
    answer = within(1.5, lambda: bot.ask(QUESTION))
    assert answer.degraded
    assert "deadline" in answer.reason


class SleepingGenerator:
    def generate(self, question: str, passages: object) -> Answer:
        return time.sleep(60)


class SleepingModel:
    """It does not heed the deadline that it is given."""

    name = "own"

    def complete(self, messages: object, *, sampling: object = None, deadline: float | None = None) -> Completion:
        return time.sleep(60)


@pytest.mark.parametrize("given", [SleepingGenerator(), SleepingModel()])
@tried
def test_a_generator_or_model_of_ones_own_that_hangs_costs_the_deadline(kb: KnowledgeBase, given: object) -> None:
    answer = within(1.5, lambda: Bot(Retriever(kb), given, deadline=0.5).ask(QUESTION))
    assert answer.degraded
    assert "deadline" in answer.reason
    assert answer.citations


class Stalling(Retriever):
    """A retriever that never comes back."""

    def search(self, *_: object, **__: object) -> Retrieval:
        return time.sleep(60)


@pytest.mark.parametrize(
    "ask",
    [
        lambda bot: bot.ask(QUESTION, deadline=0.5),
        lambda bot: list(bot.ask_stream(QUESTION, deadline=0.5)),
        lambda bot: bot.ask(QUESTION, schema=Degrees, deadline=0.5),
    ],
    ids=["ask", "stream", "schema"],
)
def test_a_retriever_that_hangs_costs_the_deadline(kb: KnowledgeBase, ask: Callable[[Bot], object]) -> None:
    def hang() -> None:
        with pytest.raises(DeadlinePassed, match="the deadline of"):
            ask(Bot(Stalling(kb), lambda _: TRUE))

    within(1.5, hang)


@tried
def test_quotes_too_are_bounded_and_chosen_by_words_where_the_embedder_hangs(
    kb: KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot, real = Bot(Retriever(kb)), ExtractiveGenerator.generate

    def generate(self: ExtractiveGenerator, *given: object) -> object:
        return real(self, *given) if self is bot._answering.by_words else time.sleep(60)

    monkeypatch.setattr(ExtractiveGenerator, "generate", generate)
    answer = within(1.2, lambda: bot.ask(QUESTION, deadline=0.5))
    assert answer.degraded
    assert "chosen by their words" in answer.reason
    assert answer.citations


class Cut:
    """A model that is cut off."""

    name = "cut"

    def complete(self, messages: object, **_: object) -> Completion:
        return Completion((TRUE + " Black tea ta",), Usage(calls=1), incomplete=True, reason="the stream broke")


def test_an_answer_that_was_cut_off_is_incomplete(kb: KnowledgeBase) -> None:
    answer = Bot(Retriever(kb), Cut()).ask(QUESTION)
    assert (answer.incomplete, answer.degraded, answer.reason) == (True, False, "the stream broke")
    assert answer.text.startswith("Green tea is steeped at 80 degrees. [1]")


def test_a_schema_gives_an_object_and_says_what_supports_its_values(kb: KnowledgeBase) -> None:
    script = ['{"degrees": 80, "drink": "Green tea"}', '{"degrees": 81, "drink": "Green tea"}']
    bot = Bot(Retriever(kb), ScriptedGenerator(script))
    assert bot.ask(QUESTION, schema=Degrees) == Degrees(degrees=80, drink="Green tea")
    answer = bot.extract(QUESTION, Degrees)
    assert answer.data == Degrees(degrees=81, drink="Green tea")
    assert [(s.text, s.verdict) for s in answer.sentences] == [
        ("degrees: 81", "unsupported"),
        ("drink: Green tea", "supported"),
    ]
    with pytest.raises(InvalidInput, match="language model"):
        Bot(Retriever(kb)).ask(QUESTION, schema=Degrees)


def test_a_model_that_fails_at_a_schema_leaves_quotes_and_no_value(kb: KnowledgeBase) -> None:
    error = LLMUnavailable("nobody answers")
    error.attempts = 3
    bot = Bot(Retriever(kb), ScriptedGenerator([error, "80 degrees", error]))
    for reason, calls in (("nobody answers", 3), ("not JSON", 1)):
        answer = bot.extract(QUESTION, Degrees)
        assert (answer.degraded, answer.data, answer.usage.calls) == (True, None, calls)
        assert reason in answer.reason
        assert answer.citations[0].quote.startswith("Green tea is steeped at 80 degrees")
    with pytest.raises(LLMUnavailable, match="nobody answers"):
        bot.ask(QUESTION, schema=Degrees)


def test_a_cache_saves_the_call_until_something_changes(kb: KnowledgeBase, tmp_path: Path) -> None:
    model = ScriptedGenerator(lambda _: TRUE)
    path = tmp_path / "answers.db"
    prices = {"scripted": Price(1e6, 0)}
    bot = Bot(Retriever(kb), model, cache=CompletionCache(path), prices=prices)
    first, second = bot.ask(QUESTION), bot.ask(QUESTION)
    assert (len(model.calls), first.cached, second.cached) == (1, False, True)
    assert first.text == second.text
    assert first.usage.cost == first.usage.prompt_tokens
    assert (second.usage.calls, second.usage.cost) == (0, None)
    assert path.stat().st_mode & 0o777 == 0o600
    Bot(Retriever(kb), model, cache=CompletionCache(path), sampling=Sampling(seed=1)).ask(QUESTION)
    kb.add([Document.from_text("Green tea is steeped in the morning.", id="more")])
    bot.ask(QUESTION)
    assert len(model.calls) == 3


def test_async_and_streaming(kb: KnowledgeBase) -> None:
    async def use() -> tuple[Answer, list[object]]:
        bot = Bot(Retriever(kb), ScriptedGenerator([TRUE, TRUE]))
        return await bot.aask(QUESTION), [piece async for piece in bot.aask_stream(QUESTION)]

    answer, pieces = asyncio.run(use())
    assert pieces[:-1] == [answer.text] == [pieces[-1].text]


def test_spans_follow_the_conventions_and_carry_no_text(kb: KnowledgeBase) -> None:
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    kept, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    trace.set_tracer_provider(provider)
    answer = Bot(Retriever(kb, k=2), ScriptedGenerator([TRUE])).ask(QUESTION)
    spans = {span.attributes["gen_ai.operation.name"]: span for span in kept.get_finished_spans()}
    assert set(spans) == {"retrieval", "chat", "invoke_workflow"}
    assert spans["chat"].name == "chat scripted"
    assert spans["chat"].attributes["gen_ai.usage.input_tokens"] == answer.usage.prompt_tokens
    assert spans["retrieval"].name == "retrieval"
    assert spans["retrieval"].attributes["gen_ai.retrieval.top_k"] == 2
    assert {f"{span.context.trace_id:032x}" for span in spans.values()} == {answer.trace_id}
    assert spans["chat"].parent.span_id == spans["invoke_workflow"].context.span_id
    Bot(Retriever(kb), ScriptedGenerator([ValueError(CANARY)])).ask(QUESTION)
    said = " ".join(span.to_json() for span in kept.get_finished_spans())
    assert "ValueError" in said
    assert not [text for text in ("green", "80 degrees", CANARY) if text in said.lower()]


def test_how_long_a_search_took_is_a_metric(kb: KnowledgeBase, monkeypatch: pytest.MonkeyPatch) -> None:
    from opentelemetry import metrics
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    monkeypatch.setattr(metrics, "get_meter_provider", lambda: provider)
    Bot(kb).ask(QUESTION)
    with pytest.raises(InvalidFilter):
        Bot(kb).ask(QUESTION, where="type ==")
    found = reader.get_metrics_data().resource_metrics[0].scope_metrics[0].metrics[0]
    assert (found.name, found.unit) == ("gen_ai.retrieval.duration", "s")
    points = {point.attributes.get("error.type"): point for point in found.data.data_points}
    assert {name: point.count for name, point in points.items()} == {None: 1, "InvalidFilter": 1}
    assert points[None].attributes == {"gen_ai.operation.name": "retrieval", "gen_ai.data_source.id": kb.path.name}
    provider.shutdown()


def test_a_server_is_the_client_span_of_its_model_and_address(
    kb: KnowledgeBase, chat_server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    kept, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    Bot(Retriever(kb), language_model("openai:meta/tiny", base_url=chat_server.url)).ask(QUESTION)
    spans = {span.attributes["gen_ai.operation.name"]: span for span in kept.get_finished_spans()}
    chat = spans["chat"]
    assert (chat.name, chat.kind, spans["retrieval"].kind) == (
        "chat meta/tiny",
        trace.SpanKind.CLIENT,
        trace.SpanKind.INTERNAL,
    )
    said = {name: chat.attributes[name] for name in ("gen_ai.request.model", "server.address", "server.port")}
    port = int(chat_server.url.rpartition(":")[2].partition("/")[0])
    assert said == {"gen_ai.request.model": "meta/tiny", "server.address": "127.0.0.1", "server.port": port}
    assert chat.attributes["gen_ai.response.finish_reasons"] == ("stop",)


def test_a_key_in_a_foreign_error_reaches_no_answer_log_or_store(
    kb: KnowledgeBase, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    caplog.set_level(logging.DEBUG)
    kinds = (ConnectionError, ValueError, OSError, KeyError, TimeoutError)
    for i in range(100):
        error = kinds[i % len(kinds)](f"GET https://host/?key={CANARY} {i}")
        bot = Bot(Retriever(kb), ScriptedGenerator([error]))
        answer = bot.ask(QUESTION)
        assert answer.degraded
        assert CANARY not in repr(answer) + repr(bot) + repr(bot.generator)
    assert CANARY not in caplog.text
    assert not [path for path in kb.path.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()]
