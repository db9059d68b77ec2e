"""Feedback is kept durably, by principal, within bounds, and forgotten to the last byte."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from rag import Document, KnowledgeBase, Message
from rag.answers import Answer
from rag.errors import InvalidInput, StoreCorrupt, StoreMismatch
from rag.feedback import Feedback, NoSuchAnswer, Span
from rag.store import feedback_file
from rag.store.session import FEEDBACK

from .conftest import MOLES, OTTERS, replace


def bytes_of(kb: KnowledgeBase) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(kb.path.rglob("*")) if path.is_file())


def test_an_answer_is_kept_with_all_that_a_review_needs(kb: KnowledgeBase, feedback: Feedback, answer: Answer) -> None:
    name = feedback.keep(answer)
    assert name is not None
    row = feedback.row(name)
    assert (row.question, row.answer, row.generator) == (answer.question, answer.text, "extractive")
    assert [(c.document, c.quote) for c in row.citations] == [(c.document, c.quote) for c in answer.citations]
    assert {p.document for p in row.passages} == {p.document for p in answer.passages}
    assert all(p.digest == kb.document(p.document).digest() for p in (*row.citations, *row.passages))
    assert not any(p.quote for p in row.passages)  # texts that the answer does not cite are not kept
    assert (row.pipeline, row.seq, row.state, row.vote) == (answer.pipeline, kb.seq, "new", None)


def test_history_is_kept_only_where_it_is_given(feedback: Feedback, answer: Answer) -> None:
    turns = [Message("user", "What are otters?"), Message("assistant", "Swimmers.")]
    without, with_ = feedback.keep(answer), feedback.keep(answer, history=turns)
    assert without is not None
    assert with_ is not None
    assert feedback.row(without).history == ()
    assert list(feedback.row(with_).history) == turns


def test_a_later_vote_replaces_the_one_before_and_can_be_withdrawn(feedback: Feedback, answer: Answer) -> None:
    name = feedback.keep(answer)
    assert name is not None
    feedback.vote(name, "down", reason="it is wrong", correction="The wardens", spans=[("otters", 0, 27)])
    row = feedback.row(name)
    assert (row.vote, row.reason, row.correction, row.spans[0].quote) == (
        "down", "it is wrong", "The wardens", OTTERS[:27],
    )  # fmt: skip
    feedback.vote(name, "up")
    row = feedback.row(name)
    assert (row.vote, row.reason, row.correction, row.spans) == ("up", "", "", ())
    feedback.withdraw(name)
    row = feedback.row(name)
    assert (row.vote, row.voted, row.state) == (None, None, "new")


def test_only_who_asked_can_vote_and_a_foreign_answer_is_told_like_a_missing_one(
    feedback: Feedback, answer: Answer
) -> None:
    name = feedback.keep(answer, principal="ann")
    assert name is not None
    said = []
    for who, which in (("bob", name), ("", name), ("ann", "0" * 32)):
        for act in (
            lambda who=who, which=which: feedback.vote(which, "up", principal=who),
            lambda who=who, which=which: feedback.withdraw(which, principal=who),
            lambda who=who, which=which: feedback.row(which, principal=who),
        ):
            with pytest.raises(NoSuchAnswer) as error:
                act()
            said.append(str(error.value))
    assert len(set(said)) == 1
    assert feedback.vote(name, "up", principal="ann").vote == "up"
    assert b"ann" not in (feedback.folder / FEEDBACK).read_bytes().lower()


@pytest.mark.parametrize(
    "wrong",
    [
        {"vote": "sideways"},
        {"vote": "down", "reason": "x" * 2_001},
        {"vote": "down", "correction": "x" * 20_001},
        {"vote": "down", "spans": [("otters", 5, 5)]},
        {"vote": "down", "spans": [("otters", -1, 5)]},
        {"vote": "down", "spans": [("otters", 0, 10_000)]},
        {"vote": "down", "spans": [("badgers", 0, 5)]},
        {"vote": "down", "spans": [("otters", 0, 5)] * 21},
    ],
)
def test_what_cannot_be_kept_is_refused_and_nothing_changes(
    feedback: Feedback, answer: Answer, wrong: dict[str, object]
) -> None:
    name = feedback.keep(answer)
    assert name is not None
    with pytest.raises(InvalidInput):
        feedback.vote(name, **wrong)  # type: ignore[arg-type]
    assert feedback.row(name).vote is None


def test_a_question_too_long_to_keep_is_not_kept(feedback: Feedback) -> None:
    assert feedback.keep(Answer("x" * 10_001, "no")) is None
    assert feedback.counts()["answers"] == 0


def test_it_never_grows_without_bound(kb: KnowledgeBase, answer: Answer) -> None:
    clock = [1_000.0]
    with Feedback.open(kb, most=4, days=1, now=lambda: clock[0]) as feedback:
        names = [feedback.keep(answer) or "" for _ in range(4)]
        feedback.vote(names[0], "up")
        feedback.set_state(names[0], "accepted")
        feedback.vote(names[1], "down")
        more = [feedback.keep(answer) or "" for _ in range(3)]
        there = {row.id for row in feedback.rows(voted=False)}
        assert there == {names[0], names[1], *more[1:]}  # those without a vote went first, the oldest of them
        for name in feedback.rows(voted=False):
            feedback.set_state(name.id, "accepted")
        feedback.keep(answer)
        assert len(feedback.rows(voted=False)) == 4
        feedback.set_state(more[2], "new")
        clock[0] += 2 * 86_400
        feedback.keep(answer)  # a day without a vote has passed
        assert more[2] not in {row.id for row in feedback.rows(voted=False)}


def test_its_file_never_grows_without_bound(feedback: Feedback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rag.feedback.feedback.MOST_BYTES", 500_000)
    for n in range(60):
        name = feedback.keep(Answer(f"question {n}?", f"{n} " * 6_000)) or ""
    assert (feedback.folder / FEEDBACK).stat().st_size < 900_000
    assert feedback.rows(voted=False)[-1].id == name  # the oldest went
    assert 10 < feedback.counts()["answers"] < 50


def test_forgetting_leaves_no_byte(kb: KnowledgeBase, feedback: Feedback, answer: Answer) -> None:
    name, other = feedback.keep(answer, principal="ann"), feedback.keep(answer, principal="bob")
    assert name is not None
    assert other is not None
    feedback.vote(name, "down", principal="ann", reason="Zanzibarian nonsense")
    feedback.vote(other, "down", principal="bob", reason="Patagonian nonsense")
    assert b"Zanzibarian" in bytes_of(kb)
    assert feedback.forget(principal="ann") == 1
    assert b"Zanzibarian" not in bytes_of(kb)
    assert b"Patagonian" in bytes_of(kb)
    assert feedback.forget(other, "unknown") == 1
    assert b"Patagonian" not in bytes_of(kb)


def test_expiring_takes_what_is_old(kb: KnowledgeBase, answer: Answer) -> None:
    clock = [0.0]
    with Feedback.open(kb, now=lambda: clock[0]) as feedback:
        old, voted = feedback.keep(answer) or "", feedback.keep(answer) or ""
        feedback.vote(voted, "up")
        clock[0] = 10 * 86_400
        young = feedback.keep(answer) or ""
        assert feedback.expire(5, unvoted=True) == 1
        assert {row.id for row in feedback.rows(voted=False)} == {voted, young}
        assert feedback.expire(5) == 1
        assert [row.id for row in feedback.rows(voted=False)] == [young]
        assert old != young


# ---- purge --------------------------------------------------------------------------------------------------------


def test_a_purge_takes_what_quotes_a_purged_document(kb: KnowledgeBase, feedback: Feedback, answer: Answer) -> None:
    quoting = feedback.keep(answer) or ""
    feedback.vote(quoting, "up")
    nowhere = feedback.keep(Answer("What is a gnu?", "The documents do not answer this.", abstained=True)) or ""
    assert b"The wardens keep the otters." in (feedback.folder / (FEEDBACK + "-wal")).read_bytes()
    kb.remove("otters")
    assert feedback.row(quoting).citations  # only hidden so far: nothing is purged
    kb.purge()
    assert [row.id for row in feedback.rows(voted=False)] == [nowhere]
    assert b"The wardens keep the otters." not in bytes_of(kb)


def test_a_purge_takes_a_correction_that_quotes_a_purged_document(
    kb: KnowledgeBase, feedback: Feedback, answer: Answer
) -> None:
    only_moles = Answer("Who digs?", "Moles.", citations=(), passages=tuple(answer.passages[:0]))
    name = feedback.keep(only_moles) or ""
    feedback.vote(name, "down", spans=[("moles", 0, 35)])
    kb.remove("moles", purge=True)
    assert feedback.rows(voted=False) == []
    assert MOLES[:35].encode() not in bytes_of(kb)


def test_a_purge_keeps_quotes_that_a_changed_document_still_holds(
    kb: KnowledgeBase, feedback: Feedback, answer: Answer
) -> None:
    cites = Answer(answer.question, answer.text, citations=answer.citations, generator="extractive")
    held = feedback.keep(cites) or ""
    feedback.keep(dataclasses.replace(cites, generator="a language model"))  # it may say in other words what is gone
    read = next(each for each in answer.passages if each.document == "otters")
    feedback.keep(dataclasses.replace(cites, citations=(), passages=(read,)))  # no quote of it says what it says
    replace(kb, "otters", f"New words before. {OTTERS}")
    kb.purge()
    assert [row.id for row in feedback.rows(voted=False)] == [held]
    replace(kb, "otters", "The keepers look after them.")
    kb.purge()
    assert feedback.rows(voted=False) == []


# ---- kills, damage, concurrency -----------------------------------------------------------------------------------


VOTING = """
import sys
from rag import KnowledgeBase
from rag.answers import Answer
from rag.feedback import Feedback

