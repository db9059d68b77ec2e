from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.experiments import outcomes
from rag.answers import Answer, Citation
from rag.documents.document import Passage
from rag.evaluation import Outcome

PASSAGES = tuple(
    Passage(n, 1.0 / n, n, f"d{n}", "s", 0, 4, "text", heading=("A", "B"), metadata={"year": 2024}) for n in (1, 2, 3)
)
CITATION = Citation(1, "d1", "s", 0, 4, "text", 1, heading=("A",))
ANSWER = Answer("q?", "text [1]", (CITATION,), PASSAGES, 0.5, timings={"total": 0.1})


def test_an_outcome_comes_back_with_the_texts_that_were_read():
    back = outcomes.outcome(outcomes.line(Outcome("q", PASSAGES, ANSWER, "", 0.25, {"embed": 0.1}), 2))
    assert back.passages[:2] == PASSAGES[:2]
    assert (back.passages[2].document, back.passages[2].score, back.passages[2].text) == ("d3", 1 / 3, "")
    assert back.answer is not None
    assert back.answer.citations == (CITATION,)
    assert (back.answer.text, back.answer.support, back.seconds) == ("text [1]", 0.5, 0.25)


def test_a_line_that_a_kill_cut_off_is_left_out(tmp_path: Path):
    journal = tmp_path / "j"
    assert list(outcomes.read(journal)) == []
    outcomes.append(journal, [Outcome("one"), Outcome("two", error="Boom: no")], 5)
    with journal.open("a") as file:
        file.write(outcomes.line(Outcome("three"), 5)[:-9])
    assert [(each.question, each.error) for each in outcomes.read(journal)] == [("one", ""), ("two", "Boom: no")]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"question": "q"}', "nonsense"])
def test_what_is_no_outcome_is_refused(text: str):
    with pytest.raises(ValueError, match="no outcome"):
        outcomes.outcome(text)
