"""Vectors and ids in the forms that other libraries give them."""

import numpy as np
import pytest

import indexes
from indexes.errors import InvalidInput


def test_tensors_of_torch_are_taken():
    torch = pytest.importorskip("torch")
    x = torch.arange(40, dtype=torch.bfloat16).reshape(10, 4).requires_grad_()
    index = indexes.dense("flat", 4, metric="l2")
    index.build(x, torch.arange(10))
    assert index.search(x[3:4], 1, allow=torch.arange(10)).ids.tolist() == [[3]]


@pytest.mark.parametrize("mask", [np.array([True, False, True]), [True, False, True]])
def test_masks_are_refused_with_the_way_to_use_them(mask):
    index = indexes.dense("flat", 3, metric="l2")
    index.build(np.eye(3), [0, 1, 2])
    with pytest.raises(InvalidInput, match=r"give ids\[mask\]"):
        index.search(np.eye(3), 1, allow=mask)
    with pytest.raises(InvalidInput, match=r"chosen as queries\[mask\]"):
        index.search(np.array([mask]), 1)
