"""An embedder that remembers gives the vectors of the one it has, and asks it for each question once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pipelines.improve.remembering import Remembering
from rag.embedding import HashingEmbedder


class Counting(HashingEmbedder):
    """Notes which questions it embeds."""

    def __init__(self) -> None:
        super().__init__(64)
        self.asked: list[str] = []
        self.own = "there"

    def embed_queries(self, texts: Sequence[str]) -> Any:
        self.asked += texts
        return super().embed_queries(texts)


def test_each_question_is_embedded_once_and_alike() -> None:
    own = Counting()
    made = Remembering(own)
    plain = HashingEmbedder(64)
    for texts in (["a b", "c d", "a b"], ["c d", "e f"], []):
        assert np.array_equal(made.embed_queries(texts), plain.embed_queries(texts).reshape(len(texts), 64))
    assert own.asked == ["a b", "c d", "e f"]
    assert np.array_equal(made.embed_passages(["x"]), plain.embed_passages(["x"]))
    assert (made.name, made.dim, made.own) == (plain.name, 64, "there")
