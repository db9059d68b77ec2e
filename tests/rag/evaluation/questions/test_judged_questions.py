"""Questions out of folders of Hugging Face's ``datasets``, and out of Parquet files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rag.errors import ExtraMissing, InvalidInput
from rag.evaluation import read_questions

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")
feather = pytest.importorskip("pyarrow.feather")

DOCUMENTS = [{"_id": "otter", "title": "Otters", "text": "They hold hands."}]
QUESTIONS = [{"_id": "1", "text": "Who holds hands?"}, {"_id": "2", "text": "Who digs?"}, {"_id": "3", "text": "Who?"}]
JUDGED = [
    {"query-id": "1", "corpus-id": "otter", "score": 1.0},
    {"query-id": "2", "corpus-id": "badger", "score": 2.0},
    {"query-id": "2", "corpus-id": "heron", "score": 0.0},
    {"query-id": "9", "corpus-id": "heron", "score": 1.0},
]
MEANT = [("1", "Who holds hands?", {"otter": 1}), ("2", "Who digs?", {"badger": 2, "heron": 0})]


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        parquet.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix in {".feather", ".arrow"}:
        feather.write_feather(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".tsv":
        cells = [list(rows[0]), *(map(str, row.values()) for row in rows)]
        path.write_text("".join("\t".join(each) + "\n" for each in cells).replace(".0", ""))
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.mark.parametrize("judgments", ["qrels/test.tsv", "qrels/test.jsonl", "data/test.parquet", "qrels-test.feather"])
@pytest.mark.parametrize("asked", ["queries.jsonl", "queries/train-00000-of-00001.parquet"])
def test_judged_questions_are_read_in_every_form(tmp_path: Path, judgments: str, asked: str):
    write(tmp_path / "set/corpus.jsonl", DOCUMENTS)
    write(tmp_path / "set" / asked, QUESTIONS)
    write(tmp_path / "set" / judgments, JUDGED)
    found = read_questions(f"datasets:{tmp_path}/set", split="qrels-test" if "-test." in judgments else "test")
    assert [(q.id, q.text, q.documents) for q in found] == MEANT
    assert len(found.problems) == 1, "a judged question that is not there"


def test_judgments_may_lie_in_the_folder_beside(tmp_path: Path):
    write(tmp_path / "set/queries.jsonl", QUESTIONS)
    write(tmp_path / "set-qrels/test.tsv", JUDGED)
    write(tmp_path / "set-qrels/train.tsv", JUDGED[:1])
    assert [(q.id, q.text, q.documents) for q in read_questions(f"datasets:{tmp_path}/set")] == MEANT
    assert len(read_questions(f"datasets:{tmp_path}/set", split="train")) == 1
    with pytest.raises(InvalidInput, match="no split 'dev'; it has test, train"):
        read_questions(f"datasets:{tmp_path}/set", split="dev")


SQUAD = [
    {
        "id": "a", "title": "Otters", "context": "They hold hands.", "question": "What do they hold?",
        "answers": {"text": ["hands", "hands", "their hands"], "answer_start": [10, 10, 4]},
    },
    {
        "id": "b", "title": "Otters", "context": "They hold hands.", "question": "What do they sing?",
        "answers": {"text": [], "answer_start": []},
    },
]  # fmt: skip
RAGAS = [
    {
        "user_input": "Who holds hands?", "reference": "otters", "reference_contexts": ["Otters hold hands."],
        "response": "Herons.", "retrieved_contexts": ["Herons fish."],
    },
]  # fmt: skip
OLD_RAGAS = [{"question": "Who?", "ground_truths": ["otters", "badgers"], "answer": "herons", "contexts": ["x"]}]


@pytest.mark.parametrize("ending", [".parquet", ".feather", ".arrow"])
def test_tables_of_columns_are_read_as_lines_are(tmp_path: Path, ending: str):
    for rows in (SQUAD, RAGAS, OLD_RAGAS):
        write(tmp_path / f"q{ending}", rows)
        write(tmp_path / "q.jsonl", rows)
        found, lines = read_questions(tmp_path / f"q{ending}"), read_questions(tmp_path / "q.jsonl")
        assert (found.digest, found.notes, found.name) == (lines.digest, lines.notes, f"q{ending}")
    write(tmp_path / f"q{ending}", RAGAS)
    (only,) = read_questions(tmp_path / f"q{ending}")
    assert (only.text, only.answers, only.quotes) == ("Who holds hands?", ("otters",), ("Otters hold hands.",))
    assert not only.documents


def test_rows_of_squad_on_the_hub_are_read_by_split(tmp_path: Path):
    for split in ("train", "validation"):
        write(tmp_path / f"squad/plain_text/{split}-00000-of-00001.parquet", SQUAD[: 1 + (split == "validation")])
    first, second = read_questions(f"datasets:{tmp_path}/squad", split="validation")
    assert (first.answers, first.unanswerable) == (("hands", "their hands"), False)
    assert (second.answers, second.unanswerable) == ((), True)
    assert len(read_questions(f"datasets:{tmp_path}/squad", split="train")) == 1
    with pytest.raises(InvalidInput, match="no split 'test'"):
        read_questions(f"datasets:{tmp_path}/squad")


def test_a_damaged_table_and_a_missing_library_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write(tmp_path / "q.parquet", RAGAS)
    (tmp_path / "q.parquet").write_bytes((tmp_path / "q.parquet").read_bytes()[:-9])
    with pytest.raises(InvalidInput, match=r"q\.parquet: it cannot be read as \.parquet"):
        read_questions(tmp_path / "q.parquet")
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(ExtraMissing, match=r"pip install 'rag-workbench\[parquet\]'"):
        read_questions(tmp_path / "q.parquet")


def test_a_folder_without_questions_says_what_it_holds(tmp_path: Path):
    write(tmp_path / "set/corpus.jsonl", DOCUMENTS)
    with pytest.raises(InvalidInput, match="holds no questions; its tables are corpus"):
        read_questions(f"datasets:{tmp_path}/set")


@pytest.mark.parametrize("ending", [".jsonl", ".parquet"])
def test_objects_and_maps_in_lists_are_read_as_meant_or_refused(tmp_path: Path, ending: str):
    rows = [
        {"text": "What?", "documents": [{"id": "otter"}], "answers": [{"text": "hands", "answer_start": 3}]},
        {"text": "Who?", "documents": [{"id": "otter"}], "answers": [{"text": None, "answer_start": 3}]},
    ]
    write(tmp_path / f"q{ending}", rows)
    found = read_questions(tmp_path / f"q{ending}")
    (only,) = found
    assert (only.documents, only.answers) == ({"otter": 1}, ("hands",))
    assert "where a text is needed" in found.problems[0]


def test_a_map_of_arrow_is_a_table_of_grades(tmp_path: Path):
    grades = pa.array([[("otter", 2), ("heron", 0)]], pa.map_(pa.string(), pa.int64()))
    parquet.write_table(pa.table({"question": ["Who?"], "documents": grades}), tmp_path / "q.parquet")
    (only,) = read_questions(tmp_path / "q.parquet")
    assert only.documents == {"otter": 2, "heron": 0}


def test_a_long_cell_is_read(tmp_path: Path):
    (tmp_path / "q.csv").write_text(f'question,answers,contexts\nWho?,otters,"{"x " * 100_000}"\n')
    (only,) = read_questions(tmp_path / "q.csv")
    assert only.answers == ("otters",)
