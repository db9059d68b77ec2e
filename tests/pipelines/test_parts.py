"""Parts of other packages at the command line, in processes of their own, as a user has them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import plugin_package
import pytest
from forked_commands import ForkedCommands

from pipelines.cli.exit_codes import BAD_USAGE, FAILED, OK
from rag.components import TABLES

QUESTION = {"id": "q1", "text": "When does the ferry leave?", "documents": {"docs/boats.xyz": 1}}


Rag = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with documents, and both packages."""
    folder = tmp_path_factory.mktemp("home")
    plugin_package.install(folder / "good")
    plugin_package.install_broken(folder / "bad")
    (folder / "docs").mkdir()
    (folder / "docs" / "boats.xyz").write_text("Boats: The ferry leaves at noon.\nThe barge has gone.\n")
    (folder / "docs" / "broken.xyz").write_text("BAD")
    (folder / "docs" / "moon.txt").write_text("The moon is far from the ferry, and no boat goes there at all.\n")
    (folder / "questions.jsonl").write_text(json.dumps(QUESTION))
    return folder


@pytest.fixture(scope="module")
def rag(home: Path) -> Iterator[Rag]:
    """Commands where both packages are installed and ``kb`` has the documents, each in a process of its own."""
    path = os.pathsep.join(map(str, (home / "good", home / "bad", Path(__file__).parents[2])))
    with ForkedCommands({**os.environ, "PYTHONPATH": path}) as commands:
        rag = partial(commands.run, cwd=home)
        made = rag("ingest", "docs", "--into", "kb", "--embedder", "mine:dim=64", "--chunker", "mine", "--json")
        assert json.loads(made.stdout)["chunks"] == 3, made.stderr
        assert "begins with BAD" in made.stdout
        yield rag


def test_ask_with_parts_of_another_package(rag: Rag) -> None:
    parts = ["--rewrite", "mine:old=vessel", "--rerank", "mine", "--context", "mine", "--generator", "mine:loud=true"]
    found = rag("ask", "kb", "When does the vessel leave?", "--fusion", "mine", *parts, "--json")
    assert found.returncode == OK, found.stderr
    answer = json.loads(found.stdout)
    assert answer["answer"] == "WHEN DOES THE VESSEL LEAVE? THE BARGE HAS GONE."
    assert answer["searched"] == "When does the ferry leave?"
    assert [(p["type"], p["metadata"]) for p in answer["passages"]] == [("xyz", {"made_by": "mine"})]


@pytest.mark.slow
def test_the_choice_is_stored_and_measured(rag: Rag) -> None:
    stored = rag("configure", "kb", "--set", "rerank=mine", "--set", "generator=mine")
    assert 'rerank = "mine" # stored' in stored.stdout, stored.stderr
    found = rag("evaluate", "kb", "questions.jsonl", "--metrics", "found,answer_length", "-k", "2", "--json")
    assert found.returncode == OK, found.stderr
    result = json.loads(found.stdout)
    assert result["pipeline"]["generator"] == "mine"
    assert result["metrics"]["found"]["value"] == 2
    assert result["metrics"]["answer_length"]["value"] > len(QUESTION["text"])
    assert rag("configure", "kb", "--reset").returncode == OK


@pytest.mark.slow
def test_an_experiment_varies_them(home: Path, rag: Rag) -> None:
    (home / "experiment.toml").write_text(
        'corpus = "docs"\nquestions = "questions.jsonl"\n[measure]\nmetrics = ["found"]\n'
        '[vary]\nchunker = ["mine", "mine:size=2"]\nembedder = ["mine:dim=64"]\nrerank = ["none", "mine"]\n'
    )
    found = rag("experiment", "experiment.toml", "--json")
    assert found.returncode == OK, found.stdout + found.stderr
    assert found.stdout.count("mine:size=2") >= 2


def test_parts_lists_them_with_their_package(rag: Rag) -> None:
    found = rag("parts", "--json")
    rows = json.loads(found.stdout)
    assert found.returncode == OK
    assert {row["kind"] for row in rows} == set(TABLES)
    mine = {"kind": "reranker", "name": "mine", "package": "mine-parts 0.1", "line": "The shortest passage first."}
    assert {**mine, "problem": ""} in rows
    assert {"rag-workbench", "mine-parts 0.1", "broken-parts 0.1"} == {row["package"] for row in rows}


def test_a_broken_part_costs_one_line_of_the_listing(rag: Rag) -> None:
    found = rag("parts", "context step")
    assert found.returncode == OK
    assert [line.split()[0] for line in found.stdout.splitlines() if line.startswith("  ") and line[2] != " "] == [
        "budget", "edges", "neighbours", "section", "unique", "mine", "wrong_constructor"
    ]  # fmt: skip
    assert max(map(len, found.stdout.splitlines())) <= 80
    lines = found.stderr.splitlines()
    assert [line.split("'")[1] for line in lines] == sorted(set(plugin_package.BROKEN) - {"wrong_constructor"})
    assert all("broken-parts 0.1 cannot be used (" in line for line in lines)
    assert "Traceback" not in found.stderr


def test_no_other_command_minds_a_broken_part(rag: Rag) -> None:
    found = rag("ask", "kb", "When does the ferry leave?", "--rewrite", "mine")
    assert (found.returncode, "broken" in found.stderr) == (OK, False)


@pytest.mark.parametrize(
    "arguments",
    [
        ["ask", "kb", "A ferry?", "--rerank", "bad_syntax"],
        ["ask", "kb", "A ferry?", "--generator", "leaves"],
        ["search", "kb", "A ferry?", "--rewrite", "wrong_type"],
        ["ingest", "docs", "--into", "kb2", "--embedder", "hashing-64", "--chunker", "lost_import"],
        ["ingest", "docs", "--into", "kb2", "--embedder", "raises"],
        ["ingest", "docs", "--into", "kb2", "--embedder", "hashing-64", "--index", "bad_syntax"],
        ["evaluate", "kb", "questions.jsonl", "--metrics", "raises"],
    ],
)
def test_one_that_is_named_is_an_error_with_package_and_reason(rag: Rag, arguments: list[str]) -> None:
    found = rag(*arguments)
    assert found.returncode == FAILED, found.stdout + found.stderr
    assert "broken-parts" in found.stderr
    assert "Traceback" not in found.stderr
    assert len(found.stderr.splitlines()) == 1


def test_a_kind_that_does_not_exist_is_bad_usage(rag: Rag) -> None:
    found = rag("parts", "chunkers")
    assert (found.returncode, "did you mean 'chunker'" in found.stderr) == (BAD_USAGE, True)


def test_an_index_whose_library_is_missing_is_listed_with_its_install_line(monkeypatch):
    from rag.components import listed

    monkeypatch.setitem(sys.modules, "annoy", None)
    lines = {part.name: part.line for part in listed("index")}
    assert "not installed: pip install 'rag-workbench[annoy]'" in lines["annoy"]
    assert "not installed" not in lines["flat"]
