"""Which index to take: the rules, and that what they say of memory is true."""

import doctest

import numpy as np
import pytest

import indexes
from indexes import recommendation
from indexes.testing.oracle import cloud

BIG = {"n": 2_000_000, "dim": 384}


@pytest.mark.parametrize(
    ("wish", "spec"),
    [
        ({"n": 1000, "dim": 384}, "flat"),
        ({"n": 10_000, "dim": 384}, "flat"),
        ({"n": 100_000, "dim": 384}, "hnsw"),
        (BIG, "hnsw"),
        ({**BIG, "recall": 1.0}, "flat"),
        ({**BIG, "updates": True}, "ivf:nprobe=64"),
        ({**BIG, "recall": 0.99, "memory": 3_400_000_000}, "ivf:nprobe=64"),
        ({**BIG, "memory": 1_500_000_000}, "hnsw:storage=sq8"),
        ({**BIG, "memory": 1_500_000_000, "updates": True}, "rabitq"),
        ({**BIG, "memory": 1 << 30}, "rabitq"),
        ({**BIG, "memory": 300_000_000}, "ivfpq"),
    ],
)
def test_what_is_taken(wish, spec):
    found = indexes.recommend(**wish)
    assert found.spec == spec
    assert spec not in [other.spec for other in found.alternatives]
    for said in (found.spec, *(other.spec for other in found.alternatives)):
        assert str(indexes.parse(said)) == said


def test_the_words():
    found = indexes.recommend(**BIG, memory=300_000_000, recall=0.9, filters=True, updates=True)
    text = str(found)
    assert text.startswith("take ivfpq\n  - nothing that fits reaches a recall of 0.9; this comes nearest")
    assert "2,000,000 vectors of 384 numbers: 2.9 GiB as they are, 307 ms" in text
    assert "removes at once" in text
    assert "allow" in text
    assert found.alternatives == ()


def test_what_cannot_be():
    with pytest.raises(indexes.InvalidInput, match=r"fits into 98 KiB: the smallest takes .* MiB; allow"):
        indexes.recommend(**BIG, memory=100_000)
    for bad in ({"n": 0}, {"dim": 1.5}, {"recall": 0}, {"recall": 1.1}, {"recall": "all"}, {"memory": -1}, {"n": True}):
        with pytest.raises(indexes.InvalidInput, match=next(iter(bad))):
            indexes.recommend(**{**BIG, **bad})


@pytest.mark.slow
@pytest.mark.parametrize("measured", recommendation._TABLE, ids=lambda m: m.spec)
def test_memory_is_what_an_index_takes(measured):
    n, dim = 10_000, 64
    index = indexes.dense(measured.spec, dim)
    index.build(cloud(n, dim), np.arange(n))
    assert measured.size(n, dim) == pytest.approx(sum(index.memory().values()), rel=0.15)


def test_the_examples_hold():
    assert doctest.testmod(recommendation).failed == 0


def test_where_memory_is_short_it_names_what_searches_from_disk():
    short = indexes.recommend(2_000_000, 384, memory=1 << 30)
    assert any("DiskANN, which Milvus has, would, with about 122 MiB of memory" in reason for reason in short.reasons)
    assert "DiskANN" not in str(indexes.recommend(2_000_000, 384))
    with pytest.raises(indexes.InvalidInput, match="DiskANN"):
        indexes.recommend(2_000_000, 384, memory=1 << 20)
