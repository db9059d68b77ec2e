"""Base of the engines that keep codes in lists around centres: ``ivfpq`` and ``rabitq``."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Any

import numpy as np

from . import codes, files, lists
from . import faiss_library as native
from .rows import Keep
from .staged import StagedIndex
from .types import Ids, Scores, Vectors


class CodedLists(StagedIndex):
    """Codes of vectors, perhaps rotated, in lists; a search looks at the nearest lists."""

    _index: Any
    _rotation: Vectors | None = None

    @abstractmethod
    def _new(self, nlist: int) -> Any:  # noqa: ANN401 - a faiss index
        """Return an untrained faiss index of lists."""

    @abstractmethod
    def _learn_rotation(self, x: Vectors) -> Vectors | None:
        """Return the rotation to apply to all vectors first; None for none."""

    @property
    @abstractmethod
    def _kind(self) -> str:
        """The name of faiss's class."""

    def _engine_build(self, x: Vectors) -> None:
        self._rotation = self._learn_rotation(x)
        turned = codes.rotated(x, self._rotation)
        nlist = getattr(self.build_params, "nlist", None) or lists.auto(len(x))
        self._index = lists.trained(self._new(nlist), turned, self.seed)
        self._index.add(turned)

    def _engine_append(self, x: Vectors) -> None:
        self._index.add(codes.rotated(x, self._rotation))

    def _engine_search(self, q: Vectors, k: int, params: Any, keep: Keep | None) -> tuple[Scores, Ids]:  # noqa: ANN401 - the engine's own Search
        chosen = lists.parameters(params.nprobe, self._index, keep)
        return native.search(self._index, codes.rotated(q, self._rotation), k, self.metric, chosen)

    def _prefers_scan(self, n_queries: int, n_allowed: int, params: Any) -> bool:  # noqa: ANN401 - as above
        return self._held > 0 and lists.scan_is_cheaper(self._index, n_queries, n_allowed, params.nprobe)

    def _engine_vectors(self, rows: Ids) -> Vectors:
        decoded = native.decoded(self._index, rows)
        return decoded if self._rotation is None else np.ascontiguousarray(decoded @ self._rotation.T)

    def _engine_compact(self, live: Ids) -> None:
        lists.compact(self._index, live)

    def _engine_bytes(self) -> dict[str, int]:
        rotation = 0 if self._rotation is None else self._rotation.nbytes
        return {**lists.sizes(self._index), "rotation": rotation}

    def _engine_write(self, folder: Path) -> None:
        native.write(self._index, folder / "lists.faiss")
        if self._rotation is not None:
            files.write_array(folder / "rotation.npy", self._rotation)

    def _engine_read(self, folder: Path, n_rows: int) -> None:
        self._index = native.read(folder / "lists.faiss", self._kind, n_rows, self.dim, self.metric)
        if (folder / "rotation.npy").exists():
            self._rotation = files.read_array(folder / "rotation.npy", np.float32, (self.dim, self.dim))
