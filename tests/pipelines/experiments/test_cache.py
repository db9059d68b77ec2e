"""What the cache of experiments keeps is whole, belongs to what went into it, and never rests on a failure."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from chat_server import ChatServer

from pipelines.cli import run as cli
from pipelines.experiments import Experiment, Result, run, stages
from pipelines.experiments.cache import Cache
from pipelines.experiments.report import failures, finding, markdown
from rag.errors import InvalidInput
from rag.evaluation.collecting import is_own_way


def values(result: Result) -> dict[str, tuple[str, float | None]]:
    return {row.name: (row.error, row.metrics["RR"].value if row.metrics else None) for row in result.rows}


@pytest.fixture
def words(toml: Path) -> Path:
    """A file of synonyms beside an experiment whose questions say otter, and whose documents do not."""
    toml.write_text(
        'corpus = "beir:animals"\nquestions = "asked.jsonl"\n[measure]\nmetrics = ["RR"]\nlatency = 0\n[vary]\n'
        'embedder = "hashing-64"\nfusion = "terms"\nrewrite = ["none", "synonyms:file=words.txt"]\n'
    )
    row = {"id": "1", "text": "Which creature is a brock?", "documents": {"badger": 1}}
    (toml.parent / "asked.jsonl").write_text(json.dumps(row) + "\n")
    file = toml.parent / "words.txt"
    file.write_text("brock, heron\n")
    return file


def test_a_file_that_a_part_reads_is_known_by_its_content(words: Path, toml: Path, tmp_path: Path, monkeypatch):
    monkeypatch.chdir("/")  # the path in the experiment starts at the experiment's own folder
    first = run(Experiment.read(toml), tmp_path / "out")
    words.write_text("brock, badgers\n")
    second = run(Experiment.read(toml), tmp_path / "out")
    assert second.card["stages_done"]["run"] == 1
    assert second.rows[1].metrics["RR"].value == 1.0 > first.rows[1].metrics["RR"].value
    words.write_text("brock, heron\n")
    third = run(Experiment.read(toml), tmp_path / "out")
    assert sum(third.card["stages_done"].values()) == 0
    assert values(third) == values(first)
    assert first.rows[0].pipeline == second.rows[0].pipeline
    assert first.rows[1].pipeline != second.rows[1].pipeline


def test_a_file_that_is_beside_another_place_is_refused_by_name(words: Path, toml: Path, tmp_path: Path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    words.rename(tmp_path / "elsewhere" / "words.txt")
    monkeypatch.chdir(tmp_path / "elsewhere")
    with pytest.raises(InvalidInput, match=r"relative to the experiment's file.*words\.txt"):
        run(Experiment.read(toml), tmp_path / "out")


@pytest.mark.parametrize(
    ("field", "spec"),
    [
        ("embedder", "models/own"),
        ("nli", "models/own"),
        ("generator", "transformers:models/own"),
        ("generator", "llamacpp:models/own/weights.bin"),
        ("rerank", "mmr+cross-encoder:model=models/own"),
        ("rewrite", "multi-query:llm=llamacpp:models/own/weights.bin"),
    ],
)
def test_every_way_to_name_a_file_puts_its_content_into_the_key(field: str, spec: str, tmp_path: Path):
    folder = tmp_path / "models" / "own" / "part"
    folder.mkdir(parents=True)
    weights = folder.parent / "weights.bin"
    seen = set()
    for content, place in (("one", weights), ("two", weights), ("three", weights), ("more", folder / "config.json")):
        place.write_text(content)
        experiment = Experiment(corpus=("x",), questions="y", vary={field: (spec,)}, folder=str(tmp_path))
        configuration = experiment.configurations()[0]
        assert str(tmp_path) in str(configuration.placed(field))
        assert str(tmp_path) not in configuration.name
        seen.add((configuration.digest, json.dumps(configuration.contents)))
    assert len(seen) == (3 if "weights" in spec else 4)


def test_files_that_change_no_figure_are_beside_the_experiment_too(tmp_path: Path):
    experiment = Experiment(corpus=("x",), questions="y", vary={"prices": ("money.json",)}, folder=str(tmp_path))
    (configuration,) = experiment.configurations()
    assert configuration.pipeline.prices == str(tmp_path / "money.json")
    assert configuration.written.prices == "money.json"


def test_code_that_a_stage_runs_is_in_its_key(toml: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    toml.write_text(toml.read_text().replace('["tokens:32/4", "headings:32/4"]', '"headings:32/4"'))
    run(Experiment.read(toml), tmp_path / "out")
    real = stages.code_of
    monkeypatch.setattr(stages, "code_of", lambda stage: "mended" if stage == "index" else real(stage))
    again = run(Experiment.read(toml), tmp_path / "out")
    assert again.card["stages_done"] == {"store": 0, "index": 2, "run": 6, "scores": 6}


WRITER = """
import sys, time
from pipelines.experiments import Experiment, run, stages
ask = stages.ask_all
def slowly(*given, **options):
    time.sleep(0.02)  # the other one comes between
    return ask(*given, **options)
