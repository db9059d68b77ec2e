"""Equal scores in the order of ids, against sorting."""

from __future__ import annotations

import numpy as np
import pytest

from indexes import scan


@pytest.mark.parametrize("levels", [1, 3, 20, 1000])
def test_ties_end_in_the_order_of_ascending_ids(levels):
    rng = np.random.default_rng(levels)
    for n, k in ((1, 1), (1, 10), (7, 2), (200, 10), (30, 40)):
        scores = -np.sort(rng.integers(0, levels, (n, k)), axis=1).astype(np.float32)
        ids = rng.permutation(3 * n * k)[: n * k].reshape(n, k)
        wanted = np.take_along_axis(ids, np.lexsort((ids, -scores), axis=1), axis=1)
        before = scores.copy()
        scan.settle_ties(scores, ids)
        assert (ids == wanted).all()
        assert (scores == before).all()
