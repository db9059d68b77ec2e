"""An experiment's rows as runs of MLflow."""

from __future__ import annotations

import re
from typing import Any

from rag.errors import ExtraMissing

from .results import Result

_UNWANTED = re.compile(r"[^\w\-. :/]")  # characters that MLflow's names cannot have


def log_to_mlflow(result: Result, *, uri: str | None = None) -> int:
    """Log every row as a run: parts as parameters, figures as metrics, an error as a failed run.

    Parameters
    ----------
    uri
        Of the tracking server or store; MLflow's own setting where None.

    Returns
    -------
    int
        Runs that were logged.

    Raises
    ------
    ExtraMissing
        MLflow is not installed.
    """
    try:
        import mlflow
    except ImportError as error:
        raise ExtraMissing("logging to MLflow needs it: pip install 'rag-workbench[mlflow]'") from error
    if uri is not None:
        mlflow.set_tracking_uri(uri)
    mlflow.set_experiment(result.card["name"])
    for row in result.rows:
        with mlflow.start_run(run_name=row.name):
            mlflow.log_params({part: "" if value is None else value for part, value in row.parts.items()})
            mlflow.set_tags({"experiment": result.card["experiment"], "corpus": result.card["corpus"]["digest"]})
            if row.error:
                mlflow.set_tag("error", row.error)
                mlflow.end_run("FAILED")
                continue
            mlflow.log_metrics(_metrics(row))
    return len(result.rows)


def _metrics(row: Any) -> dict[str, float]:  # noqa: ANN401 - a Row
    found = {name: own.value for name, own in row.metrics.items()}
    found |= {"p50_ms": row.latency.get("p50_ms"), "memory_bytes": row.memory_bytes}
    return {_UNWANTED.sub("_", name): float(value) for name, value in found.items() if value is not None}
