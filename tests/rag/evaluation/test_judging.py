"""Gold by a model: grades of what is retrieved, their agreement with gold, and nuggets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rag import Document, KnowledgeBase, Retriever
from rag.evaluation import GoldSpan, Judge, Question, QuestionSet, read_questions, write_questions
from rag.evaluation.judging import Agreement, judged
from rag.evaluation.nugget_making import with_nuggets
from rag.evaluation.questions.questions import Nugget
from rag.testing import ScriptedGenerator

TEXTS = {
    "tea": "Green tea is steeped at 80 degrees for two minutes.",
    "bees": "A queen bee lays up to 2,000 eggs a day.",
    "moon": "The Moon orbits the Earth every 27 days.",
}
TEA = Question("t", "How hot is green tea steeped?", spans=(GoldSpan("tea", 0, 33),))
BEES = Question("b", "How many eggs does a queen bee lay?", {"bees": 1})
NONE = Question("n", "How deep is the sea?", unanswerable=True)


@pytest.fixture
def retriever(tmp_path: Path):
    with KnowledgeBase.create(tmp_path / "kb", embedder="hashing-64") as kb:
        kb.add(Document.from_text(text, id=name) for name, text in TEXTS.items())
        with Retriever(kb) as made:
            yield made


def assessor(messages) -> str:
    """Grades a passage by hand, as a person would."""
    text = messages[-1].content
    good = ("green tea" in text and "Green tea" in text) or ("queen bee lay?" in text and "2,000" in text)
    return f"##final score: {3 if good else 0}"


def test_grades_take_the_place_of_gold_and_agree_with_it(retriever):
    found = judged(retriever, QuestionSet((TEA, BEES, NONE)), Judge(ScriptedGenerator(assessor)), k=3)
    assert found.questions[0].documents == {"tea": 3, "bees": 0, "moon": 0}
    assert found.questions[0].spans == ()
    assert found.agreement.table == {0: (7, 0), 3: (0, 2)}
    assert (found.agreement.kappa, found.agreement.failed, found.problems) == (1.0, 0, {})


def test_what_cannot_be_read_is_counted_and_not_a_grade(retriever):
    def half(messages) -> str:
        return "I like tea." if "Green tea is" in messages[-1].content else assessor(messages)

    found = judged(retriever, QuestionSet((TEA, BEES)), Judge(ScriptedGenerator(half)), k=3)
    assert found.questions[0].documents == {"bees": 0, "moon": 0}
    assert found.agreement.failed == 2
    assert sum(found.problems.values()) == 2
    assert "I like tea" in next(iter(found.problems))


@pytest.mark.parametrize(
    ("table", "kappa"),
    [
        ({0: (20, 5), 3: (10, 15)}, 0.4),  # Cohen's textbook table: 20, 5, 10, 15
        ({1: (50, 0), 2: (0, 50)}, 1.0),
        ({0: (25, 25), 2: (25, 25)}, 0.0),
        ({0: (9, 0)}, None),
        ({}, None),
    ],
)
def test_kappa_by_hand(table, kappa):
    assert Agreement(table).kappa == (None if kappa is None else pytest.approx(kappa))


def test_nuggets_come_from_gold_passages_and_are_read_back(retriever, tmp_path):
    def say(messages) -> str:
        text = messages[-1].content
        if "Label each fact" in text:
            return '{"labels": ["vital", "okay"]}'
        assert "Green tea is steeped" in text
        assert "queen bee" not in text
        return json.dumps({"facts": ["80  degrees", "two minutes", "80 degrees", ""]})

    found = with_nuggets(retriever, QuestionSet((TEA, NONE)), Judge(ScriptedGenerator(say)))
    assert found.questions[0].nuggets == (Nugget("80 degrees"), Nugget("two minutes", vital=False))
    assert found.questions[1] == NONE
    assert found.problems == {}
    write_questions(found.questions, tmp_path / "q.jsonl")
    assert read_questions(tmp_path / "q.jsonl").questions == found.questions.questions


def test_without_gold_the_judge_says_what_is_relevant(retriever):
    asked = []

    def say(messages) -> str:
        text = messages[-1].content
        if "final score" in text:
            return f"##final score: {int('eggs' in text)}"
        asked.append(text)
        return '{"facts": []}'

    found = with_nuggets(retriever, QuestionSet((Question("q", "How many?"),)), Judge(ScriptedGenerator(say)))
    assert "2,000 eggs" in asked[0]
    assert "Moon" not in asked[0]
    assert found.problems == {"nothing relevant says what answers it": 1}


@pytest.mark.parametrize("said", ["none", '{"facts": "80"}', '{"facts": [80]}', RuntimeError("down")])
def test_a_model_that_fails_leaves_the_question_as_it_was(retriever, said):
    found = with_nuggets(retriever, QuestionSet((TEA,)), Judge(ScriptedGenerator([said])))
    assert found.questions[0] == TEA
    assert sum(found.problems.values()) == 1


def test_nuggets_of_trec_are_read(tmp_path):
    rows = {"qid": "1", "query": "How hot?", "nuggets": [{"text": "80", "importance": "okay"}, {"text": "hot"}]}
    (tmp_path / "n.jsonl").write_text(json.dumps(rows) + "\n")
    (question,) = read_questions(tmp_path / "n.jsonl")
    assert (question.id, question.text) == ("1", "How hot?")
    assert question.nuggets == (Nugget("80", vital=False), Nugget("hot"))
    bad = {**rows, "qid": "2", "nuggets": [{"text": "80", "importance": "very"}]}
    (tmp_path / "two.jsonl").write_text("\n".join(map(json.dumps, (rows, bad))) + "\n")
    assert any("vital or okay" in problem for problem in read_questions(tmp_path / "two.jsonl").problems)
