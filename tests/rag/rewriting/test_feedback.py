from __future__ import annotations

import math

import numpy as np
import pytest

from rag.errors import InvalidInput
from rag.rewriting.feedback import RM3, Bo1, Rocchio
from rag.rewriting.protocol import QueryDraft
from rag.testing import HashingEmbedder

TEXTS = ["wing lift flutter", "wing flutter flutter damping", "heat transfer plate", "plate boundary layer heat"]


def test_rm3_is_its_formula(plain):
    corpus = plain(TEXTS)
    terms = RM3(docs=2, terms=2, weight=0.5).rewrite(QueryDraft("wing", "wing"), corpus).terms
    # Both chunks with "wing" score alike: P(w|R) = mean of P(w|d): wing (1/3 + 1/4) / 2, flutter (1/3 + 2/4) / 2.
    wing, flutter = (1 / 3 + 1 / 4) / 2, (1 / 3 + 1 / 2) / 2
    stem = corpus.analyser.terms("flutter")[0]
    assert terms == pytest.approx({"wing": 0.5 + 0.5 * wing / (wing + flutter), stem: 0.5 * flutter / (wing + flutter)})


def test_bo1_is_its_formula(plain):
    corpus = plain(TEXTS)
    stem = corpus.analyser.terms("flutter")[0]
    terms = Bo1(docs=2, terms=1).rewrite(QueryDraft("wing", "wing"), corpus).terms
    p = 2 / 4
    assert p == corpus.frequencies()[stem] / corpus.n
    assert math.log2((1 + p) / p) * 3 + math.log2(1 + p) > 0  # flutter: 3 times in the feedback, the most of all
    assert terms == pytest.approx({"wing": 1.0, stem: 1.0})


def test_rocchio_moves_the_vector(corpus):
    own = HashingEmbedder(64).embed_queries(["green tea"])[0]
    found = corpus.nearest(own, 2)
    moved = Rocchio(docs=2, weight=0.5).rewrite(QueryDraft("green tea", "green tea"), corpus).vector
    want = own + 0.5 * found.mean(axis=0)
    np.testing.assert_allclose(moved, want / np.linalg.norm(want), rtol=1e-5)


def test_nothing_found_changes_nothing(plain):
    before = QueryDraft("zebra", "zebra")
    for rewriter in (RM3(), Bo1()):
        assert rewriter.rewrite(before, plain(TEXTS)) is before


@pytest.mark.parametrize(
    "make", [lambda: RM3(docs=0), lambda: RM3(weight=1), lambda: Bo1(terms=0), lambda: Rocchio(weight=0)]
)
def test_what_cannot_be_meant_is_refused(make):
    with pytest.raises(InvalidInput, match="give"):
        make()
