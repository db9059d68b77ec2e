"""The ivfpq index: tests beside the contract."""

import numpy as np
import pytest

import indexes
from indexes.testing.oracle import Oracle


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


def test_codes_of_few_bits_say_that_they_have_drifted_when_a_seventh_of_the_rows_is_unseen():
    x = np.random.default_rng(0).standard_normal((3000, 16)).astype(np.float32)
    for spec, n, drifted in (
        ("ivfpq:nbits=4", 2900, False),
        ("ivfpq:nbits=4", 3000, True),
        ("ivfpq:nbits=6", 3000, False),
    ):
        index = indexes.dense(spec, 16, metric="l2")
        for at in range(0, n, 100):
            index.add(x[at : min(n, at + 100)], np.arange(at, min(n, at + 100)))
        assert index.drifted is drifted, (spec, n)
