"""Signs of random directions: how they are made, compared, filtered and scored again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import indexes
from indexes import faiss_library, lsh
from indexes.rows import Keep

DIM, N = 24, 3000


def vectors(n: int, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(9).standard_normal((20, DIM))
    return (centres[rng.integers(0, 20, n)] + 0.5 * rng.standard_normal((n, DIM))).astype(np.float32)


X, Q = vectors(N, 0), vectors(40, 1)


def made(spec: str) -> Any:
    index = indexes.dense(spec, DIM)
    index.build(X, np.arange(N))
    return index


def exact(allowed: Any = None, k: int = 10) -> Any:
    flat = indexes.dense("flat", DIM)
    flat.build(X, np.arange(N))
    return flat.search(Q, k, allow=allowed)


def test_more_candidates_find_more_until_all_is_found() -> None:
    index, true = made("lsh:nbits=32,refine=true,refine_factor=1"), exact()
    found = []
    for candidates in (0, 100, 400, N):
        hits = index.search(Q, 10, params={"candidates": candidates})
        found.append(np.mean([len(np.intersect1d(a, b)) for a, b in zip(hits.ids, true.ids, strict=True)]) / 10)
    assert found == sorted(found)
    assert found[0] < 0.8
    assert found[-1] == 1.0
    np.testing.assert_allclose(hits.scores, true.scores, atol=1e-5)


@pytest.mark.parametrize("share", [2, 7])
@pytest.mark.parametrize("refine", ["true", "false"])
def test_a_filter_holds_inside_the_scan(share: int, refine: str) -> None:
    allowed = indexes.IdSet(np.arange(0, N, share))
    index = made(f"lsh:nbits=64,refine={refine}")
    hits = index.search(Q, 10, allow=allowed, params={"candidates": N})
    assert (hits.ids >= 0).all()
    assert (hits.ids % share == 0).all()
    if refine == "true":
        np.testing.assert_allclose(hits.scores, exact(allowed).scores, atol=1e-5)


def test_fewer_are_allowed_than_are_wanted() -> None:
    hits = made("lsh:nbits=64,refine=true").search(Q, 10, allow=np.arange(200))
    assert (np.sort(hits.ids, axis=1)[:, 0] >= 0).all()
    index = made("lsh:nbits=64")
    rows = index._rows.n_rows
    scores, found = index._engine_search(Q / 10, 300, index.search_params, Keep(np.arange(200), rows))
    assert ((found >= 0).sum(axis=1) == 200).all(), "the rest is padding"
    assert np.isneginf(scores[found < 0]).all()


@pytest.mark.parametrize("nbits", [16, 24, 100])
def test_a_question_is_hashed_as_faiss_does(nbits: int) -> None:
    index = made(f"lsh:nbits={nbits}")
    moved = Q - index._centre
    hashes = lsh._hashes(index._seen(moved))
    np.testing.assert_array_equal(hashes, index._index.sa_encode(moved))
    np.testing.assert_array_equal(lsh._hashes(index._seen(moved[:1])), hashes[:1])


@pytest.mark.parametrize(("nbits", "agreement"), [(20, 0.5), (100, 0.8), (512, 0.95)])
@pytest.mark.parametrize("metric", ["cosine", "ip", "l2"])
def test_bits_tell_how_a_candidate_scores(metric: Any, nbits: int, agreement: float) -> None:
    n = 600
    index = indexes.dense(f"lsh:nbits={nbits},refine=true", DIM, metric=metric)
    index.build(X[:n], np.arange(n))
    asked = index._ready(Q[:10], "queries")[0]
    estimated, rows = index._engine_search(asked, n, index.search_params, None)
    true = np.take_along_axis(index.score(asked, np.arange(n)), rows, axis=1)
    for own, scores in zip(true, estimated, strict=True):
        assert np.corrcoef(own, scores)[0, 1] > agreement
        assert nbits < 512 or np.abs(own - scores).mean() < 0.5 * own.std()


def test_candidates_are_those_whose_bits_the_question_speaks_for() -> None:
    index = made("lsh:nbits=64,refine=true,refine_factor=1,candidates=40")
    nearest = exact().ids
    found = index.search(Q, 10).ids
    by_number = faiss_library.nearest_codes(
        lsh._hashes(index._seen(index._ready(Q, "queries")[0] - index._centre)), index._codes(), 40
    )[1]
    share = np.mean([len(set(a) & set(b)) for a, b in zip(found, nearest, strict=True)])
    assert share > np.mean([len(set(a) & set(b)) for a, b in zip(by_number, nearest, strict=True)])


def test_many_questions_are_compared_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    index = made("lsh:nbits=64,refine=true,candidates=300")
    whole = index.search(Q, 10)
    monkeypatch.setattr(faiss_library, "_COUNTING_BYTES", 1)
    one = index.search(Q, 10)
    np.testing.assert_array_equal(whole.ids, one.ids)


def test_many_candidates_are_found_without_counting(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    codes, mine = rng.integers(0, 256, (1001, 8), np.uint8), rng.integers(0, 256, (2, 8), np.uint8)
    counted, _ = faiss_library.nearest_codes(mine, codes, 200)
    monkeypatch.setattr(faiss_library, "_COUNTED", 100)
    found, rows = faiss_library.nearest_codes(mine, codes, 200)
    np.testing.assert_array_equal(found, counted)
    np.testing.assert_array_equal(np.bitwise_count(codes[rows] ^ mine[:, None]).sum(axis=2), found)


def test_one_question_leaves_the_number_of_threads_as_it_was() -> None:
    module = faiss_library.faiss()
    before = module.omp_get_max_threads()
    module.omp_set_num_threads(2)
    try:
        with faiss_library.one_thread_for(1):
            assert module.omp_get_max_threads() == 1
        with faiss_library.one_thread_for(5):
            assert module.omp_get_max_threads() == 2
        assert module.omp_get_max_threads() == 2
    finally:
        module.omp_set_num_threads(before)


def test_a_few_strange_vectors_do_not_cost_a_new_build(monkeypatch: pytest.MonkeyPatch) -> None:
    index = made("lsh:nbits=64,refine=true")
    index.add(50 * np.ones((3, DIM), np.float32) + X[:3], np.arange(N, N + 3))
    monkeypatch.setattr(type(index), "_engine_build", lambda *_: pytest.fail("built anew"))
    index.optimize()
    hits = index.search(50 * np.ones((1, DIM), np.float32) + X[:1], 3)
    assert set(hits.ids[0]) == {N, N + 1, N + 2}
