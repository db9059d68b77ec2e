"""Memory: durable after every turn, bounded, searched by meaning, a user's own, and gone when it is deleted."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from stalling import let_go, stalling_model
from timing import tried, within

import rag
from rag.bot import Bot
from rag.documents.document import Document, Query
from rag.embedding import HashingEmbedder
from rag.errors import InvalidInput, StoreCorrupt, StoreLocked, StoreMismatch
from rag.knowledge_base import KnowledgeBase
from rag.llm.language_model import Message
from rag.memory import Memory, forget_user, known_users, purge_due, sessions, users
from rag.memory.memory import _WAIT_S
from rag.memory.people import store_of
from rag.memory.summary import DEADLINE_S, summarised
from rag.memory.turns import Turn
from rag.retrieval.retriever import Retriever
from rag.testing import ScriptedGenerator
from tests.rag.store.stepping import killed_at, spread, steps_of

__all__ = ["let_go"]

E = HashingEmbedder(64)
ANIMALS = ["otter", "beaver", "heron", "badger", "marten", "weasel", "lynx", "bison", "stork", "adder", "viper", "newt"]


@pytest.fixture
def memory(tmp_path: Path) -> Callable[..., Memory]:
    def make(user: str = "ada", session: str = "one", **options: object) -> Memory:
        return Memory(tmp_path / "memories", user=user, session=session, embedder=E, **options)

    return make


def fill(memory: Memory, count: int = 12, start: int = 0, **options: object) -> list[str]:
    """Remember turns, and return why summaries were not the model's."""
    said = []
    for n in range(start, start + count):
        animal = ANIMALS[n % len(ANIMALS)]
        question, answer = f"Where does the {animal} live?", f"The {animal} lives in valley {n} beside the mill."
        said.append(memory.remember(question, answer, **options))
    return [problem for problem in said if problem]


def data(folder: Path) -> bytes:
    return b"".join(p.read_bytes() for p in folder.rglob("*") if p.is_file())


def test_turns_come_back_word_for_word(memory: Callable[..., Memory]) -> None:
    one = memory()
    assert one.history() == []
    assert one.recall("anything") == []
    one.remember("Where does the otter live?\n", "In the river.\r\nAnd on its banks.")
    one.remember("And the lynx?", "")
    expected = [
        Message("user", "Where does the otter live?"),
        Message("assistant", "In the river.\nAnd on its banks."),
        Message("user", "And the lynx?"),
    ]
    assert one.history() == expected
    assert memory().history() == expected, "a new object, as after a restart"
    assert memory(session="two").history() == []


def test_what_overflows_is_found_again_by_meaning(memory: Callable[..., Memory]) -> None:
    one = memory(budget=60)
    fill(one)
    turns = one.turns()
    size = sum(len(E.tokenizer.offsets([turn.text])[0]) for turn in turns)
    assert size <= 60
    assert 1 <= len(turns) < 8
    assert [turn.number for turn in turns] == list(range(13 - len(turns), 13)), "the newest, in order"
    (found, *_) = one.recall("Where does the otter live?", 1)
    assert "The otter lives in valley 0 beside the mill." in found.text
    assert found.source.startswith("session/one/memory-")
    with KnowledgeBase.open(store_of(one.folder, "ada"), embedder=E) as kb:
        assert kb.document(found.document).text[found.start : found.end] == found.text
        assert kb.verify().ok
    covered = [(d["first"], d["last"]) for d in metadata(one) if d["kind"] == "memory"]
    assert [n for first, last in sorted(covered) for n in range(first, last + 1)] == list(range(1, 13 - len(turns)))


def metadata(memory: Memory) -> list[dict]:
    with KnowledgeBase.open(store_of(memory.folder, memory.user)) as kb:
        return [dict(kb.document(name).metadata) for name in kb.document_ids()]


def test_a_turn_that_is_longer_than_the_budget_stays_until_the_next(memory: Callable[..., Memory]) -> None:
    one = memory(budget=5)
    one.remember("Where does the otter live?", "word " * 500)
    assert [turn.number for turn in one.turns()] == [1]
    one.remember("And the lynx?", "Up there.")
    assert [turn.number for turn in one.turns()] == [2]
    one.remember("x" * 100_000, "")
    assert len(one.turns()[-1].question) == 20_000


