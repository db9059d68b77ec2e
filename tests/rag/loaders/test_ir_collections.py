"""Collections of ir_datasets: read from disk, never from the network."""

from __future__ import annotations

import importlib
import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from rag.errors import InvalidInput
from rag.evaluation import read_questions
from rag.loaders import ir_collections, load

pytest.importorskip("ir_datasets")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the library's data in a folder of the test's own; it looks where they are when it is imported."""
    before = {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] == "ir_datasets"}
    monkeypatch.setenv("IR_DATASETS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("IR_DATASETS_TMP", str(tmp_path / "tmp"))

    def no_connection(*_: Any, **__: Any) -> Any:
        raise AssertionError("the network was asked")

    monkeypatch.setattr("socket.socket.connect", no_connection)
    yield tmp_path / "home"  # type: ignore[misc]
    for name in [name for name in sys.modules if name.partition(".")[0] == "ir_datasets"]:
        del sys.modules[name]
    sys.modules.update(before)


@pytest.fixture
def scifact(home: Path) -> str:
    """Put a small archive where the library keeps the one that it fetches."""
    place = home / "beir" / "scifact"
    place.mkdir(parents=True)
    texts = {"otter": "They hold hands.", "badger": "They dig setts.", "heron": "They fish."}
    rows = [{"_id": name, "title": name.title(), "text": text, "metadata": {}} for name, text in texts.items()]
    asked = [("q1", "Who holds hands?"), ("q2", "Who digs?"), ("q3", "Who sings?")]
    questions = [{"_id": name, "text": text, "metadata": {}} for name, text in asked]
    with zipfile.ZipFile(place / "source.zip", "w") as out:
        out.writestr("scifact/corpus.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
        out.writestr("scifact/queries.jsonl", "".join(json.dumps(row) + "\n" for row in questions))
        for split, judged in {"test": "q1\totter\t1\nq2\tbadger\t2\n", "train": "q1\totter\t1\n"}.items():
            out.writestr(f"scifact/qrels/{split}.tsv", f"query-id\tcorpus-id\tscore\n{judged}")
    return "beir/scifact"


def test_documents_and_judged_questions_are_read(scifact: str):
    documents = list(load(f"ir_datasets:{scifact}"))
    assert [(each.id, each.title, each.text) for each in documents][:2] == [
        ("otter", "Otter", "They hold hands."), ("badger", "Badger", "They dig setts."),
    ]  # fmt: skip
    assert {(each.source, each.location) for each in documents} == {(f"ir_datasets:{scifact}", "")}
    asked = read_questions(f"ir_datasets:{scifact}/test")
    assert [(q.id, q.text, q.documents) for q in asked] == [
        ("q1", "Who holds hands?", {"otter": 1}), ("q2", "Who digs?", {"badger": 2}),
    ]  # fmt: skip
    assert asked.name == f"{scifact}/test"


def test_a_collection_is_ingested_once_and_experimented_on(scifact: str, tmp_path: Path):
    from pipelines.experiments import Experiment, run
    from pipelines.ingest import Options, ingest

    spec = f"ir_datasets:{scifact}"
    assert ingest([spec], tmp_path / "kb", options=Options(embedder="hashing-64")).added == 3
    assert ingest([spec], tmp_path / "kb").unchanged_files == 1
    (tmp_path / "e.toml").write_text(
        f'corpus = "{spec}"\nquestions = "{spec}/test"\n[measure]\nlatency = 0\n[vary]\nembedder = "hashing-64"\n'
    )
    result = run(Experiment.read(tmp_path / "e.toml"), tmp_path / "out")
    assert result.rows[0].metrics["nDCG@10"].value
    assert result.card["corpus"]["paths"] == [spec]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("beir/nfcorpus", "export beir/nfcorpus docs > /dev/null"),
        ("vaswani", "not on this machine"),
        ("beir/scifac", "did you mean 'beir/scifact'"),
    ],
)
def test_nothing_is_downloaded_and_the_message_says_how(name: str, said: str, tmp_path: Path, capfd: Any):
    from pipelines.ingest import ingest

    with pytest.raises(InvalidInput) as caught:
        ir_collections.check(name)
    assert said in str(caught.value)
    with pytest.raises(InvalidInput):
        ingest([f"ir_datasets:{name}"], tmp_path / "kb")
    assert not (tmp_path / "kb").exists()
    failures: list[Any] = []
    assert not list(load(f"ir_datasets:{name}", failures=failures))
    assert said in str(failures[0])
    assert "Download failed" not in capfd.readouterr().err


def test_a_name_without_judgments_says_which_have(scifact: str):
    with pytest.raises(InvalidInput, match="has no judgments; those that have: beir/scifact/test, beir/scifact/train"):
        read_questions(f"ir_datasets:{scifact}")


def test_the_library_may_download_again_afterwards(scifact: str):
    library = importlib.import_module("ir_datasets")
    before = library.lazy_libs.requests
    list(load(f"ir_datasets:{scifact}"))
    with pytest.raises(InvalidInput):
        ir_collections.check("beir/arguana")
    assert library.lazy_libs.requests is before


def test_the_library_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch):
    from rag.errors import ExtraMissing

    monkeypatch.setitem(sys.modules, "ir_datasets", None)
    with pytest.raises(ExtraMissing, match=r"pip install 'rag-workbench\[ir-datasets\]'"):
        read_questions("ir_datasets:beir/scifact/test")
