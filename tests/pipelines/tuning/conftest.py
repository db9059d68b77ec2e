"""The planted engines of the benchmark's tests, and a tuner over them."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from pipelines.benchmark.settings import Settings
from pipelines.datasets import VectorData
from pipelines.tuning.constraints import Constraints
from pipelines.tuning.tuner import Tuner

BENCHMARK = Path(__file__).parents[1] / "benchmark"
sys.path.insert(0, str(BENCHMARK))

import planted  # noqa: E402


@pytest.fixture(scope="session")
def vectors() -> VectorData:
    rng = np.random.default_rng(7)
    base = rng.standard_normal((1280, 8)).astype(np.float32)
    queries = rng.standard_normal((80, 8)).astype(np.float32)
    return VectorData("small", base, np.arange(1280), queries, "l2")


@pytest.fixture
def tuner(vectors, tmp_path, monkeypatch):
    planted.plant(monkeypatch)

    def made(data: VectorData = vectors, seconds: float = 0.01, rounds: int = 2, budget=None, **limits) -> Tuner:
        churn = 0.05 if "min_adds" in limits else None
        settings = Settings(seconds=seconds, rounds=rounds, churn=churn, timeout=20, budget=budget)
        command = (sys.executable, str(BENCHMARK / "planted_worker.py"))
        return Tuner(data, Constraints(**limits), settings, tmp_path, command=command)

    return made
