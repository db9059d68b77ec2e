"""The ivfpq index: the contract."""

import functools

import numpy as np
import pytest

import indexes
from indexes import testing
from indexes.testing.oracle import Oracle
from indexes.testing.random_walk import model_test


@pytest.fixture(
    scope="module",
    params=[
        "ivfpq:train_at=256",
        pytest.param("ivfpq:fast_scan=true,train_at=200,refine=true", marks=pytest.mark.slow),
    ],
)
def factory(request):
    return functools.partial(indexes.dense, request.param)


class TestNumbers(testing.NumbersContract): ...


class TestChanges(testing.ChangesContract): ...


class TestFilter(testing.FilterContract): ...


class TestInputs(testing.InputsContract): ...


class TestFiles(testing.FilesContract): ...


class TestThreads(testing.ThreadsContract): ...


@pytest.mark.slow
class TestCrashes(testing.CrashesContract): ...


TestModel = model_test(functools.partial(indexes.dense, "ivfpq:nbits=2,m=1,train_at=5,nlist=2"))


def test_a_learned_rotation_finds_more():
    """Vectors whose parts share their few directions: the rotation spreads these over the parts."""
    rng = np.random.default_rng(0)
    x = (rng.standard_normal((600, 3)) @ rng.standard_normal((3, 8)) + 0.02 * rng.standard_normal((600, 8))).astype(
        "f4"
    )
    oracle = Oracle("l2").add(x, np.arange(600))
    recall = {}
    for opq in ("false", "true"):
        index = indexes.dense(f"ivfpq:nlist=1,m=2,nbits=4,train_at=100,opq={opq}", 8, metric="l2")
        index.build(x, np.arange(600))
        recall[opq] = oracle.recall(x[:100], index.search(x[:100], 10), 10)
    assert recall["true"] > recall["false"] + 0.02


@pytest.mark.parametrize(
    ("spec", "dim", "match"), [("ivfpq:m=5", 32, "take one of 2, 4, 8"), ("ivfpq:fast_scan=true,nbits=6", 8, "4 bits")]
)
def test_parts_that_do_not_fit(spec, dim, match):
    with pytest.raises(indexes.InvalidInput, match=match):
        indexes.dense(spec, dim)