def test_one_user_never_sees_another(memory: Callable[..., Memory]) -> None:
    ada, bob = memory("ada", budget=30), memory("bob", budget=30)
    ada.remember("What is my pin?", "The pin of the locker is quokka.")
    fill(ada, 3)
    fill(bob, 3, start=5)
    assert "quokka" in " ".join(p.text for p in ada.recall("What is the pin of the locker?", 10))
    assert "quokka" not in " ".join(p.text for p in bob.recall("What is the pin of the locker?", 10))
    assert "quokka" not in " ".join(m.content for m in bob.history())
    assert b"quokka" not in data(store_of(bob.folder, "bob"))
    sly = memory("ada/../bob", budget=30)
    assert sly.history() == []
    assert sly.recall("valley", 10) == []
    assert users(ada.folder) == ["ada", "bob"]


def test_sessions_share_the_long_term_memory_and_not_the_turns(memory: Callable[..., Memory]) -> None:
    one, two = memory(session="a", budget=30), memory(session="a/b", budget=30)
    fill(one, 4)
    fill(two, 1, start=9)
    assert "otter" in two.recall("Where does the otter live?", 1)[0].text
    assert two.recall("Where does the otter live?", 5, session_only=True) == []
    assert len(two.turns()) == 1
    assert one.forget() == 4
    assert len(two.turns()) == 1, "a session whose name begins alike stays"
    assert one.turns() == []
    assert two.recall("Where does the otter live?", 5) == []


def test_forgetting_leaves_no_byte(memory: Callable[..., Memory]) -> None:
    one, two = memory(session="one", budget=40), memory(session="two")
    one.remember("Who is Xanthippe?", "Xanthippe keeps the Quagga.")
    fill(one, 5)
    two.remember("Who keeps the Okapi?", "Nobody keeps the Okapi.")
    with KnowledgeBase.open(store_of(one.folder, "ada"), embedder=E) as kb:
        vectors = [kb.vectors([c.id])[0].tobytes() for c in kb.chunks(kb.chunk_ids()) if "Quagga" in c.text]
    assert vectors
    assert b"Xanthippe" in data(one.folder)
    assert all(vector in data(one.folder) for vector in vectors)
    assert one.forget() >= 3
    assert b"Xanthippe" not in data(one.folder)
    assert not any(vector in data(one.folder) for vector in vectors)
    assert b"Quagga" not in data(one.folder)
    assert b"Okapi" in data(one.folder)
    assert one.forget() == 0
    fill(one, 1)
    assert [turn.number for turn in one.turns()] == [1]
    forget_user(one.folder, "ada")
    assert data(one.folder) == b""
    assert users(one.folder) == []
    with pytest.raises(InvalidInput, match="nothing is kept of user 'ada'"):
        forget_user(one.folder, "ada")


def test_what_has_expired_is_not_shown_and_then_deleted(memory: Callable[..., Memory]) -> None:
    clock = [1_000_000.0]
    one = memory(days=1.0, budget=40, now=lambda: clock[0])
    fill(one, 4)
    clock[0] += 80_000
    one.remember("Where does the stork live?", "The stork lives on the tower.")
    assert "otter" in " ".join(p.text for p in one.recall("otter", 5))
    clock[0] += 10_000
    assert [turn.question for turn in one.turns()] == ["Where does the stork live?"]
    assert one.recall("otter", 5) == []
    assert b"otter" in data(one.folder)
    assert one.expire() >= 1
    assert b"otter" not in data(one.folder)
    assert b"stork" in data(one.folder)
    assert memory(now=lambda: clock[0]).history()[0].content == "Where does the stork live?"


def test_listing(memory: Callable[..., Memory]) -> None:
    clock = [1000.0]
    for user, session in (("ada", "old"), ("ada", "new"), ("bob", "only")):
        clock[0] += 10
        fill(memory(user, session, budget=30, now=lambda: clock[0]), 5)
    folder = memory().folder
    assert users(folder) == ["ada", "bob"]
    found = sessions(folder, "ada")
    assert [(info.session, info.last) for info in found] == [("new", 1020.0), ("old", 1010.0)]
    assert all(info.turns >= 1 and info.memories >= 1 for info in found)
    assert sessions(folder, "nobody") == []


def test_a_swapped_folder_is_refused(memory: Callable[..., Memory]) -> None:
    fill(memory("ada"), 1)
    fill(memory("bob"), 1)
    folder = memory().folder
    ada, bob = store_of(folder, "ada").parent, store_of(folder, "bob").parent
    (ada / "user.json").write_bytes((bob / "user.json").read_bytes())
    with pytest.raises(StoreCorrupt, match="names another user"):
        users(folder)


