"""Fusion against arithmetic done by hand, and against what must hold of any fusion."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from rag.components import make
from rag.errors import InvalidInput
from rag.retrieval.fusion import DENSE_WEIGHT, FARTHEST, FUSIONS, Fusion, ReciprocalRank, View, ZScore, standard_scores


def view(name: str, scores: list[float], ranks: list[int] | None = None, background: list[float] | None = None) -> View:
    return View(
        name,
        np.array(scores, np.float32),
        np.array(ranks or [0] * len(scores), np.int64),
        np.array(background or [], np.float32),
    )


def test_zscore_by_hand() -> None:
    dense = view("dense", [0.9, 0.5, 0.1], background=[0.0, 0.4])  # mean .2, deviation .2
    terms = view("terms", [0.0, 6.0, 12.0], background=[0.0, 0.0, 0.0, 4.0])  # mean 1, deviation sqrt(3)
    expected = [
        0.6 * 3.5 + 0.4 * (-1 / np.sqrt(3)),
        0.6 * 1.5 + 0.4 * (5 / np.sqrt(3)),
        0.6 * -0.5 + 0.4 * (11 / np.sqrt(3)),
    ]
    np.testing.assert_allclose(ZScore(dense_weight=0.6).fuse([dense, terms]), expected, atol=1e-5)
    np.testing.assert_allclose(
        ZScore(dense_weight=0.25).fuse([dense, terms])[0], 0.25 * 3.5 - 0.75 / np.sqrt(3), atol=1e-5
    )


def test_reciprocal_rank_by_hand() -> None:
    fused = ReciprocalRank().fuse([view("dense", [0, 0, 0], [1, 2, 0]), view("terms", [0, 0, 0], [3, 0, 1])])
    np.testing.assert_allclose(fused, [1 / 61 + 1 / 63, 1 / 62, 1 / 61], rtol=1e-12)
    np.testing.assert_allclose(ReciprocalRank(k=0).fuse([view("dense", [0, 0], [1, 2])]), [1, 0.5], rtol=1e-12)


def test_a_score_far_out_of_the_background_is_held_to_the_farthest() -> None:
    """No sampled passage has the question's word: the deviation is 0, the score must stay finite."""
    rare = view("terms", [0.0, 5.0, 10.0], background=[0.0] * 50)
    np.testing.assert_allclose(standard_scores(rare), [0, FARTHEST / 2, FARTHEST], rtol=1e-6)


def test_equal_scores_say_nothing() -> None:
    same = view("terms", [2.0, 2.0], background=[2.0, 2.0])
    dense = view("dense", [0.1, 0.7], background=[0.0, 1.0])
    assert standard_scores(same).tolist() == [0, 0]
    np.testing.assert_allclose(ZScore().fuse([dense, same]), DENSE_WEIGHT * standard_scores(dense), atol=1e-5)


def test_no_candidates() -> None:
    empty = [view("dense", []), view("terms", [])]
    assert ZScore().fuse(empty).shape == (0,)
    assert ReciprocalRank().fuse(empty).shape == (0,)


finite = st.floats(-50, 50, width=32)


@given(
    scores=hnp.arrays(np.float32, st.integers(1, 30), elements=finite),
    background=hnp.arrays(np.float32, st.integers(2, 60), elements=finite),
)
def test_standard_scores_are_scipys(scores: np.ndarray, background: np.ndarray) -> None:
    one = View("dense", scores, np.zeros(len(scores), np.int64), background)
    found = standard_scores(one)
    assert np.isfinite(found).all()
    if background.astype(np.float64).std() > 1e-3:
        expected = stats.zmap(scores.astype(np.float64), background.astype(np.float64))
        if expected.max() > FARTHEST:
            expected *= FARTHEST / expected.max()
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)


@given(
    dense=hnp.arrays(np.float32, 12, elements=finite),
    terms=hnp.arrays(np.float32, 12, elements=finite),
    scale=st.floats(0.125, 8),
    shift=st.floats(-8, 8),
)
def test_the_scale_of_a_search_does_not_matter(
    dense: np.ndarray, terms: np.ndarray, scale: float, shift: float
) -> None:
    ranks = np.zeros(12, np.int64)
    first = View("dense", dense, ranks, np.linspace(-40, 40, 9, dtype=np.float32))
    plain = View("terms", terms, ranks, np.linspace(-30, 50, 9, dtype=np.float32))
    scaled = View(
        "terms",
        terms * np.float32(scale) + np.float32(shift),
        ranks,
        plain.background * np.float32(scale) + np.float32(shift),
    )
    np.testing.assert_allclose(ZScore().fuse([first, plain]), ZScore().fuse([first, scaled]), atol=1e-3)


@given(hnp.arrays(np.float32, st.integers(1, 20), elements=finite))
def test_the_whole_weight_on_one_search_keeps_its_order(scores: np.ndarray) -> None:
    ranks = np.zeros(len(scores), np.int64)
    background = np.linspace(-50, 50, 11, dtype=np.float32)
    one = View("dense", scores, ranks, background)
    other = View("terms", scores[::-1].copy(), ranks, background)
    for weight, wanted in ((1.0, one), (0.0, other)):
        fused = ZScore(dense_weight=weight).fuse([one, other])
        assert (np.diff(fused[np.argsort(-wanted.scores)]) <= 0).all()
        np.testing.assert_allclose(fused, standard_scores(wanted), atol=1e-5)


def test_by_name() -> None:
    assert make("fusion", FUSIONS, "zscore", None) == ZScore(dense_weight=DENSE_WEIGHT)
    assert make("fusion", FUSIONS, "zscore", None, dense_weight=0.3) == ZScore(dense_weight=0.3)
    assert make("fusion", FUSIONS, "rrf", None, dense_weight=0.3) == ReciprocalRank(k=60)
    assert make("fusion", FUSIONS, "adaptive:gain=0.5", None, dense_weight=0.3).gain == 0.5
    assert all(isinstance(make("fusion", FUSIONS, name, None), Fusion) for name in FUSIONS)
    with pytest.raises(InvalidInput, match="unknown fusion 'max'"):
        make("fusion", FUSIONS, "max", None)
    with pytest.raises(InvalidInput, match="between 0 and 1"):
        ZScore(dense_weight=1.1)
    with pytest.raises(InvalidInput, match="0 or more"):
        ReciprocalRank(k=-1)