stages.ask_all = slowly
run(Experiment.read(sys.argv[1]), sys.argv[2], cache=sys.argv[3])
"""


@pytest.mark.slow
def test_two_processes_that_share_a_cache_give_what_each_gives_alone(toml: Path, tmp_path: Path):
    alone = run(Experiment.read(toml), tmp_path / "alone")
    other = toml.with_name("other.toml")
    other.write_text(toml.read_text().replace('["tokens:32/4", "headings:32/4"]', '["headings:32/4", "tokens:32/4"]'))
    children = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(file), str(tmp_path / out), str(tmp_path / "cache")])
        for file, out in ((toml, "one"), (other, "two"))
    ]
    assert [child.wait(timeout=120) for child in children] == [0, 0]
    both = [Result.load(tmp_path / out) for out in ("one", "two")]
    for result in both:
        assert values(result) == {name: values(alone)[name] for name in values(result)}
    made = [sum(result.card["stages_done"].values()) for result in both]
    assert sum(made) == 30, "each distinct stage was made by one of them"
    assert not list((tmp_path / "cache").glob("*/.*"))


def test_a_stage_that_another_run_makes_is_left_to_it(tmp_path: Path):
    one, other = Cache(tmp_path), Cache(tmp_path)
    with one.making("run", "k", wait=False) as mine:
        assert mine
        with other.making("run", "k", wait=False) as its:
            assert not its
        with other.making("run", "another", wait=False) as its:
            assert its
    with other.making("run", "k", wait=True) as its:
        assert its


def test_two_experiments_never_write_into_one_folder(toml: Path, tmp_path: Path):
    from pipelines.benchmark.results import alone
    from rag.errors import RagError

    with alone(tmp_path / "out"), pytest.raises(RagError, match="another rag experiment is writing"):
        run(Experiment.read(toml), tmp_path / "out")


@pytest.mark.parametrize(
    ("pattern", "planted"),
    [
        ("scores/*/evaluation.json", "flipped"),
        ("run/*/outcomes.jsonl", "cut"),
        ("index-kb/*/store.sqlite", "gone"),
        ("index-kb/*/generations/*/*.npy", "flipped"),
        ("index-kb/*/generations/*/*.npy", "more"),
    ],
)
def test_a_damaged_stage_costs_its_work_and_is_never_a_figure(
    pattern: str, planted: str, toml: Path, tmp_path: Path, monkeypatch
):
    toml.write_text(toml.read_text().replace('["tokens:32/4", "headings:32/4"]', '"headings:32/4"'))
    toml.write_text(
        toml.read_text().replace('["flat", "hnsw"]', '"flat"').replace('["zscore", "rrf", "dense"]', '"dense"')
    )
    first = run(Experiment.read(toml), tmp_path / "out")
    victim = max((tmp_path / "out" / "cache").glob(pattern), key=lambda p: p.stat().st_size)
    raw = bytearray(victim.read_bytes())
    if planted == "gone":
        victim.unlink()
    elif planted == "more":
        (victim.parent / "stray").write_text("of nobody")
    else:
        raw[len(raw) // 2] ^= 1
        victim.write_bytes(raw[: len(raw) // 2] if planted == "cut" else raw)
    toml.write_text(toml.read_text().replace('fusion = "dense"', 'fusion = ["dense", "zscore"]'))
    second = run(Experiment.read(toml), tmp_path / "out")
    assert all(row.sound for row in second.rows)
    assert sum(second.card["stages_done"].values()) == (4 if pattern.startswith("run") else 3)
    assert second.rows[0].metrics == first.rows[0].metrics or second.rows[1].metrics == first.rows[0].metrics


@pytest.mark.slow
def test_failed_questions_are_asked_again_and_their_rows_take_no_part_in_tests(
    toml: Path, tmp_path: Path, chat_server: ChatServer, capsys
):
    toml.write_text(
        toml.read_text()
        .replace('chunker = ["tokens:32/4", "headings:32/4"]\nindex = ["flat", "hnsw"]', "")
        .replace(
            '["zscore", "rrf", "dense"]', '"zscore"\nmodel = "openai:m"\nbase_url = "%s"\nrewrite = ["none", "hyde"]'
        )
        .replace("%s", chat_server.url)
    )
    whole = '["Otters sleep in the water."]'
    chat_server.say = lambda prompt: "no list" if "marten" in prompt else whole
    code = cli(["experiment", str(toml), "--out", str(tmp_path / "out")])
    said = capsys.readouterr()
    first = Result.load(tmp_path / "out")
    bad = next(row for row in first.rows if row.parts["rewrite"] == "hyde")
    assert (code, sum(bad.failed.values()), bad.sound) == (2, 2, False), bad.failed
    assert bad.name not in first.comparisons
    assert not first.effects
    assert next(iter(failures(first)))[:20] in said.err
    assert next(iter(bad.failed)) in markdown(first)
    assert "beats the baseline" in finding(first)
    chat_server.say = lambda _: whole
    asked = len(chat_server.requests)
    assert cli(["experiment", str(toml), "--out", str(tmp_path / "out")]) == 0
    assert len(chat_server.requests) - asked <= 2 * sum(bad.failed.values()), "only what failed is asked again"
    again = Result.load(tmp_path / "out")
    assert all(row.sound for row in again.rows)
    assert len(again.comparisons) == 1
    assert cli(["experiment", str(toml), "--out", str(tmp_path / "out")]) == 0
    assert sum(Result.load(tmp_path / "out").card["stages_done"].values()) == 0


def test_a_question_that_raises_is_asked_again_by_the_next_run(toml: Path, tmp_path: Path, monkeypatch):
    real, asked = stages.ask_all, []

    def failing(system: Any, questions: Any, **options: Any) -> Any:
        from rag.evaluation import Outcome

        asked.append(len(questions))
        return [Outcome("toad-0", error="OSError: planted") if o.question == "toad-0" else o
                for o in real(system, questions, **options)]  # fmt: skip

    monkeypatch.setattr(stages, "ask_all", failing)
    toml.write_text(toml.read_text().replace('["tokens:32/4", "headings:32/4"]', '"headings:32/4"'))
    toml.write_text(toml.read_text().replace('["flat", "hnsw"]', '"flat"'))
    broken = run(Experiment.read(toml), tmp_path / "out")
    assert all(dict(row.failed) == {"OSError: planted": 1} for row in broken.rows)
    assert not broken.comparisons
    assert "rests on failures" in finding(broken)
    monkeypatch.setattr(stages, "ask_all", lambda s, q, **o: (asked.append(len(q)), real(s, q, **o))[1])
    asked.clear()
    mended = run(Experiment.read(toml), tmp_path / "out", resume=True)
    assert asked == [1] * 3
    assert all(row.sound for row in mended.rows)
    assert mended.card["stages_done"] == {"store": 0, "index": 0, "run": 3, "scores": 3}
    assert values(mended) == values(run(Experiment.read(toml), tmp_path / "undisturbed"))


def test_what_auto_does_by_itself_is_a_note_and_no_failure(toml: Path, tmp_path: Path, chat_server: ChatServer, capsys):
    """``auto`` asks a model whether and how to rewrite; one that cannot answer so will not the next time either."""
    toml.write_text(
        toml.read_text()
        .replace('chunker = ["tokens:32/4", "headings:32/4"]\nindex = ["flat", "hnsw"]', "")
        .replace('["zscore", "rrf", "dense"]', f'"zscore"\nmodel = "openai:m"\nbase_url = "{chat_server.url}"')
    )
    chat_server.say = lambda _: "no list"
    code = cli(["experiment", str(toml), "--out", str(tmp_path / "out")])
    (row,) = Result.load(tmp_path / "out").rows
    said = capsys.readouterr().err
    assert (code, row.failed) == (0, {})
    if chat_server.requests:
        assert "note: the only configuration: " in said
        assert "auto did without its language model" in said
    asked = len(chat_server.requests)
    assert cli(["experiment", str(toml), "--out", str(tmp_path / "out")]) == 0
    assert len(chat_server.requests) == asked


@pytest.mark.parametrize(
    ("note", "own"),
    [
        ("auto did without its language model: LLMBadResponse: the model did not answer with JSON: 'x'", True),
        ("auto did without its language model: LLMUnavailable: no connection", False),
        ("auto did without its language model: LLMBadResponse: x; the reranker mmr was left out: OSError: y", False),
        ("hyde was left out: LLMBadResponse: no list", False),
        ("", False),
    ],
)
def test_which_notes_are_no_failures(note: str, own: bool):
    assert is_own_way(note) is own


def test_files_of_the_corpus_that_cannot_be_read_are_said(toml: Path, tmp_path: Path, capsys):
    (toml.parent / "docs").mkdir()
    (toml.parent / "docs" / "toad.txt").write_text("Toads return to the pond of their birth each spring to spawn.")
    (toml.parent / "docs" / "broken.pdf").write_bytes(b"%PDF-1.4 nothing of the kind")
    (toml.parent / "q.jsonl").write_text(
        json.dumps({"id": "1", "text": "What do toads do?", "documents": ["docs/toad.txt"]})
    )
    toml.write_text('corpus = "docs"\nquestions = "q.jsonl"\n[vary]\nembedder = "hashing-32"\nfusion = "terms"\n')
    assert cli(["experiment", str(toml), "--out", str(tmp_path / "out")]) == 0
    assert "note: 1 files of the corpus cannot be read: docs/broken.pdf" in capsys.readouterr().err
