"""Whether new rows fit what was learned."""

import functools
import shutil

import numpy as np
import pytest

import indexes
from indexes import drift, files, testing
from indexes.drift import Described, Fit
from indexes.places import Places
from indexes.rows import Keep
from indexes.testing import ageing

RNG = np.random.default_rng(0)


def described(errors, groups=None):
    return Described(np.asarray(errors, np.float32), groups)


def test_rows_like_those_learned_from_fit():
    fit = Fit.of(described(RNG.gamma(8, size=1000)), 1000)
    for _ in range(20):
        assert fit.strange(described(RNG.gamma(8, size=100))).mean() < 0.02


def test_one_far_row_does_not_fit_and_changes_nothing_for_the_others():
    fit = Fit.of(described(RNG.gamma(8, size=1000)), 1000)
    assert fit.strange(described([9.0, 50.0, 8.0])).tolist() == [False, True, False]
    assert not fit.strange(described([9.0] * 3)).any()


def test_many_rows_a_little_off_do_not_fit():
    fit = Fit.of(described(RNG.gamma(8, size=1000)), 1000)
    assert fit.strange(described(RNG.gamma(8, size=300) * 1.5)).mean() > 0.1


def test_rows_that_crowd_into_few_groups_do_not_fit():
    groups = np.arange(1000) % 50
    fit = Fit.of(described(np.ones(1000), groups), 1000, 50)
    assert not fit.strange(described(np.ones(500), groups[:500])).any()
    assert fit.strange(described(np.ones(500), np.zeros(500, np.int64))).all()


def test_rows_that_come_one_at_a_time_are_seen_to_drift():
    fit = Fit.of(described(np.ones(1000)), 1000)
    seen = [bool(fit.strange(described([1.5]))[0]) for _ in range(40)]
    assert not seen[0]
    assert seen[-1]


def test_places_of_all_rows_take_no_memory():
    places = Places(np.arange(5))
    places.append(np.array([5, 6]))
    assert (places.plain, places.nbytes, len(places)) == (True, 0, 7)
    places.append(np.array([9]))
    assert places.rows.tolist() == [0, 1, 2, 3, 4, 5, 6, 9]
    assert places.find(np.array([6, 7, 9])).tolist() == [6, -1, 7]
    assert places.of(np.array([7, -1, 0])).tolist() == [9, -1, 0]
    assert places.keep(Keep(np.array([2, 8, 9]), 12)).rows.tolist() == [2, 7]


@pytest.mark.parametrize("spec", ["hnsw:storage=sq8,M=8,ef_construction=20", "rabitq:train_at=256", "sq", "lsh"])
def test_what_was_learned_apart_is_saved_removed_and_found(tmp_path, spec):
    rng = np.random.default_rng(1)
    old, new = rng.standard_normal((1500, 16)), 30 + rng.standard_normal((2600, 16))
    index = indexes.dense(spec, 16, metric="l2")
    index.build(old, np.arange(1500))
    index.add(np.full((1, 16), 900.0), [9999])  # in a place between theirs
    index.add(new, np.arange(1500, 4100))
    assert index.drifted
    index.save(tmp_path / "i")
    again = indexes.load(tmp_path / "i")
    q = np.concatenate((old[:20], new[:20])).astype(np.float32)
    for allow in (None, np.arange(0, 4100, 2), np.arange(0, 4100, 40)):
        one, two = (each.search(q, 10, allow=allow) for each in (index, again))
        assert (one.ids == two.ids).all()
        assert allow is None or np.isin(one.ids, allow).all()
    gone = np.arange(0, 4100, 3)
    for each in (index, again):
        each.remove(gone)
        each.optimize()
        assert not np.isin(each.search(q, 10).ids, gone).any()
        assert each.search(new[1:2].astype(np.float32), 1).ids[0, 0] in range(1500, 4100)
        assert np.abs(each.vectors([9999]) - 900).max() < 1
    assert again.ids().tolist() == index.ids().tolist()


@pytest.mark.parametrize(
    ("spec", "kept"), [("hnsw:storage=sq8", "graph.faiss"), ("sq", "codes.faiss"), ("hnsw", "graph.faiss")]
)
def test_what_was_saved_before_drift_was_watched_is_read(tmp_path, spec, kept):
    x = RNG.standard_normal((1500, 8)).astype(np.float32)
    index = indexes.dense(spec, 8, metric="l2")
    index.build(x, np.arange(1500))
    index.save(tmp_path / "new")
    facts = {k: v for k, v in files.verify(tmp_path / "new").items() if k not in ("files", "digest")}
    files.write(
        tmp_path / "old",
        facts,
        lambda folder: [shutil.copy(tmp_path / "new" / name, folder) for name in ("ids.npy", kept)],
    )
    old = indexes.load(tmp_path / "old")
    assert (old.search(x[:20], 5).ids == index.search(x[:20], 5).ids).all()
    old.add(100 + x, np.arange(1500, 3000))
    assert old.search(100 + x[:1], 1).ids.tolist() == [[1500]]


def test_the_contract_sees_an_engine_that_never_looks(monkeypatch):
    """The planted defect: everything counts as fitting, as it did before drift was watched."""
    history = "growth into new clusters"
    make = functools.partial(indexes.dense, "rabitq:train_at=256")
    ageing.AgeingContract().test_an_aged_index_finds_what_a_fresh_one_finds(make, "l2", history)
    monkeypatch.setattr(drift.Fit, "strange", lambda self, rows, weight=1.0: np.zeros(len(rows.errors), np.bool_))
    monkeypatch.setattr("indexes.inverted_lists.ListsIndex._full", lambda self: False)
    monkeypatch.setattr("indexes.staged.StagedIndex.drifted", False)
    with pytest.raises(AssertionError, match="recall"):
        ageing.AgeingContract().test_an_aged_index_finds_what_a_fresh_one_finds(make, "l2", history)


@pytest.mark.parametrize("metric", ["cosine", "ip", "l2"])
def test_codes_of_a_graph_do_not_hang_on_the_first_vector(metric):
    x = np.random.default_rng(3).standard_normal((3000, 16)).astype(np.float32)
    index, flat = indexes.dense("hnsw:storage=sq8", 16, metric=metric), indexes.dense("flat", 16, metric=metric)
    index.build(x[:1], [0])
    index.add(x[1:], np.arange(1, 3000))
    flat.build(x, np.arange(3000))
    shared = [
        len(np.intersect1d(*rows))
        for rows in zip(index.search(x[:50], 10).ids, flat.search(x[:50], 10).ids, strict=True)
    ]
    assert np.mean(shared) > 9.3


@pytest.mark.parametrize("spec", ["annoy", "hnsw", "ivf", "rabitq:refine=true,train_at=256", "lsh:refine=true"])
def test_inner_products_of_vectors_of_any_length(spec):
    testing.needs(spec)
    rng = np.random.default_rng(4)
    x = (rng.standard_normal((4000, 24)) * rng.lognormal(0, 0.8, (4000, 1)) + 1).astype(np.float32)
    q = (rng.standard_normal((40, 24)) + 1).astype(np.float32)
    index = indexes.dense(spec, 24, metric="ip")
    index.build(x, np.arange(4000))
    best = np.argsort(-(q.astype(np.float64) @ x.T), axis=1)[:, :10]
    shared = [len(np.intersect1d(*rows)) for rows in zip(index.search(q, 10).ids, best, strict=True)]
    assert np.mean(shared) / 10 >= index.traits.recall_floor - 0.03
