"""The graph index: the contract."""

import functools

import pytest

import indexes
from indexes import testing
from indexes.testing.random_walk import model_test


@pytest.fixture(
    scope="module",
    params=[
        "hnsw:M=16,ef_construction=80",
        pytest.param("hnsw:M=16,ef_construction=60,storage=sq8", marks=pytest.mark.slow),
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


class TestCrashes(testing.CrashesContract): ...


TestModel = model_test(functools.partial(indexes.dense, "hnsw:M=4,ef=4"))
