from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.experiments import Experiment, run
from pipelines.experiments.tracking import log_to_mlflow


@pytest.mark.filterwarnings("ignore")  # of MLflow's own libraries
def test_every_row_becomes_a_run(toml: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    mlflow = pytest.importorskip("mlflow", reason="pip install 'rag-workbench[mlflow]'")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    toml.write_text(toml.read_text().replace('["tokens:32/4", "headings:32/4"]', '"headings:32/4"'))
    result = run(Experiment.read(toml), tmp_path / "out")
    assert log_to_mlflow(result, uri=(tmp_path / "runs").as_uri()) == 6
    experiment = mlflow.get_experiment_by_name("animals")
    runs = mlflow.MlflowClient().search_runs([experiment.experiment_id])
    logged = {each.info.run_name: (each.data.params["fusion"], each.data.metrics["nDCG_10"]) for each in runs}
    assert logged == {row.name: (row.parts["fusion"], row.metrics["nDCG@10"].value) for row in result.rows}
