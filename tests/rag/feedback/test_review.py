"""A thumb is a proposal at most, spans are found again or named as lost, and only what was reviewed is exported."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from rag import KnowledgeBase, Message
from rag.answers import Answer
from rag.errors import InvalidInput
from rag.evaluation import evaluate, read_questions
from rag.evaluation.questions.question_files import write_questions
from rag.feedback import Feedback, Judgement, Kept, export, judge, proposal
from rag.retrieval.retriever import Retriever

from .conftest import MOLES, OTTERS, replace


def kept(feedback: Feedback, answer: Answer, **vote: object) -> Kept:
    name = feedback.keep(answer) or ""
    return feedback.vote(name, **vote) if vote else feedback.row(name)  # type: ignore[arg-type]


def test_a_thumb_up_proposes_what_the_answer_cites(kb: KnowledgeBase, feedback: Feedback, answer: Answer) -> None:
    found = proposal(kept(feedback, answer, vote="up"), kb)
    assert found.judgement is not None
    assert [each.quote for each in found.judgement.spans] == [each.quote for each in answer.citations]


def test_a_thumb_up_for_an_abstention_proposes_that_there_is_no_answer(kb: KnowledgeBase, feedback: Feedback) -> None:
    row = kept(feedback, Answer("What is a gnu?", "The documents do not answer this.", abstained=True), vote="up")
    assert proposal(row, kb).judgement == Judgement(unanswerable=True)


@pytest.mark.parametrize("said", [{}, {"reason": "nonsense"}])
def test_a_thumb_down_alone_judges_nothing(
    kb: KnowledgeBase, feedback: Feedback, answer: Answer, said: dict[str, str]
) -> None:
    found = proposal(kept(feedback, answer, vote="down", **said), kb)
    assert found.judgement is None
    assert {each.document for each in found.passages} == {"otters", "moles"}  # to choose from


def test_no_feedback_becomes_a_grade_of_zero(kb: KnowledgeBase, feedback: Feedback, answer: Answer) -> None:
    kept(feedback, answer, vote="down")
    down = kept(feedback, answer, vote="down", spans=[("moles", 0, 35)])
    judge(feedback, down.id, proposal(down, kb).judgement)
    grades = [span.grade for each in export(feedback, kb).questions for span in each.spans]
    assert grades == [1]
    assert all(not each.documents for each in export(feedback, kb).questions)


def test_a_correction_is_found_in_what_was_read(kb: KnowledgeBase, feedback: Feedback, answer: Answer) -> None:
    found = proposal(kept(feedback, answer, vote="down", correction="dig tunnels under the meadow"), kb)
    assert found.judgement is not None
    assert [(s.document, s.quote) for s in found.judgement.spans] == [("moles", "dig tunnels under the meadow")]
    assert found.judgement.answers == ("dig tunnels under the meadow",)
    elsewhere = proposal(kept(feedback, answer, vote="down", correction="a dozen keepers"), kb)
    assert elsewhere.judgement == Judgement((), ("a dozen keepers",))
    short = proposal(kept(feedback, answer, vote="down", correction="at"), kb)
    assert short.judgement == Judgement((), ("at",))  # two letters are found anywhere


def test_spans_of_a_changed_document_are_found_by_their_quote_or_lost_with_a_reason(
    kb: KnowledgeBase, feedback: Feedback, answer: Answer
) -> None:
    row = kept(feedback, answer, vote="down", spans=[("moles", 37, len(MOLES))])
    judge(feedback, row.id, proposal(row, kb).judgement)
    replace(kb, "moles", f"A new beginning. {MOLES}")
    (moved,) = export(feedback, kb).questions
    (span,) = moved.spans
    assert kb.document("moles").text[span.start : span.end] == MOLES[37:]
    replace(kb, "moles", "Nothing of it.")
    found = export(feedback, kb)
    assert len(found.questions) == 0
    assert "moles has changed since, and no longer holds" in found.dropped[0]
    assert found.questions.problems == found.dropped
    kb.remove("moles")
    assert "moles is no longer in the knowledge base" in export(feedback, kb).dropped[0]


def test_of_two_places_of_a_quote_the_nearest_counts(kb: KnowledgeBase, feedback: Feedback, answer: Answer) -> None:
    replace(kb, "moles", "They dig. Then they eat. They dig.")
    row = kept(feedback, answer, vote="down", spans=[("moles", 25, 34)])
    judge(feedback, row.id, proposal(row, kb).judgement)
    replace(kb, "moles", "Oh. They dig. Then they eat. They dig.")
    assert export(feedback, kb).questions[0].spans[0].start == 29


def test_what_was_read_of_a_changed_document_is_not_shown(
    kb: KnowledgeBase, feedback: Feedback, answer: Answer
) -> None:
    row = kept(feedback, answer, vote="down")
    replace(kb, "moles", f"A new beginning. {MOLES}")
    found = proposal(row, kb)
    assert {each.document for each in found.passages} == {"otters"}
    assert found.lost == ("moles has changed since, and what was read of it was not kept",)


def test_only_reviewed_rows_are_exported_and_a_withdrawal_takes_the_review_with_it(
    kb: KnowledgeBase, feedback: Feedback, answer: Answer
) -> None:
    rows = [kept(feedback, dataclasses.replace(answer, question=f"Who keeps otters {n}?"), vote="up") for n in range(3)]
    judge(feedback, rows[0].id, proposal(rows[0], kb).judgement)
    judge(feedback, rows[1].id, None)
    found = export(feedback, kb)
    assert ([each.id for each in found.questions], found.dropped) == ([rows[0].id], ())
    feedback.withdraw(rows[0].id)
    assert len(export(feedback, kb).questions) == 0


def test_a_question_that_many_asked_is_one_question(kb: KnowledgeBase, feedback: Feedback, answer: Answer) -> None:
    texts = ("Who keeps the otters?", "who  keeps the OTTERS?", "Who keeps moles?")
    rows = [kept(feedback, dataclasses.replace(answer, question=text), vote="up") for text in texts]
    for row in rows:
        judge(feedback, row.id, proposal(row, kb).judgement)
    later = kept(feedback, answer, vote="up")
    judge(feedback, later.id, Judgement(unanswerable=True))
    found = export(feedback, kb)
    assert [each.text for each in found.questions] == ["Who keeps the otters?", "Who keeps moles?"]
    assert found.answers[rows[0].id] == (rows[0].id, rows[1].id, later.id)
    assert not found.questions[0].unanswerable  # where one reader found an answer, there is one


def test_a_follow_up_is_told_apart_by_its_history_or_asked_in_full(
    kb: KnowledgeBase, feedback: Feedback, answer: Answer
) -> None:
    short = dataclasses.replace(answer, question="And when?")
    names = [
        feedback.keep(short, history=[Message("user", of)]) or "" for of in ("Who feeds otters?", "Who feeds moles?")
    ]
    for name in names:
        judge(feedback, name, Judgement(answers=("at dawn",)))
    assert [each.history for each in export(feedback, kb).questions] == [("Who feeds otters?",), ("Who feeds moles?",)]
    judge(feedback, names[0], Judgement(answers=("at dawn",), question="When are the otters fed?"))
    first = export(feedback, kb).questions[0]
    assert (first.text, first.history) == ("When are the otters fed?", ())


@pytest.mark.parametrize(
    "wrong",
    [Judgement(), Judgement(unanswerable=True, answers=("yes",)), Judgement(answers=("  ",), unanswerable=True)],
)
def test_a_judgement_says_one_thing(feedback: Feedback, answer: Answer, wrong: Judgement) -> None:
    row = kept(feedback, answer, vote="up")
    with pytest.raises(InvalidInput):
        judge(feedback, row.id, wrong)
    assert feedback.row(row.id).state == "new"


def test_what_is_exported_is_what_evaluation_reads(
    kb: KnowledgeBase, feedback: Feedback, answer: Answer, tmp_path: Path
) -> None:
    row = kept(feedback, answer, vote="up")
    judge(feedback, row.id, proposal(row, kb).judgement)
    write_questions(export(feedback, kb).questions, tmp_path / "q.jsonl")
    questions = read_questions(tmp_path / "q.jsonl")
    assert questions.level == "span"
    with Retriever(kb) as retriever:
        assert evaluate(retriever, questions).metrics["context_recall"].value == 1.0
    assert OTTERS.startswith(kb.document("otters").text[: questions[0].spans[0].end])
