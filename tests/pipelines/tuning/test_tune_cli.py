"""`rag tune` on a knowledge base, and `rag ask` by what it chose."""

from __future__ import annotations

import json

import pytest

from pipelines.cli import run as cli
from rag import Document, KnowledgeBase


@pytest.fixture
def kb(tmp_path, monkeypatch):
    monkeypatch.setenv("RAG_CACHE_DIR", str(tmp_path / "cache"))
    texts = [f"Otter {i} of river {i % 17} eats {i % 7} fish a day. It sleeps in cave {i % 29}." for i in range(300)]
    with KnowledgeBase.create(tmp_path / "kb", embedder="hashing-64", chunker="document") as base:
        base.add([Document.from_text(text, id=str(i)) for i, text in enumerate(texts)])
    return tmp_path / "kb"


def test_tune_apply_and_ask(kb, capsys):
    assert cli(["tune", str(kb), "--recall", "0.8", "--index", "hnsw", "--queries", "60", "--apply", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    spec = report["chosen"]["spec"]
    assert report["applied"] == [spec, "bm25"]
    assert report["chosen"]["held_out_recall"] >= 0.8
    with KnowledgeBase.open(kb) as base:
        assert base.index("dense").spec == spec
    assert cli(["ask", str(kb), "How many fish does otter 12 of river 12 eat?", "--json"]) in {0, 7}
    assert json.loads(capsys.readouterr().out)["passages"]


def test_words_for_people_and_what_cannot_be_met(kb, capsys):
    assert cli(["tune", str(kb), "--recall", "0.8", "--index", "flat", "--queries", "60"]) == 0
    shown = capsys.readouterr()
    assert "Take flat" in shown.out
    assert "on queries held out (95 % interval" in shown.out
    assert "To use it: rag reindex" in shown.err
    assert cli(["tune", str(kb), "--index", "flat", "--queries", "60", "--max-memory", "1kB"]) == 7
    assert "breaks --max-memory" in capsys.readouterr().out
    assert cli(["tune", str(kb), "--index", "bm25"]) == 64
    assert cli(["tune", "synthetic:100x4", "--apply"]) == 64