# ---- kills and writers at once --------------------------------------------------------------------------------


CHILD = """
import sys
from rag.embedding import HashingEmbedder
from rag.memory import Memory
one = Memory(sys.argv[1], user="ada", session="s", embedder=HashingEmbedder(64), budget=40)
for n in range(int(sys.argv[2]), int(sys.argv[2]) + 200):
    one.remember(f"Where does turn {n} live?", f"Turn {n} lives in valley {n}.")
    print("x", flush=True)
"""


@pytest.mark.slow
def test_kills_lose_no_turn_that_was_acknowledged(tmp_path: Path) -> None:
    """kill -9 while turns are written; what was acknowledged is there once, as it was or in one summary."""
    place = tmp_path / "m"
    root = str(Path(rag.__path__[0]).parent)
    acknowledged = 0
    for delay in (0.0, 0.03, 0.08, 0.15, 0.25):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(place), str(acknowledged + 1)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": root},
        )
        first = child.stdout.readline()
        assert first == "x\n"
        time.sleep(delay)
        child.kill()
        acknowledged += 1 + child.communicate()[0].count("x")
        one = Memory(place, user="ada", session="s", embedder=E, budget=40)
        one.remember("Still there?", "Yes.")  # tidies what the kill has left
        last = one.turns()[-1].number
        assert last > acknowledged, "nothing acknowledged is lost"
        acknowledged = last
        kept = [(d["first"], d["last"]) for d in metadata(one)]
        numbers = sorted(n for first, last in kept for n in range(first, last + 1))
        assert numbers == list(range(1, acknowledged + 1)), "each turn once: as it was, or in one summary"
    with KnowledgeBase.open(store_of(place, "ada"), embedder=E) as kb:
        assert kb.verify().ok
    assert acknowledged >= 10


