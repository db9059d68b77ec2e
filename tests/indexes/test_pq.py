"""The pq index: the contract."""

import functools

import pytest

import indexes
from indexes import testing
from indexes.testing.random_walk import model_test


@pytest.fixture(
    scope="module",
    params=["pq:nbits=4,train_at=100", pytest.param("pq:train_at=500,refine=true", marks=pytest.mark.slow)],
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


TestModel = model_test(functools.partial(indexes.dense, "pq:nbits=2,m=1,train_at=5"))
