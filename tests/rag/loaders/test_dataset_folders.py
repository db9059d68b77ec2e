"""Folders of Hugging Face's ``datasets``: corpora out of every form that they have on disk."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from rag.documents.document import Document
from rag.errors import InvalidInput
from rag.loaders import load
from rag.loaders.dataset_folders import corpus, tables

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

DOCUMENTS = [
    {"_id": "otter", "title": "Otters", "text": "They hold hands.", "year": 2001},
    {"_id": "badger", "title": "", "text": "They dig setts.", "year": 2002},
    {"_id": "heron", "title": None, "text": "They fish.", "year": None},
]
QUESTIONS = [{"_id": "q1", "text": "Who holds hands?"}, {"_id": "q2", "text": "Who digs?"}]
JUDGMENTS = [
    {"query-id": "q1", "corpus-id": "otter", "score": 1.0},
    {"query-id": "q2", "corpus-id": "badger", "score": 2.0},
]


def saved(folder: Path, rows: list[dict[str, Any]]) -> Path:
    """Write what ``save_to_disk`` writes, in two shards."""
    folder.mkdir(parents=True)
    half = max(1, len(rows) // 2)
    names = []
    for at, part in enumerate((rows[:half], rows[half:])):
        table = pa.Table.from_pylist(part, schema=pa.Table.from_pylist(rows).schema)
        names.append(f"data-{at:05}-of-00002.arrow")
        with pa.ipc.new_stream(folder / names[-1], table.schema) as out:
            out.write_table(table)
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": name} for name in names]}))
    return folder


def split(folder: Path, **parts: list[dict[str, Any]]) -> Path:
    for name, rows in parts.items():
        saved(folder / name, rows)
    (folder / "dataset_dict.json").write_text(json.dumps({"splits": list(parts)}))
    return folder


def hub(folder: Path, **files: list[dict[str, Any]]) -> Path:
    for name, rows in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(pa.Table.from_pylist(rows), path.with_name(f"{path.name}-00000-of-00001.parquet"))
    return folder


def lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(row) + "\n" for row in rows)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())


def repository(folder: Path) -> Path:
    """Files whose names say nothing, named in the front matter of the README."""
    for name, rows in {"a": DOCUMENTS, "b": QUESTIONS, "c": JUDGMENTS}.items():
        lines(folder / f"{name}.jsonl", rows)
    configs = [("corpus", "train", "a"), ("queries", "train", "b"), ("default", "test", "c")]
    said = "".join(
        f"- config_name: {config}\n  data_files:\n  - split: {part}\n    path: {name}.jsonl\n"
        for config, part, name in configs
    )
    (folder / "README.md").write_text(f"---\nlicense: mit\nconfigs:\n{said}---\n# Animals\n")
    return folder


FORMS = {
    "saved": lambda at: saved(at, DOCUMENTS),
    "saved by split": lambda at: split(at, corpus=DOCUMENTS, queries=QUESTIONS),
    "three saved": lambda at: [saved(at / "corpus", DOCUMENTS), split(at / "qrels", test=JUDGMENTS)] and at,
    "parquet": lambda at: hub(at, corpus__corpus=DOCUMENTS, queries__queries=QUESTIONS, data__test=JUDGMENTS),
    "only parquet": lambda at: hub(at, data__train=DOCUMENTS),
    "gzip": lambda at: [lines(at / "corpus.jsonl.gz", DOCUMENTS), lines(at / "queries.jsonl.gz", QUESTIONS)] and at,
    "repository": repository,
}


def read(folder: Path) -> tuple[list[Document], list[str]]:
    failures: list[Any] = []
    return list(load(f"datasets:{folder}", failures=failures)), [str(each) for each in failures]


@pytest.mark.parametrize("form", FORMS)
def test_a_corpus_is_read_in_every_form(tmp_path: Path, form: str):
    folder = FORMS[form](tmp_path / "animals")
    documents, failures = read(folder)
    assert not failures
    assert [(each.id, each.title, each.text) for each in documents] == [
        ("otter", "Otters", "They hold hands."), ("badger", "", "They dig setts."), ("heron", "", "They fish."),
    ]  # fmt: skip
    assert [each.metadata["year"] for each in documents] == [2001, 2002, None]
    assert all(each.source.startswith(f"datasets:{folder}/") for each in documents)


def test_what_the_library_saves_is_read(tmp_path: Path):
    datasets = pytest.importorskip("datasets")
    datasets.disable_progress_bars()
    made = datasets.Dataset.from_list(DOCUMENTS)
    made.save_to_disk(tmp_path / "one", num_shards=2)
    datasets.DatasetDict({"corpus": made, "queries": datasets.Dataset.from_list(QUESTIONS)}).save_to_disk(
        tmp_path / "several"
    )
    for folder in (tmp_path / "one", tmp_path / "several"):
        assert [each.id for each in read(folder)[0]] == ["otter", "badger", "heron"]


def test_rows_without_an_id_are_named_by_their_place_and_those_without_a_text_are_listed(tmp_path: Path):
    lines(tmp_path / "d/train.jsonl", [{"passage": "Otters."}, {"passage": ""}, {"question": "Who?"}])
    documents, failures = read(tmp_path / "d")
    assert [(each.id, each.text) for each in documents] == [(f"datasets:{tmp_path}/d/train.jsonl#line 1", "Otters.")]
    assert ["no text" in each for each in failures] == [True, True]
    assert "its columns are question" in failures[1]


def test_damage_is_a_failure_of_its_file(tmp_path: Path):
    folder = hub(tmp_path / "d", corpus__first=DOCUMENTS)
    (shard,) = corpus(folder)
    Path(shard.path).write_bytes(Path(shard.path).read_bytes()[:-20])
    (folder / "corpus/second.csv").write_text("id,text\n1,Otters.\n")
    documents, failures = read(folder)
    assert [each.text for each in documents] == ["Otters."]
    assert len(failures) == 1
    assert "is it whole?" in failures[0]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda at: None, "is not a folder"),
        (lambda at: at.mkdir(), "not a folder of a data set"),
        (lambda at: hub(at, queries=QUESTIONS, qrels=JUDGMENTS), "has no corpus; its tables are"),
        (lambda at: [at.mkdir(), (at / "state.json").write_text("[")], "cannot be read"),
        (
            lambda at: [at.mkdir(), (at / "state.json").write_text('{"_data_files": [{"filename": "../x.arrow"}]}')],
            "outside its folder",
        ),
        (
            lambda at: [hub(at, train=DOCUMENTS), (at / "x.parquet").symlink_to(at.parent / "y.parquet")],
            "a link that leaves the folder",
        ),
    ],
)
def test_what_is_no_corpus_is_refused(tmp_path: Path, make: Any, said: str):
    hub(tmp_path, y=DOCUMENTS)
    (tmp_path / "y-00000-of-00001.parquet").rename(tmp_path / "y.parquet")
    make(tmp_path / "set")
    with pytest.raises(InvalidInput) as caught:
        corpus(tmp_path / "set")
    assert said in str(caught.value)
    documents, failures = read(tmp_path / "set")
    assert not documents
    assert len(failures) == 1


def test_the_hubs_cache_is_read_through_its_links(tmp_path: Path):
    hub(tmp_path / "blobs", corpus=DOCUMENTS)
    (blob,) = (tmp_path / "blobs").iterdir()
    revision = tmp_path / "snapshots" / "abc" / "corpus"
    revision.mkdir(parents=True)
    (revision / "train-00000-of-00001.parquet").symlink_to(blob.rename(tmp_path / "blobs" / "f00"))
    assert [table.name for table in tables(revision.parent)] == ["corpus/train"]
    assert [each.id for each in read(revision.parent)[0]] == ["otter", "badger", "heron"]


def test_a_corpus_is_ingested_once_and_pruned_when_it_goes(tmp_path: Path):
    from pipelines.ingest import Options, ingest
    from rag.knowledge_base import KnowledgeBase

    folder = hub(tmp_path / "animals", corpus__corpus=DOCUMENTS)
    options = Options(embedder="hashing-64")
    assert ingest([f"datasets:{folder}"], tmp_path / "kb", options=options).added == 3
    again = ingest([f"datasets:{folder}"], tmp_path / "kb")
    assert (again.added, again.unchanged_files) == (0, 1)
    parquet.write_table(pa.Table.from_pylist(DOCUMENTS[:2]), corpus(folder)[0].path)
    ingest([f"datasets:{folder}"], tmp_path / "kb")
    with KnowledgeBase.open(tmp_path / "kb") as kb:
        assert sorted(kb.document_ids()) == ["badger", "otter"]
    Path(corpus(folder)[0].path).unlink()
    saved(folder / "other", DOCUMENTS[2:])
    assert ingest([f"datasets:{folder}"], tmp_path / "kb", prune=True).removed == 2


def test_ids_and_cells_of_tables_are_read_as_meant(tmp_path: Path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set/corpus.csv").write_text(f'id,text\n1,"{"x " * 100_000}"\n2,short\n')
    documents, failures = read(tmp_path / "set")
    assert ([each.id for each in documents], failures) == (["1", "2"], [])
    lines(tmp_path / "set/corpus.jsonl", [{"id": 3.0, "text": "a"}, {"id": True, "text": "b"}, {"id": "", "text": "c"}])
    (tmp_path / "set/corpus.csv").write_bytes("id,text\n1,caf\xe9\n".encode("latin-1"))
    documents, failures = read(tmp_path / "set")
    assert [each.id for each in documents] == ["3"]
    assert len(failures) == 3
    assert sum("not UTF-8" in each for each in failures) == 1
