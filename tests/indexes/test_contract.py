"""The shipped contract for all engines of vectors; the optional ones run it in files of their own."""

import functools

import pytest

import indexes
from indexes import testing
from indexes.testing.random_walk import model_test


def slow(*values):
    return pytest.param(*values, marks=pytest.mark.slow)


EVERYDAY = [
    "annoy:n_trees=20", "flat", "hnsw:M=16,ef_construction=80", "ivf", "ivfpq:train_at=256", "lsh",
    "pq:nbits=4,train_at=100", "rabitq:train_at=256", "sq",
]  # fmt: skip
SLOW = [
    "hnsw:M=16,ef_construction=60,storage=sq8", "ivf:nlist=30", "ivfpq:fast_scan=true,train_at=200,refine=true",
    "lsh:nbits=256,refine=true", "pq:train_at=500,refine=true", "rabitq:bits=1,refine=true,train_at=256",
]  # fmt: skip
CRASHES = [spec if spec.startswith(("flat", "hnsw")) else slow(spec) for spec in EVERYDAY]
CRASHES += [slow(spec) for spec in SLOW if "sq8" in spec or "fast_scan" in spec]  # other code of faiss
AGEING = ["flat", "lsh", "rabitq", "sq"]
AGEING_SLOW = [
    "annoy", "hnsw:storage=sq8", "ivf", "ivfpq", "ivfpq:fast_scan=true,refine=true", "ivfpq:nbits=6",
    "lsh:refine=true", "pq", "pq:nbits=4", "pq:nbits=6,refine=true", "rabitq:bits=1,refine=true",
]  # fmt: skip

WALKS = {
    "Annoy": "annoy:n_trees=3",
    "Flat": "flat",
    "HNSW": "hnsw:M=4,ef=4",
    "IVF": "ivf:nlist=2",
    "IVFPQ": "ivfpq:nbits=2,m=1,train_at=5,nlist=2",
    "LSH": "lsh:nbits=16",
    "PQ": "pq:nbits=2,m=1,train_at=5",
    "RaBitQ": "rabitq:nlist=2,train_at=5",
    "SQ": "sq",
}


def test_every_engine_of_vectors_inherits_the_contract():
    names = {spec.partition(":")[0] for spec in EVERYDAY}
    assert names == {spec.partition(":")[0] for spec in WALKS.values()}
    dense = {name for name, row in indexes.engines.items() if row.family == "dense"}
    assert names == dense - {"bits", "flann", "sptag", "usearch"}


@pytest.fixture(scope="module", params=[*EVERYDAY, *map(slow, SLOW)])
def factory(request):
    return functools.partial(indexes.dense, request.param)


class TestNumbers(testing.NumbersContract): ...


class TestChanges(testing.ChangesContract): ...


class TestFilter(testing.FilterContract): ...


class TestInputs(testing.InputsContract): ...


class TestFiles(testing.FilesContract): ...


class TestThreads(testing.ThreadsContract): ...


class TestCrashes(testing.CrashesContract):
    @pytest.fixture(params=CRASHES)
    def factory(self, request):
        return functools.partial(indexes.dense, request.param)


class TestAgeing(testing.AgeingContract):
    @pytest.fixture(params=[*AGEING, *map(slow, AGEING_SLOW)])
    def factory(self, request):
        return functools.partial(indexes.dense, request.param)


for _name, _spec in WALKS.items():
    globals()[f"TestRandomWalk{_name}"] = model_test(functools.partial(indexes.dense, _spec))