def test_a_kill_between_summary_and_removal_is_tidied(
    memory: Callable[..., Memory], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = memory(budget=40)
    fill(one, 2)
    with monkeypatch.context() as patch:
        patch.setattr(KnowledgeBase, "remove", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            fill(one, 3, start=2)
    before = sum(d["kind"] == "memory" for d in metadata(one))
    assert before == 1
    last = one.turns()[-1].number
    one.remember("Short?", "Yes.")
    assert one.turns()[-1].number == last + 1
    numbers = sorted(n for d in metadata(one) for n in range(d["first"], d["last"] + 1))
    assert numbers == list(range(1, last + 2))


def test_two_at_once_wait_for_each_other(memory: Callable[..., Memory]) -> None:
    errors: list[BaseException] = []

    def work(session: str) -> None:
        try:
            fill(memory(session=session, budget=1000), 4)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert [info.turns for info in sessions(memory().folder, "ada")] == [4, 4]


# ---- summaries ------------------------------------------------------------------------------------------------

TURNS = (
    Turn(
        1,
        "I am Ada, of the canal office. Who opens lock 12?",
        "Lock 12 is opened by the warden. She comes at 6. No other.",
        0.0,
    ),
    Turn(2, "And lock 99?", "", 0.0),
)


def test_own_words_without_a_model() -> None:
    (first, second), problem = summarised(TURNS)
    assert problem == ""
    assert first.text == "I am Ada, of the canal office. Lock 12 is opened by the warden. She comes at 6."
    assert first.question == TURNS[0].question
    assert (second.text, second.question) == ("And lock 99?", "And lock 99?")


def test_a_models_notes_are_kept_as_far_as_the_turns_bear_them_out() -> None:
    model = ScriptedGenerator(
        (
            (
                "Ada works at the canal office. The warden opens lock 12 at 6. "
                "The warden earns 900 crowns. Bananas grow everywhere."
            ),
        )
    )
    (note,), problem = summarised(TURNS, model)
    assert problem == ""
    assert note.text == "Ada works at the canal office. The warden opens lock 12 at 6."
    assert TURNS[0].answer in model.calls[0][-1].content


@pytest.mark.parametrize("answer", [RuntimeError("down"), "", "Bananas grow everywhere, all 77 of them."])
def test_a_failing_or_inventing_model_leaves_the_turns_own_words(answer: object) -> None:
    notes, problem = summarised(TURNS, ScriptedGenerator([answer]))
    assert notes == summarised(TURNS)[0]
    assert "language model" in problem


@pytest.mark.parametrize("way", ["a model that heeds no deadline", "a function that sleeps", "comments for ever"])
@tried
def test_a_model_that_stalls_leaves_the_turns_own_words_and_is_noted(memory: Callable[..., Memory], way: str) -> None:
    with stalling_model(way) as model:
        one = memory(budget=30, model=model)
        problems = within(4.0, lambda: fill(one, 3, deadline=0.2))
    assert problems
    assert all(each.startswith("the language model wrote no notes") for each in problems)
    assert one.recall("otter", 5)


def test_a_summary_takes_less_than_another_session_waits() -> None:
    assert DEADLINE_S < 0.6 * _WAIT_S


def test_a_model_writes_the_summaries_of_a_memory(memory: Callable[..., Memory]) -> None:
    model = ScriptedGenerator(lambda messages: "The otter lives in valley 0. Secret valley 999 exists.")
    one = memory(budget=30, model=model)
    fill(one, 3)
    assert len(model.calls) >= 1
    text = " ".join(p.text for p in one.recall("otter", 5))
    assert "The otter lives in valley 0." in text
    assert "999" not in text


# ---- in a conversation ----------------------------------------------------------------------------------------


def test_recalled_passages_stand_behind_the_documents(memory: Callable[..., Memory], tmp_path: Path) -> None:
    one = memory(budget=30)
    one.remember("Who is the warden?", "The warden of the lock is Grace.")
    fill(one, 3)
    with KnowledgeBase.create(tmp_path / "docs", embedder=E) as kb:
        kb.add([Document.from_text(f"Boat {n} lies at pier {n}.", id=f"boat{n}") for n in range(4)])
        both = Retriever(kb, k=3, rewrite="none", memory=one)
        found = both.search("Who is the warden of the lock?")
        assert [p.type for p in found.passages] == ["text", "text", "text", "memory", "memory"][: len(found.passages)]
        assert [p.rank for p in found.passages] == [1, 2, 3, 4, 5][: len(found.passages)]
        assert len(found.passages) > 3
        scores = [p.score for p in found.passages]
        assert scores == sorted(scores, reverse=True)
        assert found.passages[:3] == Retriever(kb, k=3, rewrite="none").retrieve("Who is the warden of the lock?")
        answer = Bot(both).ask("Who is the warden of the lock?")
        assert "The warden of the lock is Grace." in answer.text
        path = store_of(one.folder, "ada") / "store.sqlite"
        path.write_bytes(b"not a database")
        broken = both.search("Who is the warden of the lock?")
        assert len(broken.passages) == 3
        assert "the memory was left out" in broken.notes[0]


def test_bad_names_and_numbers(memory: Callable[..., Memory], tmp_path: Path) -> None:
    for options in (
        {"user": " "},
        {"user": "x" * 201},
        {"session": ""},
        {"session": "a\0"},
        {"budget": 0},
        {"days": 0.0},
    ):
        with pytest.raises(InvalidInput):
            memory(**options)
    with pytest.raises(InvalidInput, match="nothing to remember"):
        memory().remember(" \n", "x")
    fill(memory(), 1)
    other = Memory(tmp_path / "memories", user="ada", session="s", embedder=HashingEmbedder(16))
    with pytest.raises(StoreMismatch, match="hashing-64"):
        other.remember("a", "b")


def test_the_turns_kept_make_the_next_question_stand_alone(memory: Callable[..., Memory], tmp_path: Path) -> None:
    one = memory()
    one.remember("What is throat cancer?", "Throat cancer is a disease.")
    one.remember("Who won the cup?", "")
    assert [m.content for m in one.history(answered=True)] == ["What is throat cancer?", "Throat cancer is a disease."]
    texts = ["Throat cancer is treatable when found early.", "It is raining on the pier today.", "Cups are won."]
    with KnowledgeBase.create(tmp_path / "docs", embedder=E, chunker="document") as kb:
        kb.add([Document.from_text(text, id=f"d{n}") for n, text in enumerate(texts)])
        both = Retriever(kb, k=2, rewrite="condense", memory=one)
        found = both.search("Is it treatable?")
        assert found.question.startswith("Is it treatable? (")
        assert "throat cancer" in found.question
        assert both.search(Query("Is it raining?", ("Where is the pier?",))).question == "Is it raining? (pier)"
        told = both.explain("Is it treatable?")
        assert told.queries[0].text == found.question
        assert [p.chunk for p in told.passages] == [p.chunk for p in found.passages]
        mixed = Retriever(kb, k=2, rewrite="condense", rerank="mmr", memory=one)
        assert [p.chunk for p in mixed.explain("Is it treatable?").passages] == [
            p.chunk for p in mixed.search("Is it treatable?").passages
        ]


# ---- deletions cut short ----------------------------------------------------------------------------------------


def _talked(folder: Path) -> Path:
    for session, animal in (("one", "quagga"), ("two", "okapi")):
        fill_with(Memory(folder, user="ada", session=session, embedder=E, budget=40), animal)
    fill_with(Memory(folder, user="bob", session="only", embedder=E), "heron")
    return folder


def fill_with(memory: Memory, animal: str) -> None:
    for n in range(3):
        memory.remember(f"Where is {animal} {n}?", f"The {animal} {n} is in valley {n}.")


@pytest.mark.parametrize("n", [9, pytest.param(40, marks=pytest.mark.slow)])
def test_a_session_whose_deletion_was_killed_is_gone_after_the_next_one(tmp_path: Path, n: int) -> None:
    made = _talked(tmp_path / "made")

    def forget(folder: Path) -> None:
        Memory(folder, user="ada", session="one", embedder=E).forget()

    steps = steps_of(lambda: forget(shutil.copytree(made, tmp_path / "whole")))
    due = 0
    for step in spread(steps, n):
        folder = shutil.copytree(made, tmp_path / str(step))
        if not killed_at(lambda folder=folder: forget(folder), step):
            continue
        due += purge_due(folder, "ada")
        forget(folder)
        assert b"quagga" not in data(folder), f"step {step}"
        assert [info.session for info in sessions(folder, "ada")] == ["two"]
        shutil.rmtree(folder)
    assert due, "the kills landed where it matters"


@pytest.mark.parametrize("n", [9, pytest.param(40, marks=pytest.mark.slow)])
def test_a_user_whose_deletion_was_killed_locks_nobody_out(tmp_path: Path, n: int) -> None:
    made = _talked(tmp_path / "made")
    steps = steps_of(lambda: forget_user(shutil.copytree(made, tmp_path / "whole"), "ada"))
    half = 0
    for step in spread(steps, n):
        folder = shutil.copytree(made, tmp_path / str(step))
        if not killed_at(lambda folder=folder: forget_user(folder, "ada"), step):
            continue
        half += any(entry.name.startswith(".gone-") for entry in folder.iterdir())
        forget_user(folder, "ada")
        assert users(folder) == ["bob"]
        assert b"quagga" not in data(folder), f"step {step}"
        assert [info.session for info in sessions(folder, "bob")] == ["only"]
        shutil.rmtree(folder)
    assert half, "the kills landed where it matters"


def test_a_damaged_memory_is_deleted_without_being_read(tmp_path: Path) -> None:
    folder = _talked(tmp_path / "made")
    (store_of(folder, "ada") / "store.sqlite").write_bytes(b"not a database")
    assert known_users(folder) == (["ada", "bob"], [])
    forget_user(folder, "ada")
    assert known_users(folder) == (["bob"], [])
    (store_of(folder, "bob").parent / "user.json").write_text("[]")
    names, wrong = known_users(folder)
    assert names == []
    assert "is damaged" in wrong[0]
    forget_user(folder, "bob")
    assert list(folder.iterdir()) == []


def test_a_turn_clears_the_bytes_of_what_has_expired(memory: Callable[..., Memory]) -> None:
    clock = [1_000_000.0]
    one = memory(days=1.0, budget=40, now=lambda: clock[0])
    fill_with(one, "quagga")
    clock[0] += 90_000
    assert b"quagga" in data(one.folder)
    one.remember("Where is the okapi?", "It is in valley 8.")
    assert b"quagga" not in data(one.folder)
    assert b"okapi" in data(one.folder)


def test_a_session_that_a_reader_holds_is_gone_when_it_is_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.store.database._BUSY_MS", 50)
    folder = _talked(tmp_path / "made")
    one = Memory(folder, user="ada", session="one", embedder=E)
    with KnowledgeBase.open(store_of(folder, "ada"), embedder=E) as reader:
        assert reader.document_ids()
        with pytest.raises(StoreLocked, match="close the readers"):
            one.forget()
        assert one.turns() == []
        with pytest.raises(StoreLocked, match="close the readers"):
            one.forget()
        assert b"quagga" in data(folder)
    assert one.forget() == 0
    assert b"quagga" not in data(folder)
