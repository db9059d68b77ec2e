"""Weights are measured on the knowledge base itself: a model that cannot read its texts loses its say, and no other."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from rag.documents.document import Document
from rag.embedding import CallableEmbedder, HashingEmbedder
from rag.embedding.protocol import Embedder
from rag.knowledge_base import KnowledgeBase
from rag.retrieval.config import PipelineConfig
from rag.retrieval.fusion import DENSE_WEIGHT
from rag.retrieval.weight_selection import LEAST_CHUNKS, LEAST_WEIGHT, measure, select_weights, stored_evidence, weight

WORDS = [f"{a}{b}{c}" for a in "bdfgklmnprst" for b in ("anu", "eso", "ili", "oru", "ute") for c in ("ba", "de", "mo")]


def documents(n: int) -> Iterator[Document]:
    draw = random.Random(7)
    for number in range(n):
        lines = [" ".join(draw.sample(WORDS, 9)).capitalize() + "." for _ in range(4)]
        yield Document.from_text(" ".join(lines), id=f"d{number}")


def unread() -> Embedder:
    """Return a model to which all texts of one length are the same, as all Thai is to a model of English."""
    return CallableEmbedder(lambda texts: [np.eye(8)[len(text) % 8] for text in texts], dim=8, name="unread")


def made(folder: Path, embedder: Embedder, n: int = 2 * LEAST_CHUNKS) -> KnowledgeBase:
    kb = KnowledgeBase.create(folder, embedder=embedder, chunker="document")
    kb.add(documents(n))
    return kb


def test_a_model_that_cannot_read_loses_its_say(tmp_path: Path) -> None:
    with made(tmp_path / "kb", unread()) as kb:
        found = select_weights(kb)
        assert found is not None
        assert found.dense_weight == LEAST_WEIGHT == PipelineConfig.of(kb).dense_weight
        assert found.dense < 0.3
        assert found.terms > 0.99
        assert (found.questions, found.passages, found.chunks) == (128, 256, 256)
        assert stored_evidence(kb) == found


def test_a_model_that_reads_keeps_the_default(tmp_path: Path) -> None:
    with made(tmp_path / "kb", HashingEmbedder(512)) as kb:
        found = select_weights(kb)
        assert found is not None
        assert found.dense_weight == DENSE_WEIGHT
        assert PipelineConfig.of(kb) == PipelineConfig()


def test_a_weight_of_ones_own_stays(tmp_path: Path) -> None:
    with made(tmp_path / "kb", unread()) as kb:
        PipelineConfig(dense_weight=0.6, k=7).store(kb)
        found = select_weights(kb)
        assert found is not None
        assert found.dense_weight == LEAST_WEIGHT
        assert PipelineConfig.of(kb) == PipelineConfig(dense_weight=0.6, k=7)


def test_undone_by_setting_the_default_again(tmp_path: Path) -> None:
    with made(tmp_path / "kb", unread()) as kb:
        select_weights(kb)
        PipelineConfig.of(kb).with_(dense_weight=DENSE_WEIGHT).store(kb)
        kb.add(Document.from_text(f"{d.text} again", id=f"more {d.id}") for d in documents(256))
        select_weights(kb)
        assert PipelineConfig.of(kb).dense_weight == DENSE_WEIGHT


@pytest.mark.slow
def test_measured_again_only_when_much_was_added_or_the_model_is_another(tmp_path: Path) -> None:
    with made(tmp_path / "kb", unread()) as kb:
        first = select_weights(kb)
        kb.add([Document.from_text("One more text. It has two sentences.", id="one more")])
        assert select_weights(kb) == first
        kb.add(Document.from_text(f"{d.text} again", id=f"more {d.id}") for d in documents(200))
        grown = select_weights(kb)
        assert grown is not None
        assert grown.chunks == 457
    KnowledgeBase.reembed(tmp_path / "kb", HashingEmbedder(512))
    with KnowledgeBase.open(tmp_path / "kb", mode="w", embedder=HashingEmbedder(512)) as kb:
        assert PipelineConfig.of(kb).dense_weight == LEAST_WEIGHT
        again = select_weights(kb)
        assert again is not None
        assert again.dense_weight == DENSE_WEIGHT == PipelineConfig.of(kb).dense_weight


@pytest.mark.parametrize(
    ("n", "indexes", "text"),
    [
        (LEAST_CHUNKS - 1, ("flat", "bm25"), "{0}"),
        (LEAST_CHUNKS, ("flat",), "{0}"),
        (LEAST_CHUNKS, ("bm25",), "{0}"),
        (LEAST_CHUNKS, ("flat", "bm25"), "Number {1}."),
    ],
    ids=["few chunks", "no terms", "no vectors", "no sentence to ask"],
)
def test_nothing_to_measure(tmp_path: Path, n: int, indexes: tuple[str, ...], text: str) -> None:
    with KnowledgeBase.create(tmp_path / "kb", embedder=unread(), indexes=indexes, chunker="document") as kb:
        kb.add(Document.from_text(text.format(d.text, d.id), id=d.id) for d in documents(n))
        assert select_weights(kb) is None
        assert PipelineConfig.of(kb) == PipelineConfig()


def test_what_cannot_be_embedded_now_fails_no_ingest(tmp_path: Path) -> None:
    def fails(texts: list[str]) -> list[object]:
        raise OSError("no route to the model")

    embedder = CallableEmbedder(
        lambda texts: np.ones((len(texts), 4)),
        dim=4,
        name="away",
        queries=fails,  # type: ignore[arg-type]
    )
    with made(tmp_path / "kb", embedder) as kb:
        assert select_weights(kb) is None
        assert stored_evidence(kb) is None


def test_evidence_of_a_newer_version_is_no_evidence(tmp_path: Path) -> None:
    with made(tmp_path / "kb", unread(), n=3) as kb:
        for text in ("[]", "{", '{"weight": 1}'):
            kb.keep_setting("weights", text)
            assert stored_evidence(kb) is None


def test_measured_the_same_every_time(tmp_path: Path) -> None:
    with made(tmp_path / "kb", HashingEmbedder(64)) as kb:
        assert measure(kb) == measure(kb)


def test_the_weight_follows_the_share() -> None:
    assert [weight(share, 2.0) for share in (0.0, 0.7, 0.8, 0.9, 1.2)] == pytest.approx([0.05, 0.05, 0.38, 0.7, 0.7])


def test_words_that_stay_whole_are_read_unless_nothing_is_found() -> None:
    assert [weight(share, 4.0) for share in (0.0, 0.6, 0.7, 0.75, 0.9)] == [0.05, 0.05, 0.05, 0.7, 0.7]
