"""`rag tune` on a knowledge base, and `rag ask` by what it chose."""

from __future__ import annotations

import json
import re

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


@pytest.mark.slow
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


def test_ctrl_c_says_that_the_search_is_lost(kb, capsys, monkeypatch):
    from pipelines.tuning.tuner import Tuner

    def interrupted(tuner, arm):
        raise KeyboardInterrupt

    monkeypatch.setattr(Tuner, "_try", interrupted)
    assert cli(["tune", str(kb), "--index", "flat", "--queries", "60"]) == 130
    assert "Nothing was changed; the search begins anew next time. --budget TIME" in capsys.readouterr().err


@pytest.mark.slow
def test_words_for_people_and_what_cannot_be_met(kb, capsys):
    assert cli(["tune", str(kb), "--recall", "0.8", "--index", "flat", "--queries", "60"]) == 0
    shown = capsys.readouterr()
    assert "Take flat" in shown.out
    assert "on queries held out (95 % interval" in shown.out
    assert "To use it: rag reindex" in shown.err
    assert cli(["tune", str(kb), "--index", "flat", "--queries", "60", "--max-memory", "1kB"]) == 7
    shown = capsys.readouterr().out
    assert "breaks --max-memory" in shown
    assert re.search(r"Nearest to it:\n  flat: \d\d\.\d kB of memory, not 1\.0 kB", shown)
    assert cli(["tune", str(kb), "--index", "bm25"]) == 64
    assert cli(["tune", str(kb), "--seed", "-1"]) == 64
    assert cli(["tune", "synthetic:100x4", "--apply"]) == 64


@pytest.mark.slow
def test_what_was_found_is_told_though_another_process_writes(kb, capsys):
    arguments = ["tune", str(kb), "--recall", "0.8", "--index", "flat", "--queries", "60", "--apply"]
    with KnowledgeBase.open(kb, mode="w"):
        assert cli(arguments) == 8
        shown = capsys.readouterr()
        assert "Take flat" in shown.out
        assert "To use it: rag reindex" in shown.err
        assert "--index flat --index bm25" in shown.err
        assert cli([*arguments, "--json"]) == 8
        report = json.loads(capsys.readouterr().out)
    assert report["chosen"]["spec"] == "flat"
    assert report["applied"] is None
