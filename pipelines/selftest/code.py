"""Open data that carries a program: it is refused, and the program does not run."""

from __future__ import annotations

import os
import pickle
import shutil
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


class _Program:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return os.mkdir, (str(self.mark),)


def check(place: Path, tally: Tally) -> None:
    mark = place / "ran"
    poison = pickle.dumps(_Program(mark))
    pickle.loads(poison)  # noqa: S301 - the trap works
    tally.expect(mark.exists(), "the trap does not work")
    mark.rmdir()
    objects = np.array([[_Program(mark)]], object)
    np.save(place / "a.npy", objects, allow_pickle=True)
    np.savez(place / "a.npz", base=objects)
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
