"""Boxes are kept with the document, exactly, and searched passages do not carry them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rag import Document, HashingEmbedder, KnowledgeBase, Retriever
from rag.documents.boxes import Box, box_rows, boxes_of

BOXES = (Box(0, 9, 1, 0.1, 0.25, 0.9, 0.2801), Box(10, 19, 2, 0.0, 0.0, 1.0, 1.0))


def test_rows_are_short_and_exact() -> None:
    assert box_rows(BOXES) == [[0, 9, 1, 1000, 2500, 9000, 2801], [10, 19, 2, 0, 0, 10000, 10000]]
    assert boxes_of(box_rows(BOXES)) == BOXES


def test_the_store_keeps_them(tmp_path: Path) -> None:
    document = replace(Document.from_text("The ferry. Leaves at nine.", id="scan"), boxes=BOXES)
    with KnowledgeBase.create(tmp_path / "kb", embedder=HashingEmbedder(32)) as kb:
        kb.add([document])
        assert kb.document("scan").boxes == BOXES
        assert kb.verify().ok
        moved = replace(document, boxes=BOXES[:1])
        assert kb.add([moved]).changed == 1
        assert kb.document("scan").boxes == BOXES[:1]
        (passage,) = Retriever(kb, k=1).retrieve("ferry")
        assert not passage.metadata


def test_documents_without_boxes_have_the_digest_that_they_had() -> None:
    document = Document.from_text("The ferry.", id="a")
    assert document.digest() == "67cb5226d37a4a3e719388c4f2f49cd89b885091e242a77796569d3189d255a1"
    assert replace(document, boxes=BOXES).digest() != document.digest()
