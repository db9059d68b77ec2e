"""What the spans of a question say, by OpenTelemetry's conventions for generative AI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import telemetry
from .answers import Answer

if TYPE_CHECKING:
    from .generation.chat import ChatGenerator

ROOT: dict[str, Any] = {
    "name": "invoke_workflow rag-workbench",
    "gen_ai__operation__name": "invoke_workflow",
    "gen_ai__agent__name": "rag-workbench",
}


def retrieval(kb: str, k: int) -> dict[str, Any]:
    """Return what the span of a search says."""
    return {
        "name": f"retrieval {kb}",
        "gen_ai__operation__name": "retrieval",
        "gen_ai__data_source__id": kb,
        "gen_ai__retrieval__top_k": k,
    }


def chat(generator: ChatGenerator) -> dict[str, Any]:
    """Return what the span of a language model says."""
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


def used(span: telemetry.Span, answer: Answer) -> None:
    """Say what a model used."""
    span.set(
        gen_ai__usage__input_tokens=answer.usage.prompt_tokens,
        gen_ai__usage__output_tokens=answer.usage.completion_tokens,
        gen_ai__response__finish_reasons=[_finish(answer)],
    )


def _finish(answer: Answer) -> str:
    if not answer.incomplete:
        return "stop"
    return "length" if "max_tokens" in answer.reason else "content_filter" if "filter" in answer.reason else "error"
