"""Experiments: vary any field of the pipeline and measure which change helped; each distinct stage is done once.

>>> from pipelines.experiments import Experiment, run                  # doctest: +SKIP
>>> result = run(Experiment.read("experiment.toml"), "results")        # doctest: +SKIP
>>> for row in result.leaderboard(): print(row.name, row.quality)      # doctest: +SKIP
"""

from __future__ import annotations

from .config import Experiment, Measure
from .results import Result, Row
from .runner import Progress, run

__all__ = ["Experiment", "Measure", "Progress", "Result", "Row", "run"]