with KnowledgeBase.open(sys.argv[1]) as kb, Feedback.open(kb) as feedback:
    for _ in range(int(sys.argv[2])):
        name = feedback.keep(Answer("question?", "yes"))
        feedback.vote(name, "up")
        print(name, flush=True)
"""


def voting(kb: KnowledgeBase, times: int) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", VOTING, str(kb.path), str(times)], stdout=subprocess.PIPE, text=True)


def test_processes_and_threads_write_at_once(kb: KnowledgeBase) -> None:
    others = [voting(kb, 20) for _ in range(2)]
    with Feedback.open(kb) as feedback:

        def vote() -> None:
            for _ in range(20):
                feedback.vote(feedback.keep(Answer("question?", "yes")) or "", "up")

        threads = [threading.Thread(target=vote) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        for each in others:
            each.communicate(timeout=120)
        assert [each.returncode for each in others] == [0, 0]
        assert feedback.counts() == {
            "answers": 120, "up": 120, "down": 0, "to review": 120, "accepted": 0, "rejected": 0,
        }  # fmt: skip


def test_what_was_acknowledged_survives_a_kill(kb: KnowledgeBase) -> None:
    with voting(kb, 1_000_000) as child:
        assert child.stdout is not None
        told = [child.stdout.readline().strip() for _ in range(10)]
        child.kill()
        told += [line.strip() for line in child.stdout if line.endswith("\n")]
    with Feedback.open(kb) as feedback:
        assert len(told) >= 10
        assert all(feedback.row(name).vote == "up" for name in told)
        assert feedback_file.exists(kb.path)


def test_what_a_killed_making_leaves_is_swept(kb: KnowledgeBase) -> None:
    left = kb.path / f".{FEEDBACK}.1-0123abcd.tmp"
    left.mkdir()
    (left / FEEDBACK).write_bytes(b"half")
    kb.purge()
    assert not left.exists()


def test_damage_and_newer_versions_are_named(kb: KnowledgeBase) -> None:
    with Feedback.open(kb) as feedback:
        feedback.keep(Answer("question?", "yes"))
    path = kb.path / FEEDBACK
    whole = path.read_bytes()
    path.write_bytes(whole[:8192] + bytes([whole[8192] ^ 1]) + whole[8193:])
    with pytest.raises(StoreCorrupt, match=FEEDBACK):
        Feedback.open(kb).rows(voted=False)
    path.write_bytes(whole)
    with Feedback.open(kb) as feedback:
        feedback._db.pragma("user_version", 99)
    with pytest.raises(StoreMismatch, match="newer"):
        Feedback.open(kb)


def test_it_lies_beside_a_knowledge_base_and_survives_its_repair(
    tmp_path: Path, kb: KnowledgeBase, feedback: Feedback
) -> None:
    with pytest.raises(InvalidInput, match="no knowledge base"):
        Feedback.open(tmp_path / "nowhere")
    name = feedback.keep(Answer("question?", "yes")) or ""
    kb.add([Document.from_text("Gnus graze.", id="gnus")])
    kb.close()
    assert KnowledgeBase.check(kb.path).problems == ()
    KnowledgeBase.mend(kb.path, embedder=kb._tools._embedder)
    assert feedback.row(name).question == "question?"


def test_a_span_as_an_object_is_looked_up_again(feedback: Feedback) -> None:
    found = feedback.spans_of([Span("moles", 0, 5, "old", "old")])
    assert [(s.quote, len(s.digest)) for s in found] == [("Moles", 64)]
