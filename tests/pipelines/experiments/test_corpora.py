"""Corpora and questions out of Python."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipelines.experiments import Experiment, Measure, run
from pipelines.experiments.corpora import parted
from rag.documents.document import Document
from rag.errors import InvalidInput
from rag.evaluation import read_questions

SMALL = Measure(metrics=("nDCG@10",), latency=0)


def experiment(corpus: Any, questions: Any) -> Experiment:
    return Experiment(corpus=corpus, questions=questions, vary={"embedder": ("hashing-64",)}, measure=SMALL)


@pytest.fixture
def rows(facts: dict[str, str]) -> list[dict[str, Any]]:
    return [{"_id": name, "title": name.title(), "text": text} for name, text in facts.items()]


def test_objects_give_the_figures_of_the_same_files(beir: Path, rows: list[dict[str, Any]], tmp_path: Path):
    asked = read_questions(f"beir:{beir}")
    frame = pd.DataFrame([{"id": q.id, "text": q.text, "documents": dict(q.documents)} for q in asked])
    files = run(experiment(f"beir:{beir}", f"beir:{beir}"), tmp_path / "files")
    wanted = files.rows[0].metrics
    documents = [Document.from_text(row["text"], id=row["_id"], title=row["title"]) for row in rows]
    for at, (corpus, questions) in enumerate(
        [(documents, asked), (iter(rows), frame), (pd.DataFrame(rows), list(asked)), ([documents[:3], rows[3:]], asked)]
    ):
        found = run(experiment(corpus, questions), tmp_path / str(at), cache=tmp_path / "cache")
        assert found.rows[0].metrics == wanted
        assert found.card["corpus"]["paths"] == ["8 documents from Python"]
        assert found.card["stages_done"]["store"] == (at == 0), "what is equal is stored once"


def test_another_text_is_another_corpus(rows: list[dict[str, Any]], beir: Path, tmp_path: Path):
    one = experiment(rows, f"beir:{beir}")
    rows[0]["text"] += " And juggle stones."
    two = experiment(rows, f"beir:{beir}")
    assert one.digest != two.digest
    run(one, tmp_path / "out")
    assert run(two, tmp_path / "out").card["stages_done"]["store"] == 1
    assert dataclasses.replace(two, name="experiment").digest == two.digest


def test_several_corpora_of_files_and_objects(beir: Path, rows: list[dict[str, Any]], tmp_path: Path):
    lines = (beir / "corpus.jsonl").read_text().splitlines(keepends=True)
    other = tmp_path / "other"
    other.mkdir()
    (other / "corpus.jsonl").write_text("".join(lines[:2]))
    (beir / "corpus.jsonl").write_text("".join(lines[2:5]))
    result = run(experiment((f"beir:{beir}", f"beir:{other}", rows[5:]), f"beir:{beir}"), tmp_path / "out")
    assert result.rows[0].sound
    facts = json.loads(next((tmp_path / "out" / "cache" / "store-kb").glob("*/stage.json")).read_text())
    assert (facts["documents"], facts["n_failures"]) == (8, 0)
    assert result.card["corpus"]["paths"] == [f"beir:{beir}", f"beir:{other}", "3 documents from Python"]


def test_a_name_of_a_file_and_a_document_is_no_row(beir: Path, rows: list[dict[str, Any]], tmp_path: Path):
    result = run(experiment((f"beir:{beir}", rows[:1]), f"beir:{beir}"), tmp_path / "out")
    assert "a file and a document of the corpus are both called 'otter'" in result.rows[0].error


@pytest.mark.parametrize(
    ("corpus", "said"),
    [
        ([], "corpus is empty"),
        (3, "not a int"),
        ([3], "not a int"),
        ([{"id": "1"}], "document 1 of the corpus needs an id and a text; it has id"),
        ([[{"id": "1", "text": "x"}, "y"]], "document 2 of the corpus is a str"),
        ([{"id": "1", "text": "x"}, {"id": 1, "text": "y"}], "two documents of the corpus have the id '1'"),
    ],
)
def test_what_is_no_corpus_is_refused(corpus: Any, said: str):
    with pytest.raises(InvalidInput) as caught:
        experiment(corpus, [{"text": "What?"}])
    assert said in str(caught.value)


def test_documents_of_one_source_stay_together():
    a, b, c = (Document(n, "text", source=s) for n, s in (("1", "x"), ("2", "y"), ("3", "x")))
    assert [each.id for each in parted([a, b, c])[1]] == ["1", "3", "2"]


@pytest.mark.slow
def test_a_folder_that_hugging_face_s_datasets_saved(beir: Path, rows: list[dict[str, Any]], tmp_path: Path):
    datasets = pytest.importorskip("datasets", reason="pip install 'rag-workbench[mteb]'")
    asked = [{"id": q.id, "text": q.text, "documents": list(q.documents)} for q in read_questions(f"beir:{beir}")]
    for name, table in (("corpus", rows), ("questions", asked)):
        datasets.Dataset.from_list(table).save_to_disk(tmp_path / name)
    own = experiment(datasets.load_from_disk(tmp_path / "corpus"), datasets.load_from_disk(tmp_path / "questions"))
    files = run(experiment(f"beir:{beir}", f"beir:{beir}"), tmp_path / "files")
    assert run(own, tmp_path / "out").rows[0].metrics == files.rows[0].metrics


def test_a_frame_of_polars_is_a_corpus_as_one_of_pandas_is(rows: list[dict[str, Any]]):
    polars = pytest.importorskip("polars")
    typed = [{**row, "year": 2000 + at, "tags": ["a", "b"]} for at, row in enumerate(rows)]
    paths, found = parted(polars.DataFrame(typed))
    assert (paths, found) == ((), parted(typed)[1])
    assert found[0].metadata["tags"] == ["a", "b"]
    assert parted([polars.DataFrame(typed[:3]), polars.DataFrame(typed[3:])])[1] == found
