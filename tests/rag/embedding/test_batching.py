from __future__ import annotations

import numpy as np
from hypothesis import given, strategies as st

from rag.embedding.batching import batches


@given(st.lists(st.integers(0, 300), max_size=200), st.integers(1, 2000))
def test_batches_hold_every_text_once_within_the_budget(lengths, budget):
    found = list(batches(lengths, budget))
    assert sorted(np.concatenate([np.zeros(0, int), *found]).tolist()) == list(range(len(lengths)))
    for batch in found:
        widest = max(lengths[i] for i in batch)
        assert len(batch) == 1 or len(batch) * widest <= budget


def test_batches_are_as_full_as_the_budget_allows():
    lengths = np.random.default_rng(0).integers(10, 250, 1000).tolist()
    assert len(list(batches(lengths, 2000))) <= 1.1 * sum(lengths) / 2000
