"""Every command that retrieves uses one pipeline value, and says which: stored, of a file, or of an option."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.cli import run
from rag import Bot, Document, HashingEmbedder, KnowledgeBase, PipelineConfig
from rag.generation.calibration import Calibration

ANIMALS = [
    "otter", "heron", "badger", "lynx", "stoat", "raven", "trout", "viper", "moth", "hare", "wolf", "crane", "newt",
    "shrew", "eagle", "perch", "toad", "swift", "bison", "ermine",
]  # fmt: skip
PLACES = ("river", "marsh", "forest", "hill", "field")
STORED = PipelineConfig(k=4, rerank="mmr", rewrite="none")
ASKED = 40
QUESTION = "Where does the otter of the river sleep?"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A knowledge base with a stored value, questions with gold and answers, a file of settings, an experiment."""
    folder = tmp_path_factory.mktemp("commands")
    names = [(animal, place) for animal in ANIMALS for place in PLACES]
    texts = {f"{a}-{p}": f"The {a} of the {p} sleeps under stone number {n}." for n, (a, p) in enumerate(names)}
    with KnowledgeBase.create(folder / "kb", embedder="hashing-64", chunker="document") as kb:
        kb.add(Document.from_text(text, id=name) for name, text in texts.items())
        STORED.store(kb)
    rows = [
        {"id": f"{a}-{p}", "question": f"Where does the {a} of the {p} sleep?", "documents": [f"{a}-{p}"],
         "answers": [f"stone number {n}"] if n % 3 else ["nowhere"]}
        for n, (a, p) in enumerate(names[:ASKED])
    ]  # fmt: skip
    (folder / "questions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (folder / "asked.jsonl").write_text(json.dumps({"_id": "1", "text": QUESTION}))
    (folder / "bot.toml").write_text('context = "unique"\n')
    return folder


def ask(made: Path, *more: str) -> list[str]:
    return ["ask", str(made / "kb"), QUESTION, "--json", *more]


COMMANDS: dict[str, Callable[..., list[str]]] = {
    "ask": ask,
    "chat": lambda made, *more: ["chat", str(made / "kb"), "--json", *more],
    "search": lambda made, *more: ["search", str(made / "kb"), QUESTION, "--json", *more],
    "explain": lambda made, *more: ["search", str(made / "kb"), QUESTION, "--explain", "--json", *more],
    "run": lambda made, *more: [
        "search", str(made / "kb"), "--questions", str(made / "asked.jsonl"), "--run", str(made / "out.trec"), "--json",
        *more,
    ],
    "evaluate": lambda made, *more: ["evaluate", str(made / "kb"), str(made / "questions.jsonl"), "--json", *more],
    "answers": lambda made, *more: [
        "evaluate", str(made / "kb"), str(made / "questions.jsonl"), "--judge", "extractive", "--sample", "5", "--json",
        *more,
    ],
    "calibrate": lambda made, *more: [
        "calibrate", str(made / "kb"), str(made / "questions.jsonl"), "--dry-run", "--json", *more
    ],
    "tune": lambda made, *more: [
        "tune", str(made / "kb"), "--retriever", str(made / "questions.jsonl"), "--folds", "2", "--queries", "10",
        "--json", *more,
    ],
    "bench": lambda made, *more: [
        "bench", "--data", str(made / "kb"), "--out", str(made / "bench"), "--index", "hnsw:M=8", "--rounds", "1",
        "--queries", "10", "-k", "3", "--resume", "--json", *more,
    ],
    "show-config": lambda made, *more: ask(made, "--show-config", *more),
}  # fmt: skip
ONLY_SET = {"tune", "bench"}
"""Commands whose own options are many: they take ``--set`` and no option for each field."""


def digest_of(command: str, made: Path, *more: str, monkeypatch: Any, capsys: Any) -> str:
    monkeypatch.setattr("sys.stdin", io.StringIO(QUESTION + "\n"))
    capsys.readouterr()
    code = run(COMMANDS[command](made, *more))
    out, err = capsys.readouterr()
    assert code in {0, 2}, err
    return str(json.loads(out)["pipeline"]["digest"])


_LONG = {"bench", "tune"}


@pytest.mark.parametrize(
    "command", [pytest.param(each, marks=[pytest.mark.slow] if each in _LONG else []) for each in COMMANDS]
)
def test_every_command_says_the_digest_of_the_value_it_used(
    command: str, made: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = {"monkeypatch": monkeypatch, "capsys": capsys}
    assert digest_of(command, made, **told) == STORED.digest
    file = ("--config", str(made / "bot.toml"))
    assert digest_of(command, made, *file, **told) == STORED.with_(context="unique").digest
    option = ("--set", "max_per_source=2") if command in ONLY_SET else ("--max-per-source", "2")
    assert digest_of(command, made, *file, *option, **told) == STORED.with_(context="unique", max_per_source=2).digest


def test_an_experiment_says_the_digest_of_each_row(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (made / "docs").mkdir(exist_ok=True)
    for name in ANIMALS:
        (made / "docs" / f"{name}.txt").write_text(f"The {name} sleeps in the river.")
    rows = [{"id": a, "question": f"Where does the {a} sleep?", "documents": [f"docs/{a}.txt"]} for a in ANIMALS]
    (made / "few.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (made / "experiment.toml").write_text(
        'corpus = ["docs"]\nquestions = "few.jsonl"\n[pipeline]\nk = 4\nrewrite = "none"\n'
        '[vary]\nembedder = "hashing-64"\nrerank = ["none", "mmr"]\n[measure]\nlatency = 0\n'
    )
    assert run(["experiment", str(made / "experiment.toml"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["rows"]
    assert {row["pipeline"]["digest"] for row in found} == {STORED.digest, STORED.with_(rerank="none").digest}


def test_the_precedence_is_said_with_every_origin(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = ("--config", str(made / "bot.toml"), "-k", "7", "--set", "depth=50", "--show-config")
    assert run(ask(made, *more)) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["precedence"] == ["option", "--config FILE", "stored", "default"]
    origins = {name: said["from"][name] for name in ("k", "depth", "context", "rerank", "fusion")}
    assert origins == {
        "k": "option", "depth": "option", "context": "--config FILE", "rerank": "stored", "fusion": "default",
    }  # fmt: skip
    assert (said["pipeline"]["k"], said["pipeline"]["depth"], said["pipeline"]["context"]) == (7, 50, "unique")
    assert run(["ask", str(made / "kb"), QUESTION, "--show-config"]) == 0
    text = capsys.readouterr().out
    assert "option > --config FILE > stored > default" in text
    assert 'rerank = "mmr"' in text
    assert run(["ask", str(made / "kb2"), QUESTION, "--show-config"]) == 64
    assert "no knowledge base in" in capsys.readouterr().err
    assert run(["bench", "--data", str(made / "kb2"), "--show-config", "--json"]) == 0  # vectors have none stored
    assert json.loads(capsys.readouterr().out)["pipeline"]["digest"] == PipelineConfig().digest


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--set", "rernak=mmr"), "did you mean 'rerank'"),
        (("--set", "rerank"), "write NAME=VALUE"),
        (("--set", "rerank=mrm"), "did you mean 'mmr'"),
        (("--set", "temperature=0.3"), "temperature: for language models"),
        (("--config", "nowhere.toml"), "cannot read the configuration nowhere.toml"),
        (("--rewrite", "spelling,rm3"), "join parts by +"),
    ],
)
def test_what_is_not_allowed_is_refused(
    made: Path, more: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(ask(made, *more)) == 64
    assert said in capsys.readouterr().err


def test_configure_shows_changes_dumps_and_resets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kb = tmp_path / "kb"
    with KnowledgeBase.create(kb, embedder=HashingEmbedder(64)) as base:
        base.add([Document.from_text("Otters hold hands.", id="otters")])

    def configure(*more: str) -> dict[str, Any]:
        capsys.readouterr()
        assert run(["configure", str(kb), "--json", *more]) == 0
        return dict(json.loads(capsys.readouterr().out))

    assert configure()["changed"] == {}
    config = PipelineConfig(rerank="mmr", k=3, stop=("END", "###"), generator="openai:tiny")
    own = ("--set", "rerank=mmr", "--set", "k=3", "--set", "stop=END", "--set", "stop=###")
    assert configure(*own, "--set", "generator=openai:tiny")["pipeline"] == config.form()
    file = tmp_path / "bot.toml"
    assert configure("--dump", str(file))["pipeline"]["digest"] == config.digest
    assert PipelineConfig.load(file) == config
    assert configure("--reset")["changed"] == {}
    assert configure("--file", str(file))["pipeline"]["digest"] == config.digest
    assert configure("--reset", "--set", "k=9")["changed"] == {"k": 9}
    for wrong in ("rerank=mmr:diversty=1", "fusion=max", "k=0"):
        assert run(["configure", str(kb), "--set", wrong]) == 64
    assert configure()["changed"] == {"k": 9}
    assert configure("--undo")["pipeline"]["digest"] == config.digest  # --reset with --set was one step
    assert configure("--undo")["changed"] == {}
    assert run(["configure", str(kb), "--undo", "--set", "k=2"]) == 64
    assert configure("--set", "k=9")["changed"] == {"k": 9}
    assert run(["status", str(kb), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["pipeline"]["k"] == 9
    assert run(["status", str(kb)]) == 0
    assert "k = 9" in capsys.readouterr().out
    assert run(["configure", str(kb)]) == 0
    assert "k = 9" in capsys.readouterr().out


@pytest.mark.slow
def test_calibrate_and_ask_give_the_same_passages_and_support(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the calibration is fitted on is what is asked."""
    from pipelines.evaluation import calibration

    seen = {}
    real = calibration.signals

    def signals(answer: Any) -> Any:
        seen[answer.question] = answer
        return real(answer)

    monkeypatch.setattr(calibration, "signals", signals)
    assert run(COMMANDS["calibrate"](made)) == 0
    assert len(seen) == ASKED
    with Bot.open(made / "kb") as bot:
        for question, fitted in seen.items():
            asked = bot.ask(question)
            assert [(p.chunk, p.score) for p in asked.passages] == [(p.chunk, p.score) for p in fitted.passages]
            assert (asked.searched, asked.support) == (fitted.searched, fitted.support) or asked.abstained


def test_a_calibration_of_another_value_is_not_applied_and_said(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import shutil

    kb = shutil.copytree(made / "kb", tmp_path / "kb")
    assert run(["calibrate", str(kb), str(made / "questions.jsonl")]) == 0
    with KnowledgeBase.open(kb, embedder=HashingEmbedder(64)) as base:
        stored = base.setting("calibration:extractive")
        assert stored is not None
        assert PipelineConfig.loads(Calibration.from_json(stored).pipeline) == STORED
    capsys.readouterr()
    run(["ask", str(kb), QUESTION, "--json"])
    assert json.loads(capsys.readouterr().out)["notes"] == []
    run(["ask", str(kb), QUESTION, "--json", "--rerank", "none"])
    (note,) = json.loads(capsys.readouterr().out)["notes"]
    assert "rerank: mmr then, none now" in note
    assert f"rag calibrate {kb} QUESTIONS" in note
    run(["ask", str(kb), QUESTION, "--rerank", "none"])
    assert "fitted under another pipeline" in " ".join(capsys.readouterr().err.split())
    run(["ask", str(kb), QUESTION, "--json", "--deadline", "60"])
    assert json.loads(capsys.readouterr().out)["notes"] == []


@pytest.mark.slow
def test_a_baseline_of_another_value_names_the_fields(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = tmp_path / "before.json"
    evaluate = COMMANDS["evaluate"](made)
    assert run([*evaluate, "--save", str(saved)]) == 0
    capsys.readouterr()
    again = [*evaluate, "--baseline", str(saved), "--fusion", "rrf", "-k", "3"]
    assert run(again) == 0
    assert json.loads(capsys.readouterr().out)["pipeline_changes"] == {"k": [3, 4], "fusion": ["rrf", "zscore"]}
    assert run([part for part in again if part != "--json"]) == 0
    assert "fusion: rrf, baseline zscore" in capsys.readouterr().out
