"""Open data that carries a program: it is refused, and the program does not run."""

from __future__ import annotations

import io
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

import indexes
from indexes.errors import IndexError_
from rag.embedding import embedder
from rag.errors import RagError

from ..datasets import open_vectors
from .tally import Tally

_REFUSALS = (RagError, IndexError_, OSError, ValueError)


def check(place: Path, tally: Tally) -> None:
    mark = place / "ran"
    poison = f"cos\nmkdir\n(V{mark}\ntR.".encode()  # a pickle that makes a folder when it is read
    _write_objects(place, poison)
    for name in ("a.npy", "a.npz"):
        tally.refused(_REFUSALS, lambda name=name: open_vectors(str(place / name)))  # type: ignore[misc]
    for spec in ("flat", "hnsw", "bm25"):
        whole = place / spec
        index: Any = indexes.terms(spec) if spec == "bm25" else indexes.dense(spec, 4)
        index.add([["a"]] if spec == "bm25" else np.ones((1, 4), np.float32), [0])
        index.save(whole)
        for file in sorted(whole.iterdir()):
            other = place / f"{spec}-{file.name}"
            shutil.copytree(whole, other)
            (other / file.name).write_bytes(poison)
            tally.refused(_REFUSALS, lambda other=other: indexes.load(other))  # type: ignore[misc]
    model = place / "model"
    model.mkdir()
    (model / "config.json").write_text('{"auto_map": {"AutoModel": "evil.Model"}, "model_type": "evil"}')
    (model / "evil.py").write_text(f"import os; os.mkdir({str(mark)!r})")
    (model / "pytorch_model.bin").write_bytes(poison)
    tally.refused(_REFUSALS, lambda: embedder(str(model)).embed_queries(["x"]))
    tally.expect(not mark.exists(), "a program in the data was run")


def _write_objects(place: Path, poison: bytes) -> None:
    """Write NumPy files whose elements are a pickle."""
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "|O", "fortran_order": False, "shape": (1, 1)})
    (place / "a.npy").write_bytes(head.getvalue() + poison)
    with zipfile.ZipFile(place / "a.npz", "w") as archive:
        archive.writestr("base.npy", head.getvalue() + poison)
