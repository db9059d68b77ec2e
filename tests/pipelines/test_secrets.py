"""A key that the command line was given is in nothing that it prints, writes, keeps or traces."""

from __future__ import annotations

import io
import json
import logging
import sys
from base64 import b64encode
from pathlib import Path

import pytest
from chat_server import ChatServer
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from pipelines.cli import run
from rag import Bot, Document, HashingEmbedder, KnowledgeBase
from rag.llm.backends import retries

ENVIRONMENT, ADDRESS, PASSWORD = (f"sk-canary-{place}-0123456789" for place in ("environment", "address", "password"))
CANARIES = (ENVIRONMENT, ADDRESS, PASSWORD, b64encode(f"me:{PASSWORD}".encode()).decode())
QUESTION = "How hot is green tea?"


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    from opentelemetry import trace

    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    return exporter


@pytest.mark.slow
def test_a_canary_is_in_no_output_report_cache_trace_or_store(
    tmp_path: Path,
    chat_server: ChatServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    spans: InMemorySpanExporter,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", ENVIRONMENT)
    monkeypatch.setattr(retries, "FIRST_WAIT", 0.001)
    caplog.set_level(logging.DEBUG)
    kb, asked, docs = tmp_path / "kb", tmp_path / "asked.jsonl", tmp_path / "docs"
    docs.mkdir()
    (docs / "tea.md").write_text("Green tea is steeped at 80 degrees.")
    with KnowledgeBase.create(kb, embedder=HashingEmbedder()) as made:
        made.add([Document.from_text("Green tea is steeped at 80 degrees.", id="tea")])
    asked.write_text(json.dumps({"id": "1", "question": QUESTION, "answers": ["80"]}))
    schema = tmp_path / "schema.json"
    schema.write_text(json.dumps({"type": "object", "properties": {"degrees": {"type": "integer"}}}))
    address = chat_server.url.replace("http://", f"http://me:{PASSWORD}@") + f"?key={ADDRESS}"
    model = ["--generator", "openai:tiny", "--base-url", address, "--rewrite", "none"]
    written, codes = "", set()
    for status in (200, 400, 401, 404, 429, 500):
        chat_server.status = status
        for command in (
            ["ask", str(kb), QUESTION, *model],
            ["ask", str(kb), QUESTION, *model, "--json", "--set", f"cache={tmp_path}/cache/{status}.sqlite"],
            ["ask", str(kb), QUESTION, *model, "--schema", str(schema)],
            ["chat", str(kb), *model, "--memory", str(tmp_path / "memory")],
            ["evaluate", str(kb), str(asked), *model, "--judge", "openai:tiny", "--json",
             "--html", str(tmp_path / f"{status}.html"), "--save", str(tmp_path / f"{status}.json")],
        ):  # fmt: skip
            monkeypatch.setattr(sys, "stdin", io.StringIO(f"{QUESTION}\n"))
            codes.add(run(command))
        said = capsys.readouterr()
        written += said.out + said.err
    assert {0, 2, 10} <= codes
    assert len(chat_server.requests) > 40

    with KnowledgeBase.open(kb) as base, Bot(base, "openai:tiny", base_url=address) as bot:
        model = bot.generator.model
        written += repr((bot, bot.generator, model, bot.generator.sampling, model.budget))
    written += caplog.text + "".join(span.to_json() for span in spans.get_finished_spans())
    assert "chat tiny" in written
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 15
    kept = b"".join(path.read_bytes() for path in files)
    assert [canary for canary in CANARIES if canary in written or canary.encode() in kept] == []


def test_an_experiment_keeps_no_key(
    tmp_path: Path,
    chat_server: ChatServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", ENVIRONMENT)
    monkeypatch.setattr(retries, "FIRST_WAIT", 0.001)
    caplog.set_level(logging.DEBUG)
    (tmp_path / "tea.md").write_text("Green tea is steeped at 80 degrees.")
    (tmp_path / "asked.jsonl").write_text(json.dumps({"id": "1", "question": QUESTION, "answers": ["80"]}))
    file, out = tmp_path / "try.toml", tmp_path / "out"
    text = (
        'corpus = "tea.md"\nquestions = "asked.jsonl"\n[measure]\nmetrics = ["faithfulness"]\nlatency = 0\n[vary]\n'
        'embedder = "hashing-64"\ngenerator = "openai:tiny"\nbase_url = "{}"\ntemperature = [0.0, 1.0]\n'
    )
    chat_server.status = 401
    file.write_text(text.format(chat_server.url))
    assert run(["experiment", str(file), "--out", str(out), "--html", str(tmp_path / "page.html")]) in {0, 2}
    assert chat_server.requests
    for holder in (f"http://me:{PASSWORD}@127.0.0.1/v1", f"http://127.0.0.1/v1?key={ADDRESS}"):
        file.write_text(text.format(holder))
        assert run(["experiment", str(file), "--out", str(out)]) == 64
    file.unlink()
    said = capsys.readouterr()
    written = said.out + said.err + caplog.text
    assert "every report would show" in written
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert len(kept) > 10_000
    assert [canary for canary in CANARIES if canary in written or canary.encode() in kept] == []
