"""What the base does when an engine fails half-way, and that a set of ids is worked out once."""

import numpy as np
import pytest

import indexes


def fails(*_):
    raise MemoryError("no room")


@pytest.mark.parametrize("change", ["_append", "_forget"])
def test_a_change_that_fails_half_way_shuts_the_index(tmp_path, monkeypatch, change):
    index = indexes.dense("hnsw", 4)
    index.build(np.eye(4), range(4))
    with monkeypatch.context() as patch:
        patch.setattr(index, change, fails)
        with pytest.raises(MemoryError):
            index.add(np.eye(4), range(4, 8)) if change == "_append" else index.remove([0])
    uses = [
        lambda: index.search(np.eye(4), 1),
        lambda: index.save(tmp_path / "x"),
        lambda: index.add(np.eye(4), range(4, 8)),
        lambda: index.remove([1]),
        index.optimize,
    ]
    for use in uses:
        with pytest.raises(indexes.NotBuilt, match=r"no room.*build or load"):
            use()
    assert not (tmp_path / "x").exists()
    index.build(np.eye(4), range(4))
    assert index.search(np.eye(4), 1).ids[:, 0].tolist() == [0, 1, 2, 3]


def test_an_id_set_is_translated_once_per_generation(monkeypatch):
    index = indexes.dense("flat", 4)
    index.build(np.eye(4), range(4))
    calls, real = [], index._rows_of
    monkeypatch.setattr(index, "_rows_of", lambda ids: calls.append(1) or real(ids))
    allow = indexes.IdSet([1, 2])
    for _ in range(3):
        index.search(np.eye(4), 1, allow=allow)
    assert len(calls) == 1
    index.remove([1])
    assert index.search(np.eye(4), 4, allow=allow).ids.max(axis=1).tolist() == [2, 2, 2, 2]
    assert len(calls) == 2


def test_id_sets():
    ids = indexes.IdSet(np.array([5, 3, 5, 2**62]))
    assert len(ids) == 3
    assert (ids.ids == [3, 5, 2**62]).all()
    assert 5 in ids
    assert 4 not in ids
    assert "5" not in ids
    assert len(indexes.IdSet(ids)) == len(indexes.IdSet({3, 5, 2**62})) == len(indexes.IdSet(i for i in (3, 5, 7))) == 3
    with pytest.raises(ValueError, match="read-only"):
        ids.ids[0] = 1
    for bad in ([-1], [0.5], [[1]], "abc", [True]):
        with pytest.raises(indexes.InvalidInput):
            indexes.IdSet(bad)
