from __future__ import annotations

import numpy as np
import pytest

from rag.embedding import HashingEmbedder, checked, fingerprint
from rag.errors import EmbedderError

TEXTS = ["one", "two", "three"]
GOOD = np.eye(3, 4)


def test_good_vectors_become_contiguous_unit_float32():
    out = checked(np.asfortranarray(GOOD * 1.001), TEXTS, name="m", dim=4)
    assert out.dtype == np.float32
    assert out.flags.c_contiguous
    np.testing.assert_allclose(out, GOOD, atol=1e-6)


def test_no_texts_give_an_empty_matrix_of_the_right_width():
    assert checked([], [], name="m", dim=4).shape == (0, 4)


@pytest.mark.parametrize(
    ("vectors", "said"),
    [
        (GOOD[:2], r"texts 10 to 12.*shape \(2, 4\), expected \(3, 4\)"),
        (GOOD[:, :3], r"shape \(3, 3\)"),
        (GOOD[0], r"shape \(4,\)"),
        ([[1.0], [1.0, 2.0], []], "no array of numbers"),
        (None, r"no array of numbers|shape \(\)"),
        (np.where(np.eye(3, 4, 1) > 0, np.nan, GOOD), "text 10 gave NaN"),
        (np.where(np.arange(3)[:, None] == 2, np.inf, GOOD), "text 12 gave NaN or infinity"),
        (GOOD * np.array([[1], [3], [1]]), "text 11 gave a vector of length 3"),
        (GOOD * np.array([[1], [1], [0]]), "text 12 gave a vector of length 0"),
    ],
)
def test_bad_vectors_are_refused_and_the_batch_is_named(vectors, said):
    with pytest.raises(EmbedderError, match=said) as caught:
        checked(vectors, TEXTS, name="m", dim=4, first=10)
    assert "'m'" in str(caught.value)


def test_fingerprint_tells_models_apart():
    one = fingerprint(HashingEmbedder(64))
    assert one.shape == (3, 64)
    np.testing.assert_array_equal(one, fingerprint(HashingEmbedder(64)))

    class Other(HashingEmbedder):
        def embed_passages(self, texts):
            return super().embed_passages([text[::-1] for text in texts])

    assert (one * fingerprint(Other(64))).sum(axis=1).min() < 0.9999
