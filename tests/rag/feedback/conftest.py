"""A small knowledge base that is open, and its feedback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rag import Bot, Document, HashingEmbedder, KnowledgeBase
from rag.answers import Answer
from rag.feedback import Feedback

OTTERS = "The wardens keep the otters. They feed them twice a day, at dawn and at dusk."
MOLES = "Moles dig tunnels under the meadow. A mole eats worms, and digs at night."


@pytest.fixture
def kb(tmp_path: Path) -> Iterator[KnowledgeBase]:
    with KnowledgeBase.create(tmp_path / "kb", embedder=HashingEmbedder(), chunker="document") as made:
        made.add([Document.from_text(OTTERS, id="otters"), Document.from_text(MOLES, id="moles")])
        yield made


@pytest.fixture
def feedback(kb: KnowledgeBase) -> Iterator[Feedback]:
    with Feedback.open(kb) as made:
        yield made


@pytest.fixture
def answer(kb: KnowledgeBase) -> Answer:
    with Bot(kb) as bot:
        return bot.ask("Who keeps the otters?")


def replace(kb: KnowledgeBase, name: str, text: str) -> None:
    """Give a document another text."""
    kb.add([Document.from_text(text, id=name)])
