"""Export of results in the format of ann-benchmarks, so that its plots work on ours.

Its ``plot.py`` and ``data_export.py`` read ``results/<dataset>/<k>/<algorithm>/<arguments>.hdf5`` and, of the dataset
``data/<dataset>.hdf5``, only the distances of the true neighbours. Both folders are written under ``ann-benchmarks/``;
run its programs there. https://github.com/erikbern/ann-benchmarks
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets import VectorData
from ..datasets.hdf5_files import h5py
from .errors import DiskFull
from .ground_truth import Truth
from .results import Row
from .rows import JudgedHits, RowMaker

FOLDER = "ann-benchmarks"
_DISTANCES = {"l2": "euclidean", "cosine": "angular", "ip": "dot"}


def dataset_name(data: VectorData) -> str:
    """Return the dataset's name, made fit for a file name."""
    return re.sub(r"\W+", "-", data.name.removesuffix(".hdf5")).strip("-") or "data"


def write_dataset(out: Path, data: VectorData, truth: Truth) -> Path:
    """Write the parts of the dataset that the plots need: queries, true neighbours and their distances.

    Raises
    ------
    ExtraMissing
        h5py is not installed.
    """
    path = out / FOLDER / "data" / f"{dataset_name(data)}.hdf5"
    path.parent.mkdir(parents=True, exist_ok=True)
    with _whole(path) as file:
        file.attrs["type"] = "dense"
        file.attrs["distance"] = _DISTANCES[data.metric]
        file.attrs["dimension"] = data.dim
        file.attrs["point_type"] = "float"
        file["test"], file["neighbors"], file["distances"] = data.queries, truth.rows, truth.distances
    return path


def write_result(out: Path, maker: RowMaker, row: Row, answers: JudgedHits) -> list[Path]:
    """Write one configuration's answers and figures under ann-benchmarks' names.

    As there, searching one query at a time goes into ``<algorithm>``, all at once into ``<algorithm>-batch``, which
    ``plot.py --batch`` shows. ``best_search_time`` is the median over our rounds, not the best, in seconds per query.
    ``times`` are sorted, not in the order of the queries: one per query, distributed like the latencies of all rounds,
    so that its percentiles are ours.

    Raises
    ------
    ExtraMissing
        h5py is not installed.
    """
    return [
        _write(out, maker, row, answers, qps=row["qps_one_by_one"], batch=False),
        _write(out, maker, row, answers, qps=row["qps"], batch=True),
    ]


def _write(out: Path, maker: RowMaker, row: Row, answers: JudgedHits, *, qps: float, batch: bool) -> Path:
    arguments = re.sub(r"\W+", "_", row["spec"]).strip("_")
    name, folder = dataset_name(maker.data), str(row["engine"]) + ("-batch" if batch else "")
    path = out / FOLDER / "results" / name / str(row["k"]) / folder / f"{arguments}.hdf5"
    path.parent.mkdir(parents=True, exist_ok=True)
    attributes: dict[str, Any] = {
        "algo": row["engine"],
        "name": row["spec"],
        "dataset": name,
        "count": row["k"],
        "distance": _DISTANCES[maker.data.metric],
        "batch_mode": batch,
        "expect_extra": False,
        "run_count": row["rounds"],
        "best_search_time": 1 / qps,
        "build_time": row["build_s"],
        "index_size": row["memory_bytes"] / 1024,  # kilobytes there
        "candidates": float((answers.rows >= 0).sum(axis=1).mean()),
    }
    with _whole(path) as file:
        for key, value in attributes.items():
            file.attrs[key] = value
        file["times"] = np.full(len(answers.rows), 1 / qps) if batch else _seconds(row, len(answers.rows))
        file["neighbors"] = answers.rows.astype("int32")
        file["distances"] = maker.distances(answers.rows)
    return path


@contextmanager
def _whole(path: Path) -> Iterator[Any]:
    """Write an HDF5 file whole or not at all: made in memory, since h5py reports a full disk in many ways."""
    made = io.BytesIO()
    with h5py().File(made, "w") as file:
        yield file
    try:
        aside = path.with_suffix(".part")
        aside.write_bytes(made.getvalue())
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise DiskFull(
            f"cannot write {path}: {error.strerror}; free some space, then continue with --resume"
        ) from error


def _seconds(row: Row, n: int) -> NDArray[np.float64]:
    """Return ``n`` latencies in seconds with the distribution of the row."""
    shares = [float(share) for share in row["latency_ms"]]
    milliseconds = np.interp(np.linspace(0, 100, n), shares, list(row["latency_ms"].values()))
    return np.asarray(milliseconds / 1000, np.float64)


def is_possible() -> bool:
    """Return whether h5py is installed."""
    from rag.errors import ExtraMissing

    try:
        h5py()
    except ExtraMissing:
        return False
    return True
