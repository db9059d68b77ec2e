from __future__ import annotations

import numpy as np
import pytest

from rag.embedding import CallableEmbedder, Embedder
from rag.errors import EmbedderError, InvalidInput


def lengths(texts: list[str]) -> list[list[float]]:
    return [[len(text), 1.0] for text in texts]


def test_batches_are_joined_in_order():
    seen: list[int] = []

    def function(texts):
        seen.append(len(texts))
        return lengths(texts)

    one = CallableEmbedder(function, dim=2, name="length", batch_size=3)
    texts = ["x" * n for n in range(8)]
    expected = np.array(lengths(texts)) / np.linalg.norm(lengths(texts), axis=1, keepdims=True)
    np.testing.assert_allclose(one.embed_passages(texts), expected, rtol=1e-6)
    assert seen == [3, 3, 2]
    assert isinstance(one, Embedder)


def test_queries_have_their_own_function():
    one = CallableEmbedder(lengths, dim=2, name="length", queries=lambda texts: [[0.0, 5.0]] * len(texts))
    np.testing.assert_array_equal(one.embed_queries(["abc"]), [[0, 1]])
    assert one.embed_passages(["abc"])[0, 0] > 0.9


def test_a_missing_vector_names_the_batch():
    one = CallableEmbedder(
        lambda texts: lengths(texts)[: 2 if len(texts) == 3 else 1], dim=2, name="short", batch_size=3
    )
    with pytest.raises(EmbedderError, match=r"'short', texts 0 to 2"):
        one.embed_passages(["a", "b", "c", "d"])


@pytest.mark.parametrize("row", [[0.0, 0.0], [np.nan, 1.0], [1.0], "text"])
def test_what_cannot_be_normalised_is_refused(row):
    with pytest.raises(EmbedderError):
        CallableEmbedder(lambda texts: [row for _ in texts], dim=2, name="bad").embed_passages(["a"])


def test_bad_arguments_are_refused():
    with pytest.raises(InvalidInput, match="dim=0"):
        CallableEmbedder(lengths, dim=0, name="length")
    with pytest.raises(InvalidInput, match="name is empty"):
        CallableEmbedder(lengths, dim=2, name="")
