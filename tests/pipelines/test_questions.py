"""``rag questions``: sets of questions made on a real knowledge base."""

from __future__ import annotations

import json

import pytest

from pipelines.cli import run as cli
from rag import Document, KnowledgeBase

_TEXT = "To feed otter {0} in the zoo, bring it {0} trout. To wash badger {0} well, use {0} buckets of rain water."


@pytest.fixture
def kb(tmp_path):
    with KnowledgeBase.create(tmp_path / "kb", embedder="hashing-32") as base:
        base.add([Document.from_text(_TEXT.format(n), id=str(n)) for n in range(20, 40)])
    return str(tmp_path / "kb")


def test_questions_that_were_corrected_are_not_lost(kb, tmp_path, capsys):
    out = tmp_path / "questions.jsonl"
    make = ["questions", "make", kb, "-n", "5", "--out", str(out)]
    assert cli(make) == 0
    assert cli(make) == 0  # the same again: nothing to keep
    assert sorted(path.name for path in tmp_path.glob("questions*")) == ["questions.jsonl"]
    capsys.readouterr()
    for n in (1, 2):
        out.write_text(corrected := out.read_text().replace("otter", "seal").replace("badger", f"brock {n}"))
        assert cli([*make, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["kept"] == str(tmp_path / f"questions.jsonl.{n}")
        assert (tmp_path / f"questions.jsonl.{n}").read_text() == corrected
        assert "seal" not in out.read_text()
