"""The exact index: the contract."""

import functools

import pytest

import indexes
from indexes import testing
from indexes.testing_model import model_test


@pytest.fixture(scope="module")
def factory():
    return functools.partial(indexes.dense, "flat")


class TestNumbers(testing.NumbersContract): ...


class TestChanges(testing.ChangesContract): ...


class TestFilter(testing.FilterContract): ...


class TestInputs(testing.InputsContract): ...


class TestFiles(testing.FilesContract): ...


class TestThreads(testing.ThreadsContract): ...


class TestCrashes(testing.CrashesContract): ...


TestModel = model_test(functools.partial(indexes.dense, "flat"))
