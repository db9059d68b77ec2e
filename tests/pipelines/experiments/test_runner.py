from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chat_server import ChatServer

from pipelines.cli import run as cli_run
from pipelines.experiments import Experiment, Progress, Result, fields, run, runner, stages
from pipelines.experiments.report import measured
from rag.errors import InvalidInput
from rag.evaluation import evaluate, read_questions
from rag.knowledge_base import KnowledgeBase
from rag.loaders import load
from rag.retrieval.retriever import Retriever
from rag.testing import HashingEmbedder


class Counting(HashingEmbedder):
    """Counts how often it embeds a document of the corpus."""

    def __init__(self, facts: dict[str, str]) -> None:
        super().__init__(64)
        self.facts, self.passages = facts, 0

    def embed_passages(self, texts: Any) -> Any:
        self.passages += sum(fact in text for text in texts for fact in self.facts.values())
        return super().embed_passages(texts)


def figures(result: Result) -> list[tuple[str, dict[str, Any]]]:
    return [(row.name, {m: own.as_dict() for m, own in row.metrics.items()}) for row in result.leaderboard()]


def test_each_distinct_stage_is_done_once_and_embedded_once_per_chunker(toml: Path, tmp_path: Path, facts):
    counting, experiment = Counting(facts), Experiment.read(toml)
    told: list[Progress] = []
    result = run(experiment, tmp_path / "out", embedders={"hashing-64": counting}, on_progress=told.append)
    assert result.card["stages_done"] == {"store": 2, "index": 4, "run": 12, "scores": 12}
    assert counting.passages == 2 * len(facts), "two chunkers, one chunk a document: two passes over the corpus, not 12"
    assert (told[-1].done, told[-1].total) == (30, 30)

    before = counting.passages
    again = run(experiment, tmp_path / "out", embedders={"hashing-64": counting})
    assert sum(again.card["stages_done"].values()) == 0
    assert counting.passages == before
    assert figures(again) == figures(result)
    assert [row.latency for row in again.rows] == [row.latency for row in result.rows], "times stay those measured"


def test_the_figures_are_those_of_the_evaluator_on_the_same_objects(toml: Path, beir: Path, tmp_path: Path):
    result = run(Experiment.read(toml), tmp_path / "out")
    row = next(row for row in result.rows if row.name == "chunker=headings:32/4 index=flat fusion=rrf")
    with KnowledgeBase.create(tmp_path / "kb", embedder=HashingEmbedder(64), chunker="headings:32/4") as kb:
        kb.add(load(f"beir:{beir}"))
    with KnowledgeBase.open(tmp_path / "kb", embedder=HashingEmbedder(64)) as kb:
        memory = sum(sum(kb.index(family).memory().values()) for family in ("dense", "terms"))
        own = evaluate(
            Retriever(kb, k=5, fusion="rrf", dedupe=False),
            read_questions(f"beir:{beir}"),
            metrics=("nDCG@10", "RR"),
            k=5,
        )
    assert row.metrics == own.metrics
    assert row.memory_bytes == memory
    assert row.latency["n"] == 3


def test_memory_counts_the_index_of_sentences(toml: Path, tmp_path: Path):
    toml.write_text(
        toml.read_text()
        .replace('["tokens:32/4", "headings:32/4"]', '"headings:32/4"\ngranularity = ["chunk", "chunk+sentence"]')
        .replace('["flat", "hnsw"]', '"flat"')
        .replace('["zscore", "rrf", "dense"]', '"zscore"')
    )
    chunks, both = run(Experiment.read(toml), tmp_path / "out").rows
    place = next(p for p in (tmp_path / "out" / "cache" / "index-kb").iterdir() if p.name == both.keys["index"][:24])
    with KnowledgeBase.open(place) as kb:
        sentences = sum(kb.dense().sentences.index.memory().values())
    assert sentences > 0
    assert both.memory_bytes == chunks.memory_bytes + sentences


@pytest.mark.slow
def test_a_change_of_the_corpus_or_of_one_part_redoes_only_what_depends_on_it(toml: Path, beir: Path, tmp_path: Path):
    run(Experiment.read(toml), tmp_path / "out")
    toml.write_text(toml.read_text().replace('"dense"]', '"dense", "terms"]'))
    more = run(Experiment.read(toml), tmp_path / "out")
    assert more.card["stages_done"] == {"store": 0, "index": 0, "run": 4, "scores": 4}
    toml.write_text(toml.read_text().replace('"RR"', '"P@1"'))
    other = run(Experiment.read(toml), tmp_path / "out")
    assert other.card["stages_done"] == {"store": 0, "index": 0, "run": 0, "scores": 16}
    with (beir / "corpus.jsonl").open("a") as file:
        file.write(json.dumps({"_id": "newt", "title": "Newt", "text": "Newts grow a crest in spring."}) + "\n")
    changed = run(Experiment.read(toml), tmp_path / "out")
    assert changed.card["stages_done"] == {"store": 2, "index": 4, "run": 16, "scores": 16}


