"""UMBRELA's prompt, and what is read of answers to it."""

from __future__ import annotations

import pytest
from builders import case, passage

from rag.evaluation import Judge, Resources
from rag.evaluation.metrics.umbrela import context_relevance, grade
from rag.testing import ScriptedGenerator


def graded(said, votes=1):
    return grade(Judge(ScriptedGenerator(said), votes), "How hot?", "At {80} degrees.")


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("##final score: 3", 3),
        ("##final score: score 0", None),
        ("M: 2\nT: 1\nO: 2\n## Final score: **2**", 2),
        ("##final score:1 reasoning: ##final score: 0", 0),
        ("2", 2),
        (" 1.\n", 1),
        ("##final score: 30", None),
        ("##final score: 4", None),
        ("3 of the words match", None),
        ("", None),
    ],
)
def test_the_last_final_score_counts_and_nothing_else(said, value):
    score = graded([said])
    assert (score.value, score.failed) == ((0.0, True) if value is None else (value, False))
    if value is None:
        assert "unreadable" in score.reason


def test_the_published_prompt_is_sent_whole_without_other_instructions():
    model = ScriptedGenerator(["##final score: 2"])
    grade(Judge(model), "How hot?", "At {80} degrees {query}.")
    ((message,),) = model.calls
    assert message.role == "user"
    assert "\nQuery: How hot?\nPassage: At {80} degrees {query}.\n\nSplit this problem into steps:" in message.content
    assert message.content.startswith("Given a query and a passage, you must provide a score")


def test_votes_are_averaged():
    score = graded(["##final score: 3", "##final score: 1", "no"], votes=3)
    assert (score.value, score.failed, score.agreement) == (2.0, False, 0.0)


def test_the_mean_of_the_passages_of_three_and_a_passage_without_a_grade_fails_the_row():
    read = [passage(text="one"), passage(text="two", rank=2)]
    good = Resources(judge=Judge(ScriptedGenerator(["##final score: 3", "##final score: 0"])))
    assert context_relevance([case(passages=read)], good)[0].value == pytest.approx(0.5)
    bad = Resources(judge=Judge(ScriptedGenerator(["##final score: 3", "?"])))
    (score,) = context_relevance([case(passages=read)], bad)
    assert (score.value, score.failed) == (pytest.approx(0.5), True)
    assert context_relevance([case()], bad)[0].value == 0
