"""The exact index: tests beside the contract."""

import functools

import numpy as np
import pytest

import indexes
from indexes.errors import UnknownId


@pytest.fixture(scope="module")
def factory():
    return functools.partial(indexes.dense, "flat")


@pytest.mark.parametrize(
    ("metric", "held"), [("cosine", [[0, 1], [0.6, 0.8]]), ("ip", [[0, 2], [3, 4]]), ("l2", [[0, 2], [3, 4]])]
)
def test_vectors_by_id(factory, metric, held):
    index = factory(2, metric=metric)
    index.build(np.array([[3.0, 4.0], [1.0, 1.0], [0.0, 2.0]], np.float32), [7, 8, 9])
    index.remove([8])
    found = index.vectors([9, 7])
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, held, rtol=1e-6)
    with pytest.raises(UnknownId, match="ids not in the index: 8"):
        index.vectors([7, 8])
