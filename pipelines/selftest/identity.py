"""Open a knowledge base with something else than it was made with: it is refused, with both names, and unchanged."""

from __future__ import annotations

from pathlib import Path

from rag.embedding import HashingEmbedder
from rag.errors import StoreMismatch
from rag.knowledge_base import KnowledgeBase

from .corpus import CHUNKER, E, documents
from .tally import Tally


class _OtherWeights(HashingEmbedder):
    """The same name and length, other vectors."""

    def __init__(self) -> None:
        super().__init__(E.dim)

    def embed_passages(self, texts):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        return super().embed_passages(texts)[:, ::-1]

    embed_queries = embed_passages


def check(place: Path, tally: Tally) -> None:
    path = place / "kb"
    KnowledgeBase.create(path, embedder=E, chunker=CHUNKER).close()
    with KnowledgeBase.open(path, mode="w", embedder=E) as kb:
        kb.add(documents(10))
    before = (path / "store.sqlite").read_bytes()
    others: dict[str, dict[str, object]] = {
        "another length": {"embedder": HashingEmbedder(64)},
        "another metric": {"metric": "l2"},
        "another chunker": {"chunker": "tokens:64/0"},
        "another language": {"analyser": "german"},
        "another granularity": {"granularity": "chunk+sentence"},
    }
    for name, other in others.items():
        for mode in ("r", "w"):
            said = tally.refused(StoreMismatch, lambda o=other, m=mode: KnowledgeBase.open(path, mode=m, **o))  # type: ignore[misc]
            tally.expect("was made with" in said, f"{name}: {said}")
    with KnowledgeBase.open(path, embedder=_OtherWeights()) as kb:
        said = tally.refused(StoreMismatch, lambda: kb.embedder)
        tally.expect("other weights" in said, f"other weights: {said}")
    tally.expect((path / "store.sqlite").read_bytes() == before, "a refused opening has changed the store")
