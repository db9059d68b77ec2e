"""Base class of all indexes: ids, the lock, the order of checks, saving and loading.

The public methods are here and check their arguments. An engine's file has the private methods, which work on rows: an
engine numbers its items 0, 1, 2 ... and never sees an id.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Generic, NoReturn, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import files
from .checks import checked_ids, distinct, listing
from .errors import IndexDamaged, InvalidInput, NotBuilt, UnknownId
from .idset import IdSet
from .locks import ReadersWriterLock
from .rows import Keep, RowMap
from .spec import Parameters, Spec, Sweeps, Value
from .types import Family, Ids, Scores, Traits

Items = TypeVar("Items")
"""The items of one call: a float32 matrix, or bags of terms."""

KIND = "rag-workbench index"
Allow = ArrayLike | IdSet


def spread(own: Scores, there: NDArray[np.bool_]) -> Scores:
    """Put scores of the ids that are held where they are: float32, shape (len(own), len(there)), NaN elsewhere."""
    if own.shape[1] == len(there):
        return own
    scores = np.full((len(own), len(there)), np.nan, np.float32)
    scores[:, there] = own
    return scores


class Index(ABC, Generic[Items]):
    """Base of ``DenseIndex`` and ``TermIndex``.

    An engine sets the class variables and implements the private methods; see CONTRIBUTING, "add an index in four
    steps". Searches run side by side, changes run alone.
    """

    name: ClassVar[str]
    family: ClassVar[Family]
    Build: ClassVar[type[Parameters]] = Parameters
    Search: ClassVar[type[Parameters]] = Parameters
    sweeps: ClassVar[Sweeps] = Sweeps()
    format: ClassVar[int] = 1
    """Incremented when the meaning of the saved files changes."""
    learns: bool = True
    """Whether ``build`` learns from its items (centres, codes), so that it should get all of them."""
    max_dead_share: ClassVar[float] = 0.5
    """Dead rows are dropped when they are more than this share of the rows."""

    def __init__(self, build: Parameters | None = None, search: Parameters | None = None) -> None:
        self.build_params = build or self.Build()
        self.search_params = search or self.Search()
        if type(self.build_params) is not self.Build or type(self.search_params) is not self.Search:
            raise InvalidInput(f"{self.name} takes {self.Build.__name__} and {self.Search.__name__} as parameters")
        self._lock = ReadersWriterLock()
        self._rows = RowMap()
        self._broken = ""
        self._live_rows: tuple[int, Keep] | None = None
        self.generation = 0

    # ---- for engines to implement -----------------------------------------------------------------------------

    @property
    @abstractmethod
    def traits(self) -> Traits:
        """The traits of this engine with these parameters."""

    @abstractmethod
    def _build(self, items: Items) -> None:
        """Replace all rows by these items, as rows 0, 1, 2 ..."""

    @abstractmethod
    def _append(self, items: Items) -> None:
        """Add these items as the next rows."""

    @abstractmethod
    def _compact(self, live: Ids) -> None:
        """Drop all rows except ``live`` (ascending); the new row ``i`` is the old row ``live[i]``."""

    @abstractmethod
    def _write(self, folder: Path) -> None:
        """Write the engine's files, flat, into an empty folder."""

    @abstractmethod
    def _read(self, folder: Path, n_rows: int) -> None:
        """Read what ``_write`` wrote; raise ``IndexDamaged`` if it does not have ``n_rows`` rows."""

    @abstractmethod
    def _bytes(self) -> dict[str, int]:
        """Return bytes of memory by part, calculated, not measured."""

    def _forget(self, rows: Ids) -> None:
        """Release dead rows without renumbering the others; the base hides them from results anyway."""

    def _tidy(self) -> None:
        """Make searches faster or memory smaller, after dead rows are dropped."""

    def _identity(self) -> dict[str, Any]:
        """Return the other arguments of ``__init__``, for the manifest."""
        return {}

    # ---- public -----------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return self._rows.n_live

    def __contains__(self, id_: object) -> bool:
        with self._lock.reading():
            return isinstance(id_, (int, np.integer)) and bool(
                (self._rows.lookup(np.array([id_], np.int64)) >= 0).all()
            )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.spec}, {len(self)} items>"

    @property
    def spec(self) -> str:
        """The spec string with this index's parameters."""
        return str(Spec(self.name, self.build_params, self.search_params))

    @property
    def drifted(self) -> bool:
        """Whether so many items do not fit what was learned that a build from all of them would pay."""
        return False

    def ids(self) -> Ids:
        """Return the ids held: int64, shape (n,), ascending; a copy."""
        with self._lock.reading():
            return self._rows.ids()

    def remove(self, ids: ArrayLike) -> None:
        """Remove items; afterwards no search returns them.

        Parameters
        ----------
        ids
            int64-like, shape (n,), unique.

        Raises
        ------
        UnknownId
            Some ids are not held; nothing is removed then.
        InvalidInput
            The ids are not whole numbers, or negative, or repeated.
        """
        wanted = checked_ids(ids)
        with self._lock.writing():
            rows = self._known_rows(wanted, "nothing was removed")
            if not len(rows):
                return
            self._rows.kill(rows)
            self.generation += 1
            self._guarded(lambda: self._forget(rows))
            if self._too_many_dead():
                self._throw_out_dead()

    def optimize(self) -> None:
        """Drop removed items and fold in buffered ones; recall stays the same or rises."""
        with self._lock.writing():
            self._check_whole()
            if self._rows.n_dead:
                self._throw_out_dead()
            self._guarded(self._tidy)
            self.generation += 1

    def memory(self) -> dict[str, int]:
        """Return bytes of memory by part; the sum leaves out only Python's small objects."""
        with self._lock.reading():
            return {**self._bytes(), "ids": self._rows.nbytes}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the index into a folder, whole or not at all; an existing folder is replaced in one step.

        Raises
        ------
        OSError
            The disk is full, or permission is denied; ``path`` is unchanged.
        """
        with self._lock.reading():
            self._check_whole()
            facts = {
                "kind": KIND,
                "engine": self.name,
                "format": self.format,
                "build": {n: getattr(self.build_params, n) for n in self.Build.names()},
                "search": {n: getattr(self.search_params, n) for n in self.Search.names()},
                "rows": self._rows.n_rows,
                **self._identity(),
            }
            files.write(path, facts, self._fill)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Refuse to be copied or pickled: a copy would share the engine, and a pickle is code."""
        raise TypeError(
            "an index cannot be copied or pickled: save(folder), and indexes.load(folder) where it is needed"
        )

    # ---- machinery --------------------------------------------------------------------------------------------

    def _fill(self, folder: Path) -> None:
        files.write_array(folder / "ids.npy", self._rows.by_row)
        self._write(folder)

    def _restore(self, folder: Path, n_rows: int) -> None:
        """Read the verified files of ``folder``."""
        ids = files.read_array(folder / "ids.npy", np.int64, (n_rows,))
        live = ids[ids >= 0]
        if len(distinct(live)) != len(live) or (ids < -1).any():
            raise IndexDamaged(f"ids.npy in {folder} holds repeated or negative ids")
        self._read(folder, n_rows)
        self._rows = RowMap(ids)

    def _replace_all(self, items: Items, ids: Ids) -> None:
        """Replace all items by these checked ones."""
        with self._lock.writing():
            self._broken = ""
            self.generation += 1
            self._guarded(lambda: self._build(items))
            self._rows = RowMap(ids)

    def _insert(self, items: Items, ids: Ids) -> None:
        """Add these checked items, all or none."""
        with self._lock.writing():
            self._check_whole()
            if not len(ids):
                return
            known = self._rows.lookup(ids) >= 0 if self._rows.n_live else np.zeros(len(ids), np.bool_)
            if known.any():
                raise InvalidInput(f"ids already in the index: {listing(ids[known].tolist())}; remove them first")
            self.generation += 1
            self._guarded(lambda: self._append(items) if self._rows.n_rows else self._build(items))
            self._rows.append(ids)

    def _too_many_dead(self) -> bool:
        return self._rows.n_dead > self.max_dead_share * self._rows.n_rows

    def _throw_out_dead(self) -> None:
        live = self._rows.live()
        self._guarded(lambda: self._compact(live))
        self._rows.compact(live)
        self.generation += 1

    def _guarded(self, change: Callable[[], None]) -> None:
        """Run a change of the engine; if it fails half-way (memory runs out), refuse all further use of the index."""
        try:
            change()
        except BaseException as error:
            self._broken = f"{type(error).__name__}: {error}"
            raise

    def _check_whole(self) -> None:
        if self._broken:
            raise NotBuilt(f"an earlier change of this index failed half-way ({self._broken}): build or load it again")

    def _chosen(self, params: Parameters | Mapping[str, Value]) -> Parameters:
        """Return the search parameters of one call."""
        if isinstance(params, Mapping):
            return self.search_params.replace(params)
        if type(params) is not self.Search:
            raise InvalidInput(
                f"params of {self.name} are a mapping or a {self.Search.__name__}, got {type(params).__name__}"
            )
        return params

    def _known_rows(self, ids: Ids, hint: str) -> Ids:
        """Return the rows of ``ids``; raise ``UnknownId`` if some are not held."""
        self._check_whole()
        rows = self._rows.lookup(ids)
        if (rows < 0).any():
            raise UnknownId(f"ids not in the index: {listing(ids[rows < 0].tolist())}; {hint}")
        return rows

    def _rows_of(self, ids: Ids) -> Keep:
        """Return the rows of ``ids``, without those that are not held."""
        rows = self._rows.lookup(ids)
        rows = rows[rows >= 0]
        rows.sort()
        return Keep(rows, self._rows.n_rows)

    def _keep(self, allow: Allow | None) -> Keep | None:
        """Return the rows that a search may return; None for all."""
        if allow is not None:
            wanted = allow if isinstance(allow, IdSet) else IdSet(allow)
            keep = wanted.keep(self, self.generation, self._rows_of)
            return None if len(keep) == self._rows.n_rows else keep
        if not self._rows.n_dead:
            return None
        if self._live_rows is None or self._live_rows[0] != self.generation:
            self._live_rows = (self.generation, Keep(self._rows.live(), self._rows.n_rows))
        return self._live_rows[1]
