"""Small data, planted engines, and workers that know them."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from made_once import made_once

from pipelines.benchmark.run import BenchReport, run
from pipelines.benchmark.settings import Settings
from pipelines.benchmark.sweep import plan
from pipelines.datasets import VectorData

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # the planted engines are imported by name, as the registry imports engines

import planted  # noqa: E402


@pytest.fixture(scope="session")
def vectors() -> VectorData:
    rng = np.random.default_rng(7)
    base = rng.standard_normal((400, 8)).astype(np.float32)
    queries = rng.standard_normal((60, 8)).astype(np.float32)
    return VectorData("small", base, np.arange(400), queries, "l2")


@pytest.fixture(scope="session")
def planted_run(bench, tmp_path_factory) -> Path:
    """The folder of a run over all engines that do something wrong."""
    options = {"timeout": 15.0, "memory": 400_000_000, "filters": (0.25,), "churn": 0.2, "threads": (1, 2)}
    made = made_once(tmp_path_factory, "planted", lambda folder: bench(list(planted.SPECS), folder, **options))
    return shutil.copytree(made, tmp_path_factory.mktemp("planted") / "run")


@pytest.fixture(scope="session")
def bench(vectors: VectorData) -> Callable[..., BenchReport]:
    """Run specs of planted engines on the small data."""

    def measured(
        specs: list[str], out: Path, *, data: VectorData = vectors, resume: bool = False, **options
    ) -> BenchReport:
        settings = Settings(**{"k": 10, "rounds": 2, "seconds": 0.005, **options})
        with pytest.MonkeyPatch.context() as patch:
            planted.plant(patch)
            command = (sys.executable, str(HERE / "planted_worker.py"))
            return run(data, plan(specs), out, settings, resume=resume, command=command)

    return measured
