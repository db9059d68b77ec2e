"""The registry of engines, imported on first use; it turns spec strings and saved folders into indexes.

An engine of another package joins by an entry point of the group ``rag_workbench.indexes``, its name and class:
``mine = "my_package.my_index:MyIndex"``. Other processes, such as a benchmark's, find it too.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from . import files
from .base import KIND, Index
from .errors import EngineMissing, IndexDamaged, IndexOutdated, InvalidInput, UnknownParameter, unknown
from .spec import AUTO, Spec, Value, hints
from .types import Family

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from .base import Index


@dataclass(frozen=True, slots=True)
class Engine:
    """One row of the table: location of the class, family, install command, one line of description, library.

    ``library`` is the module of an optional package; empty for those that are always installed.
    """

    target: str
    family: Family
    install: str
    line: str
    library: str = ""

    @property
    def installed(self) -> bool:
        """Whether the library is installed; it is not imported."""
        return not self.library or importlib.util.find_spec(self.library) is not None


_FAISS, _FLANN, _NUMPY = "pip install faiss-cpu", "pip install 'rag-workbench[flann]'", "pip install numpy"
_ANNOY = "pip install 'rag-workbench[annoy]' (compiles: needs a C++ compiler)"
_USEARCH = "pip install 'rag-workbench[usearch]'"
_SPTAG = "apt-get install python3-sptag (Debian 12, CPython 3.11)"

_TABLE: dict[str, Engine] = {
    "annoy": Engine("indexes.annoy_trees:AnnoyIndex", "dense", _ANNOY, "a forest of random splits", "annoy"),
    "bits": Engine("indexes.bits:BitsIndex", "dense", _FAISS, "bits by Hamming distance, packed: data of 0 and 1"),
    "bm25": Engine("indexes.bm25:BM25Index", "terms", _NUMPY, "BM25 over postings, exact and incremental"),
    "flann": Engine("indexes.flann_forest:FlannIndex", "dense", _FLANN, "k-d trees or a k-means tree", "cv2"),
    "flat": Engine("indexes.flat:FlatIndex", "dense", _FAISS, "exact search; the oracle of all others"),
    "hnsw": Engine("indexes.hnsw:HNSWIndex", "dense", _FAISS, "graph search: fast at high recall"),
    "ivf": Engine("indexes.ivf:IVFIndex", "dense", _FAISS, "lists around centres: fast to build"),
    "ivfpq": Engine("indexes.ivfpq:IVFPQIndex", "dense", _FAISS, "lists of short codes: small and fast"),
    "lsh": Engine("indexes.lsh:LSHIndex", "dense", _FAISS, "bits of random directions: smallest, coarse"),
    "pq": Engine("indexes.pq:PQIndex", "dense", _FAISS, "short codes of parts of vectors: small"),
    "rabitq": Engine("indexes.rabitq:RaBitQIndex", "dense", _FAISS, "lists of few bits a number, rotated"),
    "sparse": Engine("indexes.sparse:SparseIndex", "terms", _NUMPY, "dot product of learned term weights"),
    "sptag": Engine("indexes.sptag_graph:SptagIndex", "dense", _SPTAG, "a graph entered through a tree: slow to build"),
    "sq": Engine("indexes.sq:SQIndex", "dense", _FAISS, "8 bits a number: nearly exact, a quarter of the memory"),
    "usearch": Engine("indexes.usearch_graph:UsearchIndex", "dense", _USEARCH, "graph search by usearch", "usearch"),
}

engines: Mapping[str, Engine] = MappingProxyType(_TABLE)
"""Rows of the engines of this package by name; read-only."""

GROUP = "rag_workbench.indexes"


_OWN: dict[str, type[Index[Any]]] = {}


def register(cls: type[Index[Any]]) -> None:
    """Make an engine of one's own known in this process, under its ``name``; a later class of that name replaces it.

    Other processes do not know it; for them a package brings it, by an entry point.

    Raises
    ------
    InvalidInput
        An engine of this package has that name.
    """
    if cls.name in _TABLE:
        raise InvalidInput(f"the name {cls.name!r} of {cls.__qualname__} is that of an engine that is there: rename it")
    _OWN[cls.name] = cls


def row(name: str) -> Engine:
    """Return the row of an engine.

    Raises
    ------
    UnknownParameter
        No engine has this name; the message has the nearest one.
    """
    if name in _TABLE:
        return _TABLE[name]
    if name in _OWN:
        cls = _OWN[name]
        return Engine(f"{cls.__module__}:{cls.__qualname__}", cls.family, "", "an engine of one's own")
    from importlib.metadata import entry_points

    others = {point.name: point for point in entry_points(group=GROUP)}
    if name not in others:
        raise UnknownParameter(unknown("index", name, [*_TABLE, *_OWN, *others]))
    return _row_of(others[name])


def _row_of(point: EntryPoint) -> Engine:
    package = point.dist.name if point.dist else point.module
    install = f"pip install --force-reinstall {package}"
    try:
        family = point.load().family
    except (Exception, SystemExit) as error:
        raise EngineMissing(f"the index {point.name!r} of {package} cannot be imported ({error}): {install}") from error
    return Engine(point.value, family, install, f"an engine of {package}")


def engine(name: str) -> type[Index[Any]]:
    """Import the class of an engine.

    Raises
    ------
    UnknownParameter
        No engine has this name.
    EngineMissing
        The underlying library is not installed; the message has the install command.
    """
    if name in _OWN:
        return _OWN[name]
    found = row(name)
    module, _, attribute = found.target.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)  # type: ignore[no-any-return]
    except ImportError as error:
        raise EngineMissing(
            f"the index {name!r} needs a library that is not installed ({error}): {found.install}"
        ) from error


def library(module: str, name: str) -> Any:  # noqa: ANN401 - a module without types
    """Import the library that the engine ``name`` needs.

    Raises
    ------
    EngineMissing
        The library is not installed; the message has the install command.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise EngineMissing(
            f"the index {name!r} needs {module}, which cannot be imported ({error}): {row(name).install}"
        ) from error