def test_a_failure_costs_its_rows_only(toml: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    real = stages.make_index

    def failing(inputs: Any, cache: Any, key: str, store: str, configuration: Any) -> None:
        if configuration.parts["index"] == "hnsw":
            raise MemoryError("planted")
        real(inputs, cache, key, store, configuration)

    monkeypatch.setattr(stages, "make_index", failing)
    result = run(Experiment.read(toml), tmp_path / "out")
    failed = [row for row in result.rows if row.error]
    assert {row.parts["index"] for row in failed} == {"hnsw"}
    assert len(failed) == 6
    assert all(row.error == "index: MemoryError: planted" for row in failed)
    assert all(row.metrics for row in result.rows if row.parts["index"] == "flat")
    monkeypatch.undo()
    whole = run(Experiment.read(toml), tmp_path / "out", resume=True)
    assert not any(row.error for row in whole.rows)


def test_a_damaged_result_is_made_again(toml: Path, tmp_path: Path):
    experiment = Experiment.read(toml)
    first = run(experiment, tmp_path / "out")
    victim = next((tmp_path / "out" / "cache" / "scores").glob("*/evaluation.json"))
    raw = bytearray(victim.read_bytes())
    raw[len(raw) // 2] ^= 1
    victim.write_bytes(raw)
    second = run(experiment, tmp_path / "out")
    assert second.card["stages_done"]["scores"] == 1
    assert figures(second) == figures(first)


CHILD = """
import sys
from pipelines.experiments import Experiment, run
from pipelines.experiments.cache import Cache
write, done = Cache.write, []

def then_wait(cache, stage, key, facts, fill):
    def filled(folder):
        fill(folder)
        if len(done) == int(sys.argv[3]):
            print("in the middle of writing", flush=True)
            input()
    place = write(cache, stage, key, facts, filled)
    done.append(place)
    return place

Cache.write = then_wait
run(Experiment.read(sys.argv[1]), sys.argv[2])
"""


@pytest.mark.slow
def test_a_killed_experiment_goes_on_and_gives_the_same_tables(toml: Path, tmp_path: Path):
    whole = run(Experiment.read(toml), tmp_path / "undisturbed")
    for least in (1, 4, 9):  # stages that were finished when the kill came
        out = tmp_path / f"killed-{least}"
        command = [sys.executable, "-c", CHILD, str(toml), str(out), str(least)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
            assert child.stdout.readline() == b"in the middle of writing\n"
            child.kill()
        finished = [p for p in (out / "cache").glob("*/*/stage.json") if p.parent.name[0] != "."]
        assert len(finished) == least
        resumed = run(Experiment.read(toml), out, resume=True)
        assert sum(resumed.card["stages_from_cache"].values()) == least
        assert figures(resumed) == figures(whole)
        assert not list((out / "cache").rglob("*.journal"))


@pytest.mark.slow
def test_two_jobs_give_the_same_figures_and_a_crash_costs_its_row(toml: Path, tmp_path: Path):
    toml.write_text(toml.read_text().replace('["zscore", "rrf", "dense"]', '["zscore", "rrf"]'))
    alone = run(Experiment.read(toml), tmp_path / "alone")
    both = run(Experiment.read(toml), tmp_path / "both", jobs=2)
    assert figures(both) == figures(alone)


@pytest.mark.slow
def test_a_process_that_dies_is_named_in_its_row(monkeypatch: pytest.MonkeyPatch, toml: Path, tmp_path: Path):
    monkeypatch.setattr(runner, "attempt", dies_for_hnsw)
    result = run(Experiment.read(toml), tmp_path / "out", jobs=2)
    failed = {row.parts["index"] for row in result.rows if row.error}
    assert failed == {"hnsw"}
    assert all("its index died" in row.error for row in result.rows if row.error)


def dies_for_hnsw(inputs: Any, cache: Any, task: Any, *tell: Any) -> str:
    if task.stage == "index" and task.configuration.parts["index"] == "hnsw":
        os._exit(11)
    return attempt(inputs, cache, task)


attempt = runner.attempt


def test_a_killed_run_asks_no_question_twice(toml: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    toml.write_text(
        toml.read_text()
        .replace('chunker = ["tokens:32/4", "headings:32/4"]', "")
        .replace('["flat", "hnsw"]', '"flat"')
        .replace('["zscore", "rrf", "dense"]', '"zscore"\ngenerator = "extractive"')
        .replace('"RR"]', '"RR", "faithfulness"]')
    )
    experiment = Experiment.read(toml)
    asked: list[str] = []
    real = stages.ask_all

    def counting(system: Any, questions: Any, **options: Any) -> Any:
        if len(asked) == 5:
            raise KeyboardInterrupt
        asked.extend(q.id for q in questions)
        return real(system, questions, **options)

    monkeypatch.setattr(stages, "ask_all", counting)
    with pytest.raises(KeyboardInterrupt):
        run(experiment, tmp_path / "out")
    monkeypatch.setattr(stages, "ask_all", lambda s, q, **o: (asked.extend(x.id for x in q), real(s, q, **o))[1])
    result = run(experiment, tmp_path / "out", resume=True)
    assert len(asked) == 16
    assert len(set(asked)) == 16
    assert result.rows[0].metrics["nDCG@10"].n == 16


def test_a_language_model_is_asked_once_for_each_prompt(toml: Path, tmp_path: Path, chat_server: ChatServer):
    model = f'generator = "openai:tiny"\nbase_url = "{chat_server.url}"'
    toml.write_text(
        toml.read_text()
        .replace('chunker = ["tokens:32/4", "headings:32/4"]', 'chunker = "headings:32/4"')
        .replace('["zscore", "rrf", "dense"]', f'"zscore"\nrewrite = "none"\n{model}')
        .replace('"RR"]', '"RR", "faithfulness"]')
    )
    first = run(Experiment.read(toml), tmp_path / "out")
    assert [row.error for row in first.rows] == ["", ""]
    # Both indexes find the same passages: the second configuration gives the model the prompts of the first.
    assert len(chat_server.requests) == 16
    toml.write_text(toml.read_text().replace("latency = 3", "latency = 4"))
    again = run(Experiment.read(toml), tmp_path / "out")
    assert again.card["stages_done"] == {"store": 0, "index": 0, "run": 2, "scores": 2}
    assert len(chat_server.requests) == 16
    assert again.rows[0].metrics["faithfulness"].value == first.rows[0].metrics["faithfulness"].value


def test_a_rewriting_model_is_asked_once_for_each_prompt(
    toml: Path, tmp_path: Path, chat_server: ChatServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("OPENAI_BASE_URL", chat_server.url)
    chat_server.say = lambda _: '["in other words"]'
    toml.write_text(
        toml.read_text()
        .replace('chunker = ["tokens:32/4", "headings:32/4"]', 'chunker = "headings:32/4"')
        .replace('["zscore", "rrf", "dense"]', '["zscore", "rrf"]\nrewrite = "multi-query"\nmodel = "openai:tiny"')
    )
    result = run(Experiment.read(toml), tmp_path / "out")
    assert [row.error for row in result.rows] == ["", "", "", ""]
    assert len(chat_server.requests) == 16


@pytest.mark.slow
def test_a_model_that_fails_costs_its_rows_and_is_named(toml: Path, tmp_path: Path):
    toml.write_text(
        toml.read_text()
        .replace('chunker = ["tokens:32/4", "headings:32/4"]\nindex = ["flat", "hnsw"]', "")
        .replace(
            '["zscore", "rrf", "dense"]', '"zscore"\ngenerator = "openai:tiny"\nbase_url = "http://127.0.0.1:9/v1"'
        )
        .replace('"RR"]', '"RR", "faithfulness"]')
        .replace("[measure]", "sample = 2\n[measure]")
    )
    (row,) = run(Experiment.read(toml), tmp_path / "out").rows
    assert (row.metrics["faithfulness"].n_failed, row.metrics["faithfulness"].value) == (2, 0.0)


@pytest.mark.slow
def test_a_figure_keeps_the_code_and_the_hour_that_measured_it(toml: Path, tmp_path: Path, monkeypatch):
    first = run(Experiment.read(toml), tmp_path / "out")
    monkeypatch.setattr(runner, "code", lambda: "other code")
    monkeypatch.setattr(
        stages, "made", lambda jobs: {"code": "other code", "cpu": "x", "load": 9, "jobs": 1, "at": "9"}
    )
    toml.write_text(toml.read_text().replace('"dense"]', '"dense", "terms"]'))
    more = run(Experiment.read(toml), tmp_path / "out")
    assert more.card["code"] == "other code"
    before = {row.name: row.measured for row in first.rows}
    kept = {row.name: row.measured for row in more.rows if row.name in before}
    assert kept == before
    assert {row.measured["code"] for row in more.rows if row.name not in before} == {"other code"}
    assert "different versions of the code" in measured(more)
    assert "different" not in measured(first)


def test_a_field_at_its_default_is_in_no_key(toml: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    run(Experiment.read(toml), tmp_path / "out")
    novelty = fields.StoreField("store", "a field of a later version", "plain")
    monkeypatch.setitem(fields.STORE_FIELDS, "novelty", novelty)
    monkeypatch.setattr("pipelines.experiments.config.FIELDS", ("novelty", *fields.FIELDS))
    assert not sum(run(Experiment.read(toml), tmp_path / "out").card["stages_done"].values())


@pytest.mark.slow
def test_a_knowledge_base_that_was_deleted_from_the_cache_is_made_again(toml: Path, tmp_path: Path):
    first = run(Experiment.read(toml), tmp_path / "out")
    shutil.rmtree(next((tmp_path / "out" / "cache" / "index-kb").iterdir()))
    second = run(Experiment.read(toml), tmp_path / "out")
    assert second.card["stages_done"]["index"] == 1
    assert figures(second) == figures(first)


def test_progress_says_how_far_a_stage_is_and_what_is_left(toml: Path, tmp_path: Path):
    told: list[Progress] = []
    run(Experiment.read(toml), tmp_path / "out", on_progress=told.append)
    assert any("16 of 16 questions" in p.doing for p in told)
    assert any("8 documents" in p.doing for p in told)
    finished = [p for p in told if p.doing.startswith("run:") and p.left is not None]
    assert finished[0].left > 0
    assert finished[-1].left == 0


def test_what_cannot_be_run_is_refused(toml: Path, tmp_path: Path):
    experiment = Experiment.read(toml)
    with pytest.raises(InvalidInput, match="nothing to resume"):
        run(experiment, tmp_path / "never", resume=True)
    with pytest.raises(InvalidInput, match="jobs"):
        run(experiment, tmp_path / "never", jobs=0)
    with pytest.raises(InvalidInput, match="no file to read"):
        run(dataclasses.replace(experiment, corpus=(str(tmp_path / "void"),)), tmp_path / "never")


def test_gold_of_chunks_is_refused_where_chunks_vary(toml: Path, beir: Path, tmp_path: Path):
    questions = tmp_path / "q.jsonl"
    questions.write_text(json.dumps({"id": "1", "text": "Where do otters sleep?", "chunks": {"1": 1}}) + "\n")
    with pytest.raises(InvalidInput, match="differ when chunker vary"):
        run(dataclasses.replace(Experiment.read(toml), questions=str(questions)), tmp_path / "out")


def test_latencies_are_percentiles_in_milliseconds():
    assert stages._percentiles([0.001, 0.002, 0.003]) == {
        "n": 3,
        "p50_ms": pytest.approx(2.0),
        "p95_ms": np.float64(2.9),
    }
    assert stages._percentiles([]) == {}


def test_documents_are_named_as_the_file_says_wherever_it_is_run_from(tmp_path: Path, facts, monkeypatch, capsys):
    """Gold made from ``rag ingest docs`` holds in an experiment over ``corpus = "docs"``; what does not is named."""
    (tmp_path / "docs").mkdir()
    for name, fact in facts.items():
        (tmp_path / "docs" / f"{name}.txt").write_text(fact)
    gold = [
        {"id": n, "text": t, "spans": [{"document": f"docs/{n}.txt", "start": 0, "end": 20}]} for n, t in facts.items()
    ]
    lost = {
        "id": "lost",
        "text": "Where do moles live?",
        "spans": [{"document": "docs/mole.txt", "start": 0, "end": 9}],
    }
    (tmp_path / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in [*gold, lost]))
    (tmp_path / "try.toml").write_text(
        '\ufeffcorpus = "docs"\nquestions = "questions.jsonl"\n[vary]\nembedder = "hashing-64"\n', encoding="utf-8"
    )
    monkeypatch.chdir("/")
    assert cli_run(["experiment", str(tmp_path / "try.toml"), "--out", str(tmp_path / "out")]) == 0
    own = Result.load(tmp_path / "out").rows[0].metrics["context_recall"]
    assert (own.value, own.n) == (pytest.approx(8 / 9), 9), "the lost document's question counts as zero"
    said = capsys.readouterr()
    assert "1 judged documents are not in the knowledge base: docs/mole.txt" in said.err
    assert "docs/mole.txt" in (tmp_path / "out" / "report.md").read_text(encoding="utf-8")


def test_an_experiment_over_the_folder_it_stands_in_does_not_read_its_own_results(tmp_path: Path, facts):
    for name, fact in facts.items():
        (tmp_path / f"{name}.txt").write_text(fact)
    gold = [{"id": n, "text": t, "documents": {f"{n}.txt": 1}} for n, t in facts.items()]
    (tmp_path / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in gold))
    file = tmp_path / "try.toml"
    file.write_text('corpus = "."\nquestions = "questions.jsonl"\n[vary]\nembedder = "hashing-64"\n')
    first = run(Experiment.read(file), tmp_path / "try.results")
    again = run(Experiment.read(file), tmp_path / "try.results")
    assert (sum(first.card["stages_done"].values()), sum(again.card["stages_done"].values())) == (4, 0)
