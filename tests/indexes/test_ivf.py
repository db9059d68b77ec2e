"""The list index: the contract."""

import functools

import numpy as np
import pytest

import indexes
from indexes import testing
from indexes.testing_model import model_test


@pytest.fixture(scope="module", params=["ivf", pytest.param("ivf:nlist=30", marks=pytest.mark.slow)])
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


TestModel = model_test(functools.partial(indexes.dense, "ivf:nlist=2"))


@pytest.mark.parametrize("spec", ["ivf", "ivfpq:m=8,train_at=2000", "pq:m=8,train_at=2000", "rabitq"])
def test_removing_throws_out_what_was_removed_and_nothing_else(spec):
    """The filter that names the rows to throw out must live until faiss has read it."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((3000, 16)).astype(np.float32)
    index = indexes.dense(spec, 16, metric="l2")
    index.build(x, np.arange(3000))
    for start in range(0, 1000, 100):
        index.remove(np.arange(start, start + 100))
        index.add(x[start : start + 100], np.arange(20_000 + start, 20_100 + start))
    assert index.ids().tolist() == [*range(1000, 3000), *range(20_000, 21_000)]
    params = None if spec.startswith("pq") else {"nprobe": 1 << 20}
    top = index.search(x[1000:], 1, params=params).ids[:, 0]
    assert (top == np.arange(1000, 3000)).mean() > 0.9
