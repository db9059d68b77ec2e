"""The usearch index: the contract."""

import functools

import numpy as np
import pytest

import indexes
from indexes import testing
from indexes.testing.oracle import cloud
from indexes.testing.random_walk import model_test

testing.needs("usearch")


@pytest.fixture(scope="module", params=["usearch", pytest.param("usearch:storage=bf16", marks=pytest.mark.slow)])
def factory(request):
    return functools.partial(indexes.dense, request.param)


class TestNumbers(testing.NumbersContract): ...


class TestChanges(testing.ChangesContract): ...


class TestFilter(testing.FilterContract): ...


class TestInputs(testing.InputsContract): ...


class TestFiles(testing.FilesContract): ...


class TestThreads(testing.ThreadsContract): ...


@pytest.mark.slow
class TestAgeing(testing.AgeingContract):
    @pytest.fixture
    def factory(self):
        return functools.partial(indexes.dense, "usearch")


@pytest.mark.slow
class TestCrashes(testing.CrashesContract): ...


TestModel = model_test(functools.partial(indexes.dense, "usearch:M=4,ef=4"))


@pytest.mark.parametrize("storage", ["f32", "bf16", "f16"])
def test_equals_the_library_itself(storage):
    from usearch.index import Index

    x, q = cloud(3000, 24, 1), cloud(50, 24, 2)
    ours = indexes.dense(f"usearch:M=12,ef_construction=90,storage={storage}", 24, metric="l2")
    ours.add(x, np.arange(len(x)))
    bare = Index(ndim=24, metric="l2sq", dtype=storage, connectivity=12, expansion_add=90, expansion_search=64)
    bare.add(np.arange(len(x), dtype=np.uint64), x, threads=1)
    found = bare.search(q, 10, threads=1).keys.astype(np.int64)
    same = [set(a) == set(b) for a, b in zip(ours.search(q, 10).ids.tolist(), found.tolist(), strict=True)]
    assert np.mean(same) > 0.9  # ours are the best ten of the candidates by exact scores
