"""A writer that knows much, and one that asks, write the same."""

from __future__ import annotations

import pytest

from rag.documents.document import Document
from rag.knowledge_base import KnowledgeBase
from rag.testing import HashingEmbedder
from tests.postgres_server import needs_postgres

pytestmark = needs_postgres


@pytest.mark.parametrize("most", [300_000, 3, 0])
def test_one_add_of_everything_that_can_happen(place: str, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """A source that comes twice in a stream, a document that goes and comes again, one that another source has."""
    monkeypatch.setattr("rag.store.postgres.known.MOST", most)
    monkeypatch.setattr("rag.store.pipeline.FIRST_BATCH_TEXTS", 1)
    monkeypatch.setattr("rag.store.pipeline.BATCH_TEXTS", 1)
    with KnowledgeBase.create(place, embedder=HashingEmbedder(16), chunker="document", granularity="chunk") as kb:
        kb.add([Document("a", "Otters.", "s"), Document("b", "Urchins.", "s"), Document("c", "Kelp.", "t")])
        stream = [
            Document("a", "Otters.", "s"),  # b goes
            Document("d", "Tides.", "u"),
            Document("b", "Urchins.", "v"),  # and comes again
            Document("c", "Kelp.", "w"),  # t has it
            Document("c", "Kelp and more.", "t"),
            Document("d", "Tides.", "u"),
        ]
        report = kb.add(stream)
        assert ("c", "taken") in {(f.document, f.reason) for f in report.failures}
        assert {name: kb.document(name).text for name in kb.document_ids()} == {
            "a": "Otters.",
            "b": "Urchins.",
            "c": "Kelp and more.",
            "d": "Tides.",
        }
        assert kb.verify().ok
        assert kb.add([Document("a", "Otters.", "s"), Document("c", "Kelp and more.", "t")]).unchanged == 2
