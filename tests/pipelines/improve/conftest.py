"""A small world of simulated readers: animals in three shades each, and questions that name no shade."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.improve import candidates
from rag import Answer, Bot, Document, KnowledgeBase, PipelineConfig
from rag.embedding import HashingEmbedder
from rag.feedback import Feedback, judge, proposal

NAMES = (
    "otter badger heron kestrel toad adder beaver marten ferret weasel polecat hare dormouse vole shrew mole bat newt "
    "lizard grebe coot bittern plover curlew dipper wren siskin linnet pipit shrike"
)
ANIMALS = NAMES.split()
SHADES = ("pale", "dark", "spotted")
Voter = Callable[[str, Answer, random.Random], tuple[str, list[tuple[str, int, int]]]]


def world() -> tuple[list[Document], dict[str, str]]:
    """Return documents, and by question the one that answers: any shade of its animal, so that one hit is a guess."""
    documents, gold = [], {}
    draw = random.Random(7)
    for animal in ANIMALS:
        for shade in SHADES:
            text = f"The {shade} {animal} of the valley sleeps under a stone by the river."
            documents.append(Document.from_text(text, id=f"{animal}-{shade}"))
        for place in ("sleep", "rest", "stay at night"):
            gold[f"Where does the {animal} {place}?"] = f"{animal}-{draw.choice(SHADES)}"
    return documents, gold


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A knowledge base of the world; copy it."""
    folder = tmp_path_factory.mktemp("world") / "kb"
    with KnowledgeBase.create(folder, embedder=HashingEmbedder(64), chunker="document", granularity="chunk") as kb:
        kb.add(world()[0])
    return folder


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try little: what an experiment costs is its own."""
    monkeypatch.setattr(candidates, "FIELDS", {"k": (), "fusion": ("terms",)})


def copy(folder: Path, to: Path) -> Path:
    """Copy a knowledge base with its feedback."""
    shutil.copytree(folder, to, ignore=shutil.ignore_patterns("lock", "*-shm"))
    return to


@pytest.fixture
def kb(made: Path, tmp_path: Path) -> Path:
    """One without feedback."""
    return copy(made, tmp_path / "kb")


@pytest.fixture(scope="session")
def told_by_gold(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One with a bad setting, and readers that know the answers; copy it."""
    folder = copy(made, tmp_path_factory.mktemp("told") / "kb")
    planted(folder, k=1)
    voted(folder, by_gold)
    return folder


@pytest.fixture
def bad(told_by_gold: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return copy(told_by_gold, tmp_path / "bad")


def planted(kb: Path, **values: object) -> None:
    """Store settings."""
    with KnowledgeBase.open(kb, mode="w") as base:
        PipelineConfig(**values).store(base)  # type: ignore[arg-type]


def by_gold(question: str, answer: Answer, _: random.Random) -> tuple[str, list[tuple[str, int, int]]]:
    """Vote as somebody does who knows the answer, and show it."""
    right = world()[1][question]
    if any(cited.document == right for cited in answer.citations):
        return "up", []
    return "down", [(right, 0, 40)]


def by_coin(_: str, answer: Answer, draw: random.Random) -> tuple[str, list[tuple[str, int, int]]]:
    """Vote whatever the answer is, and show any passage that was read."""
    if draw.random() < 0.5 or not answer.passages:
        return "up", []
    chosen = draw.choice(answer.passages)
    return "down", [(chosen.document, 0, 40)]


def by_dart(_: str, __: Answer, draw: random.Random) -> tuple[str, list[tuple[str, int, int]]]:
    """Show any document, found or not: what is right then favours no pipeline, not even the present one."""
    return "down", [(f"{draw.choice(ANIMALS)}-{draw.choice(SHADES)}", 0, 40)]


def voted(kb: Path, voter: Voter, *, seed: int = 0, questions: int | None = None, prefix: str = "") -> None:
    """Let readers ask and vote, and a reviewer accept what their feedback says by itself."""
    draw = random.Random(seed)
    with KnowledgeBase.open(kb) as base, Bot(base) as bot, Feedback.open(base) as feedback:
        with feedback._writing() as db:  # its secret decides which questions tune: the same one in every run
            db.execute("update meta set value = 'salt' where key = 'salt'")
        feedback._salt = "salt"
        for question in list(world()[1])[:questions]:
            answer = bot.ask(prefix + question)
            vote, spans = voter(question, answer, draw)
            row = feedback.vote(feedback.keep(answer) or "", vote, spans=spans)  # type: ignore[arg-type]
            judge(feedback, row.id, proposal(row, base).judgement)
