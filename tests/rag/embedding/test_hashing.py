from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from rag.embedding import Embedder, HashingEmbedder
from rag.errors import InvalidInput


def test_it_is_an_embedder_with_an_identity():
    one = HashingEmbedder(32)
    assert isinstance(one, Embedder)
    assert (one.name, one.revision, one.dim) == ("hashing-32", "1", 32)


def test_every_process_gives_the_same_vectors():
    code = (
        "from rag.embedding import HashingEmbedder as H; import sys;"
        "sys.stdout.buffer.write(H(16).embed_queries(['to be or not', 'ß 漢字']).tobytes())"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert runs == {HashingEmbedder(16).embed_queries(["to be or not", "ß 漢字"]).tobytes()}


def test_shared_words_make_texts_close():
    q, near, far = HashingEmbedder(256).embed_passages(["red fox jumps", "The red fox!", "quarterly tax report"])
    assert q @ near > 0.5 > abs(q @ far)


def test_any_text_gives_a_unit_vector(texts):
    vectors = HashingEmbedder(8).embed_passages(texts)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert HashingEmbedder(8).embed_queries([]).shape == (0, 8)


def test_words_that_cancel_out_still_give_a_unit_vector():
    one = HashingEmbedder(2)
    words = [f"w{i}" for i in range(64)]
    pairs = [f"{a} {b}" for a in words for b in words]
    sums = np.array([one.embed_passages([w])[0] for w in words])
    assert any(np.allclose(a + b, 0) for a in sums for b in sums), "no pair cancels: the test shows nothing"
    np.testing.assert_allclose(np.linalg.norm(one.embed_passages(pairs), axis=1), 1, atol=1e-6)


def test_offsets_are_the_words():
    text = "Hello, wörld 漢字\ud800!"
    spans = HashingEmbedder().tokenizer.offsets([text, ""])
    assert [text[a:b] for a, b in spans[0]] == ["Hello", ",", "wörld", "漢字", "\ud800", "!"]
    assert spans[1].shape == (0, 2)
    assert spans[1].dtype == np.int64


def test_too_few_dimensions_are_refused():
    with pytest.raises(InvalidInput, match="dim=1"):
        HashingEmbedder(1)
