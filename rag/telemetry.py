"""OpenTelemetry spans by its conventions for generative AI; they do nothing where no trace is recorded.

https://github.com/open-telemetry/semantic-conventions-genai (state of development, 0.1). Spans carry names, counts and
options; no question, document or answer, and no key.
"""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property, lru_cache
from typing import Any, Protocol

from .answers import Answer
from .llm.sampling import Sampling

Attribute = str | int | float | bool | list[str]


class Span:
    """One operation of a trace; does nothing where no trace is recorded."""

    def __init__(self, span: Any = None) -> None:  # noqa: ANN401 - an OpenTelemetry span
        self._span = span

    @contextmanager
    def child(self, name: str, *, remote: bool = False, **attributes: Attribute | None) -> Iterator[Span]:
        """Open a span inside this one; see `span`."""
        with span(name, parent=self, remote=remote, **attributes) as inner:
            yield inner

    def set(self, **attributes: Attribute | None) -> None:
        """Set attributes; ``__`` in a name stands for a dot, None is left out."""
        if self._span is not None:
            for name, value in attributes.items():
                if value is not None:
                    self._span.set_attribute(name.replace("__", "."), value)

    def failed(self, error: BaseException) -> None:
        """Mark the operation as failed, by the error's type alone: its text may quote what is confidential."""
        if self._span is not None:
            from opentelemetry.trace import Status, StatusCode

            self._span.set_attribute("error.type", type(error).__qualname__)
            self._span.set_status(Status(StatusCode.ERROR, type(error).__qualname__))

    @cached_property
    def trace_id(self) -> str:
        """The trace's id, 32 hexadecimal digits; a random one where no trace is recorded."""
        context = self._span.get_span_context() if self._span is not None else None
        return f"{context.trace_id:032x}" if context is not None and context.is_valid else secrets.token_hex(16)


@contextmanager
def span(
    name: str, *, parent: Span | None = None, remote: bool = False, **attributes: Attribute | None
) -> Iterator[Span]:
    """Open a span around an operation; errors that pass through mark it as failed.

    Its kind is CLIENT where another process does the work (``remote``), else INTERNAL. It never becomes the thread's
    current span, since a stream may be read in any thread.
    """
    # A program that records traces has imported OpenTelemetry; for all others it is not worth its import.
    trace: Any = sys.modules.get("opentelemetry.trace")
    if trace is None:
        yield Span()
        return
    above = parent._span if parent is not None else None
    context = trace.set_span_in_context(above) if above is not None else None
    kind = trace.SpanKind.CLIENT if remote else trace.SpanKind.INTERNAL
    own = Span(trace.get_tracer("rag-workbench").start_span(name, context=context, kind=kind))
    own.set(**attributes)
    try:
        yield own
    except GeneratorExit:
        raise  # the reader stopped: no failure
    except BaseException as error:
        own.failed(error)
        raise
    finally:
        own._span.end()


ROOT: dict[str, Any] = {
    "name": "invoke_workflow rag-workbench",
    "gen_ai__operation__name": "invoke_workflow",
    "gen_ai__agent__name": "rag-workbench",
}


@contextmanager
def searching(kb: str, k: int | None, *, parent: Span | None = None) -> Iterator[Span]:
    """Open the span of a search, and record how long it took as the metric ``gen_ai.retrieval.duration``."""
    start, failed = time.perf_counter(), ""
    try:
        with span(parent=parent, **retrieval(kb, k)) as own:
            yield own
    except BaseException as error:
        failed = type(error).__qualname__
        raise
    finally:
        _record(time.perf_counter() - start, kb, failed)


def _record(seconds: float, kb: str, failed: str) -> None:
    metrics: Any = sys.modules.get("opentelemetry.metrics")
    if metrics is not None:
        told = {"gen_ai.operation.name": "retrieval", "gen_ai.data_source.id": kb}
        _durations(metrics.get_meter_provider()).record(seconds, told | ({"error.type": failed} if failed else {}))


@lru_cache(maxsize=4)
def _durations(provider: Any) -> Any:  # noqa: ANN401 - of OpenTelemetry
    return provider.get_meter("rag-workbench").create_histogram(
        "gen_ai.retrieval.duration",
        unit="s",
        description="Duration of searches.",
        explicit_bucket_boundaries_advisory=[0.01 * 2**n for n in range(14)],
    )


def retrieval(kb: str, k: int | None) -> dict[str, Any]:
    """Return the attributes of a search's span."""
    return {
        "name": "retrieval",
        "gen_ai__operation__name": "retrieval",
        "gen_ai__data_source__id": kb,
        "gen_ai__retrieval__top_k": k,
    }


class _Chat(Protocol):
    @property
    def name(self) -> str: ...

    sampling: Sampling


def chat(generator: _Chat) -> dict[str, Any]:
    """Return the attributes of a language model's span."""
    provider, _, model = generator.name.partition(":")
    remote = provider == "openai"
    model, _, server = model.rpartition("@") if remote and "@" in model else (model, "", "")
    host, _, port = server.rpartition(":") if server.rpartition(":")[2].isdecimal() else (server, "", "")
    sampling = generator.sampling
    return {
        "name": f"chat {model or provider}",
        "remote": remote,
        "server__address": host or None,
        "server__port": int(port) if port else None,
        "gen_ai__operation__name": "chat",
        "gen_ai__provider__name": provider,
        "gen_ai__request__model": model or provider,
        "gen_ai__request__max_tokens": sampling.max_tokens,
        "gen_ai__request__temperature": sampling.temperature,
        "gen_ai__request__top_k": sampling.top_k,
        "gen_ai__request__top_p": sampling.top_p,
        "gen_ai__request__seed": sampling.seed,
        "gen_ai__request__stop_sequences": list(sampling.stop) or None,
        "gen_ai__request__choice__count": sampling.n if sampling.n > 1 else None,
    }


def used(span: Span, answer: Answer) -> None:
    """Record the tokens that a model used."""
    span.set(
        gen_ai__usage__input_tokens=answer.usage.prompt_tokens,
        gen_ai__usage__output_tokens=answer.usage.completion_tokens,
        gen_ai__response__finish_reasons=[_finish(answer)],
    )


def _finish(answer: Answer) -> str:
    if not answer.incomplete:
        return "stop"
    return "length" if "max_tokens" in answer.reason else "content_filter" if "filter" in answer.reason else "error"
