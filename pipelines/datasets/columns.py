"""``.parquet``, ``.arrow`` and ``.feather``: a column of a table holds the vectors, as in data sets of embeddings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from rag.errors import ExtraMissing, InvalidInput

from .numpy_files import MOST_UNPACKED

ENDINGS = (".parquet", ".arrow", ".feather")
_NAMES = ("embedding", "embeddings", "emb", "vector", "vectors", "base", "train")


def read_column(path: Path) -> NDArray[Any]:
    """Return the vectors of the only column of lists of numbers, or of the one with a usual name.

    Raises
    ------
    InvalidInput
        The file is damaged, has no such column or several, or its vectors differ in length or are missing.
    ExtraMissing
        pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        from pyarrow import feather, parquet
    except ImportError as error:
        raise ExtraMissing("tables of columns need pyarrow: pip install 'rag-workbench[parquet]'") from error
    try:
        if path.suffix.lower() == ".parquet":
            with parquet.ParquetFile(path) as file:
                name = _chosen(path, file.schema_arrow)
                _check_size(path, sum(file.metadata.row_group(i).total_byte_size for i in range(file.num_row_groups)))
                column = file.read([name]).column(name)
        else:
            table = feather.read_table(path, memory_map=False)
            name = _chosen(path, table.schema)
            column = table.column(name)
    except (OSError, pa.ArrowException) as error:
        raise InvalidInput(f"{path} cannot be read as {path.suffix}: {error}; is it whole?") from error
    return _matrix(path, name, column.combine_chunks())


def _chosen(path: Path, schema: Any) -> str:  # noqa: ANN401 - pyarrow has no types
    """Return the name of the column of vectors."""
    from pyarrow import types

    def holds_vectors(kind: Any) -> bool:  # noqa: ANN401
        lists = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
        return bool(lists and (types.is_floating(kind.value_type) or types.is_integer(kind.value_type)))

    found = [field.name for field in schema if holds_vectors(field.type)]
    usual = [name for name in _NAMES if name in found]
    if len(found) == 1 or usual:
        return found[0] if len(found) == 1 else usual[0]
    what = f"columns of lists of numbers, {', '.join(found)}" if found else "no column of lists of numbers"
    raise InvalidInput(f"{path} has {what}: name the one with the vectors 'embedding'")


def _matrix(path: Path, name: str, column: Any) -> NDArray[Any]:  # noqa: ANN401
    if column.null_count:
        raise InvalidInput(f"{path}: {column.null_count} rows of {name} are empty; take them out")
    values = column.flatten()
    if values.null_count:
        raise InvalidInput(f"{path}: a vector of {name} has an empty number; take such rows out")
    numbers = values.to_numpy(zero_copy_only=False)
    n = len(column)
    width = len(numbers) // max(n, 1)
    if not n or not width or len(numbers) != n * width or not _alike(column, width):
        raise InvalidInput(f"{path}: the vectors of {name} differ in length, or there are none")
    matrix: NDArray[Any] = numbers.reshape(n, width)
    return matrix


def _alike(column: Any, width: int) -> bool:  # noqa: ANN401
    """Return whether every row has ``width`` numbers."""
    from pyarrow import compute

    return bool(compute.all(compute.equal(compute.list_value_length(column), width)).as_py())


def _check_size(path: Path, size: int) -> None:
    if size > MOST_UNPACKED:
        raise InvalidInput(f"{path} unpacks to {size / 1e9:,.1f} GB, more than {MOST_UNPACKED / 1e9:,.1f}")
