from __future__ import annotations

import json
import shutil

import pytest
from typer.testing import CliRunner

from pipelines.cli import run as cli
from pipelines.cli.app import app
from pipelines.tuning.retriever_tuner import Setting, fold, judged, setting_of, settings, tune_retriever
from rag.documents.document import Document
from rag.errors import InvalidInput
from rag.evaluation import QuestionSet, evaluate
from rag.evaluation.questions.questions import Question
from rag.knowledge_base import KnowledgeBase
from rag.retrieval.config import PipelineConfig
from rag.retrieval.retriever import Retriever
from rag.testing import HashingEmbedder

CONFIG = PipelineConfig()
DEFAULT = setting_of(CONFIG)
OTHER = Setting("terms")


def question_set(n: int, documents: int) -> QuestionSet:
    return QuestionSet(tuple(Question(f"q{i}", f"question {i}", documents={f"d{i % documents}": 1}) for i in range(n)))


@pytest.fixture(scope="module")
def kb_folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("tune") / "kb"
    with KnowledgeBase.create(place, embedder=HashingEmbedder(64), chunker="document") as kb:
        kb.add(Document.from_text(f"word{i} about otters number {i} " * 3, id=f"d{i}") for i in range(12))
    return place


@pytest.fixture(scope="module")
def questions():
    return QuestionSet(tuple(Question(f"q{i}", f"what of word{i}?", documents={f"d{i}": 1}) for i in range(12)))


def test_folds_hold_every_question_once_and_keep_those_of_a_document_together():
    asked = question_set(40, 13)
    parts = fold(asked, 4, seed=3)
    assert sorted(q for part in parts for q in part) == sorted(q.id for q in asked)
    assert max(map(len, parts)) - min(map(len, parts)) <= 4
    homes = {}
    for number, part in enumerate(parts):
        for q in part:
            assert homes.setdefault(int(q[1:]) % 13, number) == number
    assert fold(asked, 4, seed=3) == parts
    assert fold(asked, 4, seed=4) != parts


@pytest.mark.parametrize(("n", "documents", "count"), [(10, 3, 4), (10, 10, 1)])
def test_too_few_folds_or_questions_are_refused(n, documents, count):
    with pytest.raises(InvalidInput, match="folds"):
        fold(question_set(n, documents), count, seed=0)


def test_a_setting_is_judged_only_on_questions_it_was_not_chosen_on():
    # OTHER shines on the first fold alone: whoever looks at that fold when choosing for it is lured.
    parts = [["a"], ["b"], ["c"]]
    values = {DEFAULT: {"a": 0.5, "b": 0.5, "c": 0.5}, OTHER: {"a": 1.0, "b": 0.3, "c": 0.3}}
    report = judged(values, parts, pipeline=CONFIG, metric="m", seed=0)
    assert [setting for setting, _ in report.folds] == [DEFAULT, OTHER, OTHER]
    assert report.tuned == pytest.approx((0.5 + 0.3 + 0.3) / 3)
    assert report.default == pytest.approx(0.5)
    assert report.chosen == OTHER
    assert not report.pays
    assert report.advised == DEFAULT


def test_what_is_better_on_every_question_pays():
    names = [f"q{i}" for i in range(30)]
    values = {DEFAULT: dict.fromkeys(names, 0.4), OTHER: {q: 0.6 + i / 1000 for i, q in enumerate(names)}}
    report = judged(values, [names[:10], names[10:20], names[20:]], pipeline=CONFIG, metric="m", seed=0)
    assert report.pays
    assert report.advised == OTHER
    assert report.tuned - report.default == pytest.approx(report.held_out.difference)


def test_the_default_wins_ties():
    names = ["a", "b", "c", "d"]
    values = {setting: dict.fromkeys(names, 0.7) for setting in settings(DEFAULT)}
    assert judged(values, [names[:2], names[2:]], pipeline=CONFIG, metric="m", seed=0).chosen == DEFAULT


def test_figures_are_those_of_evaluate(kb_folder, questions):
    with KnowledgeBase.open(kb_folder, embedder=HashingEmbedder(64)) as kb:
        seen = []
        report = tune_retriever(kb, questions, folds=3, progress=lambda done, total: seen.append((done, total)))
        tried = dict(report.tried)
        for setting, options in (
            (DEFAULT, {}),
            (Setting("rrf"), {"fusion": "rrf"}),
            (Setting("dense"), {"fusion": "dense"}),
            (Setting("terms"), {"fusion": "terms"}),
            (Setting("minmax", 0.3), {"fusion": "minmax", "dense_weight": 0.3}),
        ):
            alone = evaluate(Retriever(kb, **options), questions, metrics=["nDCG@10"], k=10)
            assert tried[setting] == pytest.approx(alone.metrics["nDCG@10"].value, abs=1e-9), setting
    assert seen[-1] == (len(settings(DEFAULT)), len(settings(DEFAULT)))


def test_a_knowledge_base_with_one_search_is_refused(tmp_path, questions):
    with KnowledgeBase.create(tmp_path / "kb", indexes=("bm25",), embedder=HashingEmbedder(64)) as kb:
        kb.add([Document.from_text("otters", id="d0")])
        with pytest.raises(InvalidInput, match="no index of vectors"):
            tune_retriever(kb, questions)


def test_on_the_command_line(kb_folder, questions, tmp_path):
    file = tmp_path / "questions.jsonl"
    file.write_text("\n".join(json.dumps(q.as_dict()) for q in questions))
    run = CliRunner()
    arguments = ["tune", str(kb_folder), "--retriever", str(file), "--folds", "3"]
    found = run.invoke(app, [*arguments, "--json"])
    assert found.exit_code == 0, found.output
    said = json.loads(found.stdout)
    assert said["questions"] == 12
    assert len(said["folds"]) == 3
    assert said["options"].startswith("--fusion ")
    table = run.invoke(app, arguments)
    assert "On questions that were left aside" in table.output
    assert said["pipeline"]["digest"] == PipelineConfig().digest
    assert said["applied"] is None
    wrong = run.invoke(app, [*arguments, "--by", "faithfulness"])
    assert isinstance(wrong.exception, InvalidInput)


def test_what_pays_is_stored_when_it_is_applied(kb_folder, questions, tmp_path, monkeypatch, capsys):
    place = shutil.copytree(kb_folder, tmp_path / "kb")
    names = [f"q{i}" for i in range(30)]
    values = {DEFAULT: dict.fromkeys(names, 0.4), OTHER: {q: 0.6 + i / 1000 for i, q in enumerate(names)}}
    report = judged(values, [names[:10], names[10:20], names[20:]], pipeline=CONFIG, metric="m", seed=0)
    monkeypatch.setattr("pipelines.tuning.retriever_tuner.tune_retriever", lambda *_, **__: report)
    file = tmp_path / "questions.jsonl"
    file.write_text("\n".join(json.dumps(q.as_dict()) for q in questions))
    assert cli(["tune", str(place), "--retriever", str(file), "--apply", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    with KnowledgeBase.open(place, embedder=HashingEmbedder(64)) as kb:
        stored = PipelineConfig.of(kb)
    assert stored == CONFIG.with_(fusion="terms")
    assert said["applied"]["digest"] == stored.digest
