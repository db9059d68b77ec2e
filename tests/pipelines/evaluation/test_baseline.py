"""A baseline is compared on the questions that it shares; all else is counted and said, or refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from pipelines.evaluation.baseline import against, read_baseline
from rag.documents.document import Document
from rag.errors import InvalidInput
from rag.evaluation import Evaluation, Question, QuestionSet, evaluate
from rag.evaluation.trec import write_run
from rag.knowledge_base import KnowledgeBase
from rag.retrieval.retriever import Retriever
from rag.testing import HashingEmbedder

TEXTS = {
    "lark": "Larks sing while they climb into the morning sky.",
    "wren": "Wrens build several nests and let their mate choose.",
    "rook": "Rooks nest high in the elms and feed on the fields.",
    "swift": "Swifts sleep on the wing and land only to nest.",
}
ASKED = QuestionSet(
    tuple(Question(id=f"q-{name}", text=f"What do {name}s do?", documents={name: 1}) for name in TEXTS), "birds"
)
METRICS = ("RR", "nDCG@10", "context_recall")


@pytest.fixture
def kb(tmp_path: Path):
    with KnowledgeBase.create(tmp_path / "kb", embedder=HashingEmbedder(64), chunker="document") as made:
        made.add([Document.from_text(text, id=name) for name, text in TEXTS.items()])
        yield made


def measured(kb: KnowledgeBase, questions: QuestionSet = ASKED, k: int = 3) -> Evaluation:
    with Retriever(kb, k=k) as retriever:
        return evaluate(retriever, questions, metrics=METRICS, k=k)


def saved(result: Evaluation, tmp_path: Path) -> Path:
    result.save(tmp_path / "before.json")
    return tmp_path / "before.json"


def compared(result: Evaluation, path: Path, kb: KnowledgeBase):
    return against(result, read_baseline(path), path, kb)


def test_the_same_evaluation_differs_in_nothing(kb, tmp_path):
    result = measured(kb)
    found = compared(result, saved(result, tmp_path), kb)
    assert not found.notes
    assert found.changes == {}
    assert {c.metric for c in found.comparisons} == {"context_precision", *METRICS}
    assert all((c.difference, c.n) == (0, 4) for c in found.comparisons)


def test_questions_with_another_text_or_gold_are_left_out_and_named(kb, tmp_path):
    path = saved(measured(kb), tmp_path)
    edited = [
        dataclasses.replace(q, documents={"rook": 1}) if q.id == "q-wren" else
        dataclasses.replace(q, text="Who sings?") if q.id == "q-lark" else q
        for q in ASKED
    ]  # fmt: skip
    found = compared(measured(kb, QuestionSet(tuple(edited))), path, kb)
    assert all((c.n, c.difference) == (2, 0) for c in found.comparisons)
    assert any("2 of 4 questions ('q-lark', 'q-wren') have another text or other gold" in note for note in found.notes)
    other = QuestionSet(tuple(dataclasses.replace(q, documents={"rook": 2}) for q in ASKED))
    with pytest.raises(InvalidInput, match="Nothing can be compared"):
        compared(measured(kb, other), path, kb)


def test_a_sample_is_compared_on_itself(kb, tmp_path):
    path = saved(measured(kb), tmp_path)
    found = compared(measured(kb, ASKED.sample(2)), path, kb)
    assert all((c.n, c.difference) == (2, 0) for c in found.comparisons)
    assert found.notes == ("2 questions of the baseline were not asked now",)


def test_another_k_other_documents_and_other_metrics_are_named(kb, tmp_path):
    path = saved(measured(kb, k=1), tmp_path)
    kb.add([Document.from_text("Kites wheel over the town.", id="kite")])
    notes = " ".join(compared(measured(kb), path, kb).notes)
    assert "k is 3, the baseline's 1" in notes
    assert "the documents differ" in notes
    older = path.with_name("older.json")
    older.write_text(path.read_text().replace('"definitions": 2', '"definitions": 1').replace('"RR"', '"RP"'))
    notes = " ".join(compared(measured(kb, k=1), older, kb).notes)
    assert "defines some metrics otherwise" in notes
    assert "has no RR" in notes


def test_another_level_is_refused(kb, tmp_path):
    path = saved(measured(kb), tmp_path)
    quoted = QuestionSet(tuple(dataclasses.replace(q, documents={}, quotes=("nest",)) for q in ASKED))
    with pytest.raises(InvalidInput, match="judged by document, this evaluation by span"):
        compared(measured(kb, quoted), path, kb)


def test_what_an_earlier_version_saved_is_compared_if_all_questions_are_the_same(kb, tmp_path):
    import json

    path = saved(measured(kb), tmp_path)
    data = json.loads(path.read_text())
    for name in ("asked", "corpus", "definitions"):
        del data[name]
    path.write_text(json.dumps(data))
    found = compared(measured(kb), path, kb)
    assert all(c.difference == 0 for c in found.comparisons)
    assert any("not known whether the documents" in note for note in found.notes)
    with pytest.raises(InvalidInput, match="does not say which differ"):
        compared(measured(kb, ASKED.sample(2)), path, kb)


def run_of(result: Evaluation, tmp_path: Path, question=lambda q: q, item=lambda d: d, keep=lambda q: True) -> Path:
    path = tmp_path / "run.trec"
    rows = result.run().items()
    write_run(path, {question(q): [(item(d), s) for d, s in own] for q, own in rows if keep(q)})
    return path


def test_its_own_run_differs_in_nothing(kb, tmp_path):
    result = measured(kb)
    found = compared(result, run_of(result, tmp_path), kb)
    assert not found.notes
    assert all((c.n, c.difference) == (4, 0) for c in found.comparisons)


def test_a_run_of_other_questions_or_documents_is_refused(kb, tmp_path):
    result = measured(kb)
    with pytest.raises(InvalidInput, match=r"0 of 4 questions are in the run, whose first one is 'Xq-lark'"):
        compared(result, run_of(result, tmp_path, question=lambda q: f"X{q}"), kb)
    with pytest.raises(InvalidInput, match="0 of 4 ranked items are documents that are known"):
        compared(result, run_of(result, tmp_path, item=lambda d: f"docs/{d}"), kb)


def test_what_a_run_does_not_know_is_counted_left_out_and_said(kb, tmp_path):
    result = measured(kb)
    path = run_of(result, tmp_path, item=lambda d: "elsewhere" if d == "rook" else d, keep=lambda q: q != "q-wren")
    found = compared(result, path, kb)
    assert {c.n for c in found.comparisons} == {3}
    assert "1 of 4 questions ('q-wren') are not in the run: left out" in found.notes[0]
    assert "1 of 4 items of the run ('elsewhere') are not known here" in found.notes[1]


def test_a_run_of_documents_is_no_baseline_of_chunks(kb, tmp_path):
    path = run_of(measured(kb), tmp_path)
    quoted = QuestionSet(tuple(dataclasses.replace(q, documents={}, quotes=("nest",)) for q in ASKED))
    with pytest.raises(InvalidInput, match="it ranks documents, and the gold is judged by span"):
        compared(measured(kb, quoted), path, kb)


def test_a_file_that_is_neither_is_refused_before_it_is_needed(tmp_path):
    with pytest.raises(InvalidInput, match="cannot read the baseline"):
        read_baseline(tmp_path / "none.json")
    (tmp_path / "x.json").write_text('{"format": 7}')
    with pytest.raises(InvalidInput):
        read_baseline(tmp_path / "x.json")
