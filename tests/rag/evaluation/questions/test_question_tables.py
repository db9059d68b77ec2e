from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rag.errors import InvalidInput
from rag.evaluation import Question, QuestionSet, read_questions
from rag.evaluation.questions.question_tables import questions_of

ROWS: list[dict[str, Any]] = [
    {"qid": "1", "question": "What do otters hold?", "documents": ["otter"], "type": "animal"},
    {"qid": "2", "question": "What do badgers dig?", "documents": {"badger": 2, "mole": 1}, "type": "animal"},
]
MEANT = (
    Question("1", "What do otters hold?", documents={"otter": 1}, metadata={"type": "animal"}),
    Question("2", "What do badgers dig?", documents={"badger": 2, "mole": 1}, metadata={"type": "animal"}),
)


@pytest.mark.parametrize("make", [list, tuple, iter, pd.DataFrame])
def test_rows_are_read_as_a_file_s_are(make: Any):
    found = questions_of(make(ROWS), "mine")
    assert (found.questions, found.name, found.problems) == (MEANT, "mine", ())


def test_questions_that_are_there_stay_as_they_are():
    own = QuestionSet(MEANT)
    assert questions_of(own) is own
    assert questions_of(list(MEANT)).questions == MEANT


def test_cells_of_a_data_frame_are_plain_values(tmp_path):
    frame = pd.DataFrame(
        {
            "id": np.array([7, 8]),
            "text": ["What?", "Who?"],
            "documents": [np.array(["a", "b"]), None],
            "answers": ["yes|no", float("nan")],
            "unanswerable": np.array([False, True]),
        }
    )
    first, second = questions_of(frame)
    assert (first.id, first.documents, first.answers) == ("7", {"a": 1, "b": 1}, ("yes", "no"))
    assert (second.id, second.documents, second.answers, second.unanswerable) == ("8", {}, (), True)
    frame.drop(columns="documents").to_csv(tmp_path / "q.csv", index=False)
    frame.drop(columns="documents").to_json(tmp_path / "q.jsonl", orient="records", lines=True)
    again = questions_of(pd.read_csv(tmp_path / "q.csv"))
    assert again.digest == read_questions(tmp_path / "q.csv").digest


def test_what_is_left_out_is_said():
    found = questions_of([*ROWS, {"qid": "3"}, {"qid": "1", "question": "Again?"}, Question("2", "Twice?")])
    assert len(found) == 2
    assert len(found.problems) == 3
    assert any("no text" in each for each in found.problems)
    assert sum("occurs twice" in each for each in found.problems) == 2


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (3, "not a int"),
        ({"id": "1"}, "not a dict"),
        ("q.jsonl", "not a str"),
        ([], "does not hold a question"),
        ([{"id": 1, "txt": "x"}], "is 'txt' meant to be 'text'"),
        ([3], "not a JSON object"),
    ],
)
def test_what_is_no_table_of_questions_is_refused(given: Any, said: str):
    with pytest.raises(InvalidInput) as caught:
        questions_of(given)
    assert said in str(caught.value)


def test_frames_of_polars_are_read_as_pandas_are():
    polars = pytest.importorskip("polars")
    one = [{**ROWS[0], "answers": ["hands", "paws"], "grade": 1.5}, {**ROWS[1], "documents": ["badger"], "type": None}]
    frame = polars.DataFrame([{**row, "unanswerable": False} for row in one])
    first, second = questions_of(frame)
    assert first == Question(
        "1", "What do otters hold?", documents={"otter": 1}, answers=("hands", "paws"),
        metadata={"type": "animal", "grade": 1.5},
    )  # fmt: skip
    assert (second.documents, second.answers) == ({"badger": 1}, ())
    assert questions_of(frame.to_pandas()).questions == (first, dataclasses.replace(second, metadata={}))
