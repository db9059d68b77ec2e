"""The graph index: the contract."""

import functools

import pytest

import indexes
from indexes import testing


@pytest.fixture(scope="module", params=["hnsw:M=16,ef_construction=80", "hnsw:M=16,ef_construction=60,storage=sq8"])
def factory(request):
    return functools.partial(indexes.dense, request.param)


class TestNumbers(testing.NumbersContract): ...


class TestChanges(testing.ChangesContract): ...


class TestFilter(testing.FilterContract): ...


class TestInputs(testing.InputsContract): ...


class TestFiles(testing.FilesContract): ...


class TestThreads(testing.ThreadsContract): ...
