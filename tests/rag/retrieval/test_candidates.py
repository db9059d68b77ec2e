"""Both lists, the scores that complete them and the background, against exact scores."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import indexes
from rag.retrieval import candidates
from rag.retrieval.candidates import SAMPLE, Background, Search, gather, sample
from rag.store.similarities import similarities

N, DIM = 700, 16


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(N, DIM)).astype(np.float32)


@pytest.fixture(scope="module")
def bags() -> list[list[str]]:
    rng = np.random.default_rng(1)
    return [[f"w{min(int(w), 60)}" for w in rng.zipf(1.5, size=12)] for _ in range(N)]


IDS = np.arange(N, dtype=np.int64) * 3 + 5


def test_a_sample_is_random_ordered_and_always_the_same() -> None:
    ids = sample(IDS)
    assert len(ids) == SAMPLE == len(set(ids.tolist()) & set(IDS.tolist()))
    assert ids.tolist() == sample(IDS).tolist()
    assert abs(float(ids.mean()) - float(IDS.mean())) < 60  # not the first or the last ones
    assert sample(IDS[:SAMPLE]).tolist() == IDS[:SAMPLE].tolist()


@pytest.mark.parametrize("spec", ["flat", "hnsw"])
@pytest.mark.parametrize("filtered", [False, True])
def test_every_candidate_has_the_score_of_every_search(
    spec: str, filtered: bool, vectors: np.ndarray, bags: list[list[str]]
) -> None:
    dense = indexes.dense(spec, DIM)
    dense.build(vectors, IDS)
    terms = indexes.terms("bm25")
    terms.build(bags, IDS)
    q = np.random.default_rng(2).normal(size=(3, DIM)).astype(np.float32)
    words = [["w1", "w7"], ["w60"], ["unknown"]]
    chosen = sample(IDS)
    allow = indexes.IdSet(IDS[::4]) if filtered else None

    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    background = Background(indexes.IdSet(chosen), unit[np.searchsorted(IDS, chosen)])
    cosines = unit @ (q / np.linalg.norm(q, axis=1, keepdims=True)).T
    everything = terms.search(words, N)
    for i, found in enumerate(
        gather([Search("dense", dense, q), Search("terms", terms, words)], 3, 20, allow, background)
    ):
        bm25 = dict(zip(*(part.tolist() for part in everything.row(i)), strict=True))
        at = np.searchsorted(IDS, found.ids)
        seen, said = found.views
        np.testing.assert_allclose(seen.scores, cosines[at, i], atol=1e-5)
        assert said.scores.tolist() == [pytest.approx(bm25.get(id_, 0.0), rel=1e-5) for id_ in found.ids.tolist()]
        assert set(found.ids.tolist()) <= set((IDS if allow is None else allow.ids).tolist())
        rows = np.searchsorted(IDS, chosen)
        np.testing.assert_allclose(np.sort(seen.background), np.sort(cosines[rows, i]), atol=1e-5)
        wanted = sorted(bm25.get(id_, 0.0) for id_ in chosen.tolist())
        np.testing.assert_allclose(np.sort(said.background), wanted, rtol=1e-5)
        assert not found.exhausted
        best = found.ids[np.argsort(-seen.scores, kind="stable")]
        assert found.ids[seen.ranks == 1].tolist() == best[:1].tolist()


def test_without_background_nothing_is_completed(vectors: np.ndarray, bags: list[list[str]]) -> None:
    dense = indexes.dense("flat", DIM)
    dense.build(vectors, IDS)
    terms = indexes.terms("bm25")
    terms.build(bags, IDS)
    searches = [Search("dense", dense, vectors[:1]), Search("terms", terms, [["w9"]])]
    found = gather(searches, 1, 5, None, None)[0]
    for view in found.views:
        assert ((view.ranks > 0) == ~np.isnan(view.scores)).all()
        assert sorted(view.ranks[view.ranks > 0].tolist()) == [1, 2, 3, 4, 5]
        assert len(view.background) == 0
    assert gather(searches, 1, N + 1, None, None)[0].exhausted


@pytest.mark.parametrize("metric", ["cosine", "ip", "l2"])
def test_similarities_are_the_scores_of_an_index(metric: indexes.Metric, vectors: np.ndarray) -> None:
    x = np.concatenate([vectors[:30], np.zeros((1, DIM), np.float32)])
    index = indexes.dense("flat", DIM, metric=metric)
    index.build(x, np.arange(31))
    found = index.search(vectors[40:43], 31)
    unit = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-9)
    for i, row in enumerate(similarities(vectors[40:43], unit if metric == "cosine" else x, metric)):
        np.testing.assert_allclose(row[found.ids[i]], found.scores[i], rtol=1e-4, atol=1e-5)


def test_a_long_search_runs_beside_the_others(
    vectors: np.ndarray, bags: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    dense = indexes.dense("flat", DIM)
    dense.build(vectors, IDS)
    terms = indexes.terms("bm25")
    terms.build(bags, IDS)
    meet = threading.Barrier(2, timeout=20)  # each goes on when the other one is there
    for index in (dense, terms):
        search = index.search
        monkeypatch.setattr(index, "search", lambda *args, own=search, **rest: (meet.wait(), own(*args, **rest))[1])
    searches = [Search("dense", dense, vectors[:1]), Search("terms", terms, [["w1"]])]
    monkeypatch.setattr(candidates, "_LONG", N)
    monkeypatch.setattr(dense, "scans", True, raising=False)
    (found,) = gather(searches, 1, 20, None, None)
    assert (np.isfinite(found.views[0].scores).sum(), np.isfinite(found.views[1].scores).sum()) == (20, 20)
    monkeypatch.setattr(dense, "search", lambda *_, **__: 1 / 0)
    monkeypatch.setattr(terms, "search", lambda *_, **__: None)
    with pytest.raises(ZeroDivisionError):
        gather(searches, 1, 20, None, None)
