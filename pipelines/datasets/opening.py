"""Open the vectors that ``--data`` names: a file by its ending, a folder, or generated vectors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from indexes import Metric
from rag.errors import InvalidInput

from . import bigann, columns, hdf5_files, idx_files, numpy_files, texmex
from .knowledge_base import is_knowledge_base, knowledge_base_vectors
from .ood_queries import GENERATED, OWN, own_as_ood, with_ood
from .synthetic import ood_of_synthetic, synthetic
from .vector_data import MAX_QUERIES, Raw, VectorData, prepare

_BOTH: dict[str, Callable[[Path], Raw]] = {
    ".hdf5": hdf5_files.read_hdf5,
    ".h5": hdf5_files.read_hdf5,
    ".npz": numpy_files.read_npz,
}
"""File formats with base and queries."""

_ONE: dict[str, tuple[Callable[[Path], NDArray[Any]], Metric]] = {
    ".fvecs": (texmex.read_texmex, "l2"),
    ".bvecs": (texmex.read_texmex, "l2"),
    ".ivecs": (texmex.read_texmex, "l2"),
    **dict.fromkeys(columns.ENDINGS, (columns.read_column, "cosine")),
    **dict.fromkeys(bigann.ENDINGS, (bigann.read_bigann, "l2")),
    ".npy": (numpy_files.read_npy, "cosine"),
    "idx3-ubyte": (idx_files.read_idx, "l2"),
    "idx3-ubyte.gz": (idx_files.read_idx, "l2"),
}
"""File formats of one table, with their usual metric."""

ENDINGS = (*_BOTH, *_ONE)
_NAMED = 5
_SYNTHETIC = "synthetic:"


def open_vectors(
    data: str | Path,
    *,
    metric: Metric | None = None,
    n_queries: int = MAX_QUERIES,
    keep_overlap: bool = False,
    questions: str | None = None,
    ood: str | None = None,
    seed: int = 0,
) -> VectorData:
    """Read vectors and queries.

    Parameters
    ----------
    data
        A file by its ending (``.hdf5``, ``.npz``, ``.npy``, ``.fvecs``, ``.bvecs``, ``.fbin``, ``.u8bin``, ``.i8bin``,
        ``.parquet``, ``.arrow``, ``.feather``, ``idx3-ubyte[.gz]``), two files of
        base and queries with a comma between, ``synthetic:100k x 128``, a folder that holds one such file, or a
        knowledge base.
    metric
        Overrides the metric of the file or the usual one of its kind: l2 for whole numbers, such as image descriptors,
        and for the files of TEXMEX, cosine for other arrays. Not for a knowledge base, which has its own.
    n_queries
        Maximum number of queries.
    keep_overlap
        Keep vectors in the base that are also queries.
    questions
        For a knowledge base: a file of questions.
    ood
        Out-of-distribution queries beside the data's own: a file of queries (for a knowledge base, of questions);
        ``own`` if the data's queries are such ones, and queries like the base are to be drawn from it; ``generated``
        for generated vectors.
    seed
        Random seed.

    Raises
    ------
    InvalidInput
        The file is missing, damaged, of unknown kind, or too large for the memory; or its vectors have the wrong shape.
    ExtraMissing
        h5py, for HDF5, or pyarrow, for tables of columns, is not installed.
    """
    data = str(data)
    if not data.strip():
        raise InvalidInput("--data is empty: give a file of vectors, synthetic:100k x 128, or a knowledge base")
    try:
        if is_knowledge_base(Path(data)):
            if metric is not None:
                raise InvalidInput(f"--metric {metric} is for files; the knowledge base {data} has its own")
            return knowledge_base_vectors(
                Path(data), questions=questions, ood=ood, n_queries=n_queries, seed=seed, keep_overlap=keep_overlap
            )
        if questions is not None:
            raise InvalidInput(f"--questions go with a knowledge base; {data} has its own queries")
        raw, name = _raw(data, n_queries, seed)
        others = None
        if ood is not None:
            raw, others = _ood(raw, data, ood, n_queries, seed)
        found = prepare(raw, name, metric=metric, n_queries=n_queries, keep_overlap=keep_overlap, seed=seed)
        if ood is None or others is None:
            return found
        called = {OWN: f"the queries of {name}", GENERATED: "generated around other centres"}.get(ood, Path(ood).name)
        return with_ood(found, others, called, n_queries=n_queries, keep_overlap=keep_overlap, seed=seed)
    except MemoryError as error:
        raise InvalidInput(
            f"{data} needs more memory than is available ({error}): is it whole? else give a part"
        ) from None


def _ood(raw: Raw, data: str, ood: str, n_queries: int, seed: int) -> tuple[Raw, NDArray[Any]]:
    """Return the contents to prepare, and the out-of-distribution queries."""
    generated = data.startswith(_SYNTHETIC)
    if generated != (ood == GENERATED):
        what = f"--ood {GENERATED}" if generated else "--ood FILE, or --ood own"
        raise InvalidInput(f"--ood {ood} does not go with {data}: give {what}")
    if generated:
        return raw, ood_of_synthetic(data.removeprefix(_SYNTHETIC), n_queries, seed)
    if ood == OWN:
        return own_as_ood(raw, data)
    path = Path(ood)
    if not path.is_file():
        raise InvalidInput(f"--ood {ood}: no file has this name; or give {OWN} if the queries of {data} are such ones")
    ending = _ending(path)
    if ending in _ONE:
        return raw, _ONE[ending][0](path)
    queries = _BOTH[ending](path).queries
    if queries is None:
        raise InvalidInput(f"--ood {ood} holds no queries")
    return raw, queries


def _raw(data: str, n_queries: int, seed: int) -> tuple[Raw, str]:
    if data.startswith(_SYNTHETIC):
        return synthetic(data.removeprefix(_SYNTHETIC), n_queries, seed), data.replace(" ", "")
    paths = [Path(part.strip()) for part in data.split(",")] if not Path(data).exists() else [Path(data)]
    if len(paths) > 2:
        raise InvalidInput(f"--data {data}: at most two files, base and queries")
    if len(paths) == 1 and paths[0].is_dir():
        paths = [_only_file(paths[0])]
    return _read(paths), paths[0].name


def _read(paths: list[Path]) -> Raw:
    for path in paths:
        if not path.is_file():
            raise InvalidInput(f"--data {path}: no file or knowledge base has this name")
    ending = _ending(paths[0])
    if ending in _BOTH:
        if len(paths) > 1:
            raise InvalidInput(f"{paths[0]} holds its own queries; leave {paths[1]} out")
        return _BOTH[ending](paths[0])
    read, metric = _ONE[ending]
    queries = None
    if len(paths) > 1:
        second = _ending(paths[1])
        if second not in _ONE:
            raise InvalidInput(f"{paths[1]} is not a table of queries; give one of {', '.join(_ONE)}")
        if (ending, second) == (".fvecs", ".ivecs"):
            raise InvalidInput(f"{paths[1]} holds whole numbers, as lists of true neighbours do: give the queries")
        queries = _ONE[second][0](paths[1])
    base = read(paths[0])
    return Raw(base, queries, "l2" if base.dtype.kind in "iu" else metric)


def _ending(path: Path) -> str:
    name = path.name.lower()
    for ending in ENDINGS:
        if name.endswith(ending):
            return ending
    packed = "; unpack it first" if name.endswith((".gz", ".bz2", ".xz", ".zip", ".tar", ".zst")) else ""
    raise InvalidInput(f"unsupported vector file {path}{packed}; supported: {', '.join(ENDINGS)}")


def _only_file(folder: Path) -> Path:
    """Return the only file of vectors in a folder."""
    found = sorted(p for p in folder.iterdir() if p.is_file() and p.name.lower().endswith(ENDINGS))
    if len(found) == 1:
        return found[0]
    some = ", ".join(p.name for p in found[:_NAMED]) + (" ..." if len(found) > _NAMED else "")
    what = "no file of vectors" if not found else f"{len(found)} files of vectors: {some}"
    raise InvalidInput(f"{folder} is not a knowledge base and holds {what}; name one file")