def open_index(path: str | os.PathLike[str]) -> Index[Any]:
    """See ``indexes.load``."""
    folder = Path(path)
    manifest = files.verify(folder)
    facts = {k: v for k, v in manifest.items() if k not in ("files", "digest")}
    try:
        if facts.pop("kind") != KIND:
            raise IndexDamaged(f"{files.MANIFEST} in {folder} is not that of an index")
        cls, format_ = engine(facts.pop("engine")), facts.pop("format")
        if format_ != cls.format:
            which = "an earlier" if type(format_) is int and format_ < cls.format else "another"
            raise IndexOutdated(
                f"the index in {folder} was saved by {which} version of this toolkit, in format {format_} of "
                f"{cls.name}; this one reads {cls.format}: build the index anew and save it"
            )
        n_rows = facts.pop("rows")
        build, search = cls.Build(**facts.pop("build")), cls.Search(**facts.pop("search"))
        index = cls(**facts, build=build, search=search)
    except (KeyError, TypeError, InvalidInput, UnknownParameter) as error:
        raise IndexOutdated(
            f"{files.MANIFEST} in {folder} does not describe an index of this version ({error}): "
            "build the index anew and save it"
        ) from error
    if type(n_rows) is not int or n_rows < 0:
        raise IndexDamaged(f"{files.MANIFEST} in {folder}: {n_rows!r} is not a number of rows")
    try:
        index._restore(folder, n_rows)
    except IndexDamaged as error:  # every byte is as it was saved
        if isinstance(error.__cause__, OSError) and not isinstance(error.__cause__, FileNotFoundError):
            raise
        raise IndexOutdated(
            f"the index in {folder} is not in the form that this version of {cls.name} reads ({error}); its files are "
            "as they were saved, by another version or program: build the index anew and save it"
        ) from error
    return index


def parse(spec: str) -> Spec:
    """Read a spec string.

    Parameters
    ----------
    spec
        ``name`` or ``name:parameter=value,...``; build and search parameters may be mixed.

    Raises
    ------
    UnknownParameter
        A name does not exist; the message has the nearest one.
    InvalidInput
        A value has the wrong type or is out of range, or the spec cannot be read.
    """
    if not isinstance(spec, str):
        raise InvalidInput(f"a spec is a string like 'hnsw:M=32', got {spec!r}")
    name, _, rest = spec.strip().partition(":")
    cls = engine(name.strip())
    build, search = hints(cls.Build), hints(cls.Search)
    values: dict[str, Value] = {}
    for part in filter(None, (p.strip() for p in rest.split(","))):
        key, equals, text = (s.strip() for s in part.partition("="))
        if key not in build and key not in search:
            raise UnknownParameter(unknown("parameter", key, [*build, *search], f"of {name}"))
        if not equals or not text:
            raise InvalidInput(f"write {key}=value in the spec {spec!r}")
        if key in values:
            raise InvalidInput(f"{key} is given twice in the spec {spec!r}")
        values[key] = _read(text, (build.get(key) or search[key])[0])
    return Spec(
        name.strip(),
        cls.Build(**{k: v for k, v in values.items() if k in build}),
        cls.Search(**{k: v for k, v in values.items() if k in search}),
    )


def _read(text: str, kind: type[Any]) -> Value:
    if text == AUTO:
        return None
    if kind is bool:
        return {"true": True, "false": False, "yes": True, "no": False, "1": True, "0": False}.get(text.lower(), text)
    try:
        value: Value = kind(text)
    except ValueError:
        value = text  # the field's own check refuses it, naming the parameter and its range
    return value
