"""HDF5 files in the format of ann-benchmarks: ``train``, ``test``, and the attribute ``distance``.

https://github.com/erikbern/ann-benchmarks. Those of VIBE too (https://github.com/vector-index-bench/vibe), which pack
bits and may have ``learn``, queries to train on.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexes import Metric
from rag.errors import ExtraMissing, InvalidInput

from .numpy_files import MOST_UNPACKED
from .vector_data import Raw

_METRICS: dict[str, Metric] = {
    **dict.fromkeys(("euclidean", "l2", "sqeuclidean", "squaredl2", "hamming"), "l2"),
    **dict.fromkeys(("angular", "cosine", "cosinesimil", "normalized"), "cosine"),
    **dict.fromkeys(("dot", "ip", "innerproduct", "dotproduct", "maxinnerproduct", "mips"), "ip"),
}
"""Distances as ann-benchmarks, OpenSearch, Milvus and others write them, in small letters only."""


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
        The file is truncated, lacks one of them, or holds sets or bits that no index measures.
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
            said, packed = _distance(file), _packed(file)
            learn = ("learn, queries to train on, is not used",) if "learn" in file else ()
            base, queries = (_inside(path, file, table) for table in ("train", "test"))
            if "size_train" in file:
                raise InvalidInput(
                    f"{path} holds sets, one after the other: no index here compares sets; write each as a row of 0 "
                    "and 1, whose cosine is what comes nearest to Jaccard's measure"
                )
    except (OSError, KeyError, RuntimeError) as error:
        if isinstance(error, OSError) and error.errno is not None and not path.exists():
            raise
        raise InvalidInput(f"{path} cannot be read as HDF5: {error}; is it whole?") from error
    if packed:
        base, queries = (_unpacked(path, x, packed) for x in (base, queries))
    found = _raw(path, base, queries, said)
    return replace(found, notes=(*found.notes, *learn))


def _distance(file: Any) -> str:  # noqa: ANN401 - h5py has no types
    """Return the distance that the file names; empty if it names none."""
    found = np.ravel(file.attrs.get("distance", ""))
    first = found[0] if len(found) else ""
    return first.decode(errors="replace") if isinstance(first, bytes) else str(first)


def _packed(file: Any) -> int:  # noqa: ANN401 - h5py has no types
    """Return the number of bits of a vector if they are packed into bytes, as VIBE does; 0 otherwise."""
    kind = file.attrs.get("point_type", "")
    if (kind.decode(errors="replace") if isinstance(kind, bytes) else kind) != "binary":
        return 0
    return int(file.attrs.get("dimension", 0))


def _unpacked(path: Path, x: NDArray[Any], n_bits: int) -> NDArray[np.uint8]:
    if x.dtype != np.uint8 or x.ndim != 2 or x.shape[1] != -(-n_bits // 8):
        raise InvalidInput(
            f"{path} says that it packs {n_bits} bits of a vector; it holds {x.dtype} of shape {x.shape}"
        )
    if x.size * 8 > MOST_UNPACKED:
        raise InvalidInput(
            f"{path}: its bits unpack to {x.size * 8 / 1e9:,.1f} GB, more than {MOST_UNPACKED / 1e9:,.1f}"
        )
    return np.unpackbits(x, axis=1, count=n_bits)


def _raw(path: Path, base: NDArray[Any], queries: NDArray[Any], said: str) -> Raw:
    word = "".join(letter for letter in said.lower() if letter.isalnum())
    base, queries = (x.astype(np.uint8) if x.dtype == np.bool_ else x for x in (base, queries))
    if word == "hamming":
        for x in (base, queries):
            if x.size and (x.min() < 0 or x.max() > 1):
                raise InvalidInput(f"{path} is measured by {said!r} over other numbers than 0 and 1: unpack its bits")
        note = "of bits, the Hamming distance is the squared Euclidean one: measured by l2; the index bits packs them"
        return Raw(base, queries, "l2", said, (note,))
    if not word:
        return Raw(base, queries, "l2", said, ("the file names no distance: measured by l2, unless --metric is given",))
    return Raw(base, queries, _METRICS.get(word), said)


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
