"""Sums of numbers with the signs of hashes, against each bit added by itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from indexes import signs


@pytest.mark.parametrize("order", ["big", "little"])
@pytest.mark.parametrize("nbits", [1, 8, 20, 256])
def test_they_are_those_of_the_single_bits(order: Any, nbits: int) -> None:
    rng = np.random.default_rng(nbits)
    theirs = rng.random((50, nbits)) > 0.5
    seen = rng.standard_normal(nbits).astype(np.float32)
    found = signs.sums(seen, np.packbits(theirs, axis=1, bitorder=order), order)
    np.testing.assert_allclose(found, np.where(theirs, seen, -seen).sum(axis=1), rtol=1e-5, atol=1e-5)
