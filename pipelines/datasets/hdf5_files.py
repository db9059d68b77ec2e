"""HDF5 files in the format of ann-benchmarks: ``train``, ``test``, and the attribute ``distance``.

https://github.com/erikbern/ann-benchmarks
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexes import Metric
from rag.errors import ExtraMissing, InvalidInput

from .numpy_files import MOST_UNPACKED
from .vector_data import Raw

_METRICS: dict[str, Metric] = {"euclidean": "l2", "angular": "cosine", "dot": "ip", "ip": "ip", "cosine": "cosine"}


def h5py() -> Any:  # noqa: ANN401 - a module without types
    """Import h5py.

    Raises
    ------
    ExtraMissing
        h5py is not installed.
    """
    try:
        import h5py as module
    except ImportError as error:
        raise ExtraMissing("HDF5 files need h5py: pip install 'rag-workbench[benchmark]'") from error
    return module


def read_hdf5(path: Path) -> Raw:
    """Return ``train`` as the base and ``test`` as the queries.

    Raises
    ------
    InvalidInput
        The file is truncated, lacks one of them, or has an unsupported distance.
    ExtraMissing
        h5py is not installed.
    """
    library = h5py()
    try:
        with library.File(path, "r") as file:
            for name in ("train", "test"):
                _refuse_link(path, file, name)
            missing = [name for name in ("train", "test") if not hasattr(file.get(name), "shape")]
            if missing:
                raise InvalidInput(
                    f"{path} has no table {' and no table '.join(missing)}, only {', '.join(file) or 'nothing'}"
                )
            distance = np.ravel(file.attrs.get("distance", "euclidean"))[0]
            name = distance.decode() if isinstance(distance, bytes) else str(distance)
            if name not in _METRICS:
                raise InvalidInput(f"{path} is measured by {name!r}; indexes have {', '.join(sorted(set(_METRICS)))}")
            base, queries = (_inside(path, file, table) for table in ("train", "test"))
    except (OSError, KeyError, RuntimeError) as error:
        if isinstance(error, OSError) and error.errno is not None and not path.exists():
            raise
        raise InvalidInput(f"{path} cannot be read as HDF5: {error}; is it whole?") from error
    return Raw(base, queries, _METRICS[name])


def _refuse_link(path: Path, file: Any, name: str) -> None:  # noqa: ANN401 - h5py has no types
    if isinstance(file.get(name, getlink=True), h5py().ExternalLink):
        raise InvalidInput(f"{path}: {name} is a link to another file; copy the table into this one")


def _inside(path: Path, file: Any, name: str) -> NDArray[Any]:  # noqa: ANN401
    """Return a table whose values are in the file itself: others could be any file that this user can read."""
    table = file[name]
    if table.file.filename != file.filename:  # a link inside, to a group that is a link to another file
        raise InvalidInput(f"{path}: {name} is a link to another file; copy the table into this one")
    if table.external or table.is_virtual:
        raise InvalidInput(f"{path}: the values of {name} are in other files; copy them into this one")
    if table.nbytes > MOST_UNPACKED:
        size = f"{table.nbytes / 1e9:,.1f} GB, more than {MOST_UNPACKED / 1e9:,.1f}"
        raise InvalidInput(f"{path}: {name} unpacks to {size}")
    found: NDArray[Any] = table[...]
    return found
