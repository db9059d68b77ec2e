"""Ensembles: the cosine is the weighted sum of standard scores, and no member's window is overrun."""

from __future__ import annotations

import numpy as np
import pytest

from rag.embedding import CallableEmbedder, EnsembleEmbedder, HashingEmbedder, PartEmbedder, embedder
from rag.embedding.ensemble import SPREAD_TEXTS, JointTokenizer, spread
from rag.embedding.tokens import WordTokenizer
from rag.errors import EmbedderError, InvalidInput
from rag.knowledge_base import KnowledgeBase

TEXTS = ["a cat sat on the mat", "dogs bark at night", "the cat and the dog", "rivers reach the sea"]


def crowded(dim: int = 32) -> CallableEmbedder:
    """An embedder whose cosines lie close to 1: a large component is common to all its vectors."""
    own = HashingEmbedder(dim)

    def vectors(texts):
        return np.hstack([own.embed_passages(texts), np.full((len(texts), 1), 3.0, np.float32)])

    return CallableEmbedder(vectors, dim=dim + 1, name="crowded")


def test_the_cosine_is_the_weighted_sum_of_the_members_cosines():
    members = HashingEmbedder(64), crowded()
    made = EnsembleEmbedder(members, [1, 3])
    one, other = (m.embed_queries(TEXTS) @ m.embed_passages(TEXTS).T for m in members)
    whole = made.embed_queries(TEXTS) @ made.embed_passages(TEXTS).T
    np.testing.assert_allclose(whole, made.shares[0] * one + made.shares[1] * other, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(made.embed_passages(TEXTS), axis=1), 1, atol=1e-6)
    assert made.dim == 97


def test_a_model_with_close_cosines_has_as_much_say_as_any_other():
    members = HashingEmbedder(64), crowded()
    assert spread(members[1]) < 0.2 * spread(members[0])
    made = EnsembleEmbedder(members)
    said = [share * spread(m) for share, m in zip(made.shares, members, strict=True)]
    assert said[0] == pytest.approx(said[1], rel=0.1)  # by the rounding of shares
    assert sum(made.shares) == pytest.approx(1)
    assert len(set(SPREAD_TEXTS)) == len(SPREAD_TEXTS)


def test_weights_and_members_are_part_of_the_identity():
    a, b = HashingEmbedder(8), HashingEmbedder(16)
    made = [EnsembleEmbedder([a, b]), EnsembleEmbedder([a, b], [1, 2]), EnsembleEmbedder([b, a])]
    assert len({each.revision for each in made}) == 3
    assert [each.name for each in made] == [
        "hashing-8+hashing-16",
        "hashing-8:weight=1+hashing-16:weight=2",
        "hashing-16+hashing-8",
    ]


@pytest.mark.parametrize(("n", "weights"), [(1, None), (2, [1]), (2, [1, 0]), (2, [1, float("nan")])])
def test_members_and_weights_that_do_not_fit_are_refused(n, weights):
    with pytest.raises(InvalidInput):
        EnsembleEmbedder([HashingEmbedder(8)] * n, weights)


class _Parts(HashingEmbedder):
    def embed_parts(self, texts, spans):
        parts = [self.embed_passages([text[a:b] for a, b in own]) for text, own in zip(texts, spans, strict=True)]
        return self.embed_passages(texts), parts


def test_vectors_of_spans_are_joined_as_those_of_texts():
    made = EnsembleEmbedder([_Parts(16), _Parts(32)])
    assert isinstance(made, PartEmbedder)
    whole, parts = made.embed_parts(TEXTS[:2], [[(0, 5), (6, 9)], []])
    np.testing.assert_array_equal(whole, made.embed_passages(TEXTS[:2]))
    np.testing.assert_allclose(parts[0], made.embed_passages(["a cat", "sat"]), atol=1e-7)
    assert parts[1].shape == (0, 48)
    with pytest.raises(EmbedderError, match="hashing-8"):
        EnsembleEmbedder([_Parts(16), HashingEmbedder(8)]).embed_parts(["a"], [[(0, 1)]])
    with pytest.raises(EmbedderError, match="hashing-16"):
        made.embed_tokens(["a"])


class _Letters:
    """Every letter is a token."""

    def __init__(self, max_tokens):
        self.max_tokens = max_tokens

    def offsets(self, texts):
        at = [[i for i, c in enumerate(text) if not c.isspace()] for text in texts]
        return [np.array([(i, i + 1) for i in own], np.int64).reshape(-1, 2) for own in at]


class _Spaced(_Letters):
    """As those that count the space before a word to its first token."""

    def offsets(self, texts):
        rows = super().offsets(texts)
        for text, row in zip(texts, rows, strict=True):
            row[:, 0] -= np.array([i > 0 and text[i - 1].isspace() for i in row[:, 0]], bool)
        return rows


@pytest.mark.parametrize("letters", [_Letters, _Spaced])
def test_each_word_is_counted_by_the_tokenizer_that_it_fills_first(letters):
    words, fine = WordTokenizer(10), letters(30)
    joint = JointTokenizer([words, fine])
    assert joint.max_tokens == 10
    counts = [
        len(row) for row in joint.offsets(["an ox is at it", "an extraordinary ox", "漢字かなまじり文", "", "  "])
    ]
    assert counts == [5, 1 + len("extraordinary") + 1, len("漢字かなまじり文"), 0, 0]
    row = joint.offsets(["an extraordinary ox"])[0]
    assert (np.diff(row[:, 0]) > 0).all()


def test_a_knowledge_base_is_made_of_several_models_and_opens_again(tmp_path):
    place = tmp_path / "kb"
    with KnowledgeBase.create(place, embedder=["hashing-64", "hashing-256:dim=32"]) as kb:
        assert kb.embedder.dim == 96
        assert kb.embedder.name == "hashing-64+hashing-256:dim=32"
    with KnowledgeBase.open(place) as kb:
        assert kb.embedder.dim == 96
    with KnowledgeBase.open(place, embedder="hashing-64+hashing-256:dim=32") as kb:
        assert kb.embedder.dim == 96
    KnowledgeBase.reembed(place, ["hashing-64", HashingEmbedder(16)])
    with KnowledgeBase.open(place) as kb:
        assert kb.embedder.dim == 80


def test_folders_of_members_are_found_from_any_working_folder(tiny, tmp_path, monkeypatch):
    model = tiny()
    monkeypatch.chdir(model.parent)
    with KnowledgeBase.create(tmp_path / "kb", embedder=f"hashing-16+{model.name}:weight=2") as kb:
        name = kb.embedder.name
    monkeypatch.chdir(tmp_path)
    with KnowledgeBase.open(tmp_path / "kb") as kb:
        assert kb.embedder.name == name == f"hashing-16:weight=1+{model.name}:weight=2"
        assert kb.granularity == "chunk"


def test_a_spec_of_one_is_that_one():
    assert embedder("hashing-32").dim == 32
    assert embedder("hashing-32+hashing-16").dim == 48
