"""Truncated vectors: the first components, of length one."""

from __future__ import annotations

import numpy as np
import pytest

from rag.embedding import HashingEmbedder, TruncatedEmbedder, embedder
from rag.errors import EmbedderError, InvalidInput


def test_vectors_are_cut_and_normalised():
    own = HashingEmbedder(64)
    made = TruncatedEmbedder(own, 16)
    beyond = next(w for w in map(str, range(99)) if not own.embed_passages([w])[0, :16].any())
    texts = [" ".join(map(str, range(99))), beyond]
    whole = own.embed_passages(texts)[:, :16]
    found = made.embed_passages(texts)
    np.testing.assert_allclose(found[0], whole[0] / np.linalg.norm(whole[0]), rtol=1e-6)
    assert not whole[1].any()  # nothing of it is left
    assert np.linalg.norm(found[1]) == 1
    assert (made.name, made.dim, made.tokenizer) == ("hashing-64:dim=16", 16, own.tokenizer)
    assert embedder("hashing-64:dim=16").name == made.name


def test_spans_are_cut_too_and_token_states_stay_whole(tiny):
    own, made = embedder(str(tiny())), embedder(f"{tiny()}:dim=8")
    whole, parts = made.embed_parts(["a b c d"], [[(0, 3), (4, 7)]])
    bare = own.embed_parts(["a b c d"], [[(0, 3), (4, 7)]])[1][0][:, :8]
    np.testing.assert_allclose(parts[0], bare / np.linalg.norm(bare, axis=1, keepdims=True), rtol=1e-4)
    assert whole.shape == (1, 8)
    assert made.embed_tokens(["a b"])[0].vectors.shape == (2, 32)


@pytest.mark.parametrize("dim", [0, 64, 65])
def test_a_length_that_the_vectors_do_not_have_is_refused(dim):
    with pytest.raises(InvalidInput, match="give 1 to 63"):
        TruncatedEmbedder(HashingEmbedder(64), dim)


def test_an_embedder_without_token_states_says_so():
    made = TruncatedEmbedder(HashingEmbedder(64), 16)
    with pytest.raises(EmbedderError):
        made.embed_parts(["a"], [[(0, 1)]])
    with pytest.raises(EmbedderError):
        made.embed_tokens(["a"])
