"""The memory of a saved index is told by its files, within a tenth of what it takes once it is loaded."""

from __future__ import annotations

import numpy as np
import pytest

import indexes
from indexes.sizes import loaded_bytes


@pytest.mark.parametrize("spec", ["flat", "hnsw", "sq", "ivf:nlist=16", "rabitq:train_at=256,nlist=16"])
def test_of_vectors(spec, tmp_path):
    x = np.random.default_rng(0).standard_normal((4000, 64)).astype(np.float32)
    index = indexes.dense(spec, 64)
    index.build(x, np.arange(4000))
    index.save(tmp_path / "saved")
    taken = sum(indexes.load(tmp_path / "saved").memory().values())
    assert loaded_bytes(tmp_path / "saved") == pytest.approx(taken, rel=0.15)


def test_of_terms(tmp_path):
    rng = np.random.default_rng(0)
    index = indexes.terms("bm25")
    index.build([[f"word{n}" for n in rng.zipf(1.3, 80) % 20_000] for _ in range(2000)], np.arange(2000))
    index.save(tmp_path / "saved")
    taken = sum(indexes.load(tmp_path / "saved").memory().values())
    assert loaded_bytes(tmp_path / "saved") == pytest.approx(taken, rel=0.1)


def test_of_nothing(tmp_path):
    assert loaded_bytes(tmp_path / "missing") == 0
