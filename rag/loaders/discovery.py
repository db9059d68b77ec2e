"""Find the files under the paths that a user names, without ever leaving these paths."""

# ruff: noqa: PTH116, PTH118, PTH119, PTH206
# Names of any bytes, thousands a second: os.path is exact and fast.

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..documents.document import Metadata
from ..errors import ExtraMissing, InvalidInput
from ..source_prefixes import BEIR, FOLDER, NAMED
from .errors import LoadError, Reason
from .formats import kind_by_content, kind_by_name
from .reading import open_regular, reason_of
from .results import Found, LoadFailure, printable

_QUIET = frozenset({"__pycache__", "node_modules"})
_HEAD = 4096
_NO_DOCUMENTS = (
    {"pyvenv.cfg"},
    {"CACHEDIR.TAG"},  # https://bford.info/cachedir/
    {"store.sqlite", "generations"},  # a knowledge base: `rag ingest . --into kb` run twice
    {"experiment.json", "results.jsonl"},
)
"""Files and folders that tell, together, that a folder holds no documents of the user's."""


class Discovery(Iterator["Found | LoadFailure"]):
    """Iterator over what `discover` finds.

    Attributes
    ----------
    hidden
        Files and folders left out quietly so far: names that begin with a dot, ``__pycache__``, ``node_modules``,
        virtual environments, caches, knowledge bases, results of experiments, and links to folders that are walked
        anyway.
    """

    def __init__(self, paths: Iterable[str | Path], meta: Metadata, base: str | Path = "") -> None:
        self.hidden = 0
        self._meta = meta
        self._base = os.fspath(base)
        self._items = self._roots([os.fspath(path) for path in paths])

    def __next__(self) -> Found | LoadFailure:
        return next(self._items)

    def _roots(self, paths: list[str]) -> Iterator[Found | LoadFailure]:
        walked: list[str] = []
        for path in sorted(set(paths), key=paths.index):
            if path.startswith(BEIR):
                yield self._beir(path)
                continue
            if path.startswith(FOLDER):
                yield from self._dataset(path)
                continue
            if path.startswith(NAMED):
                yield self._collection(path)
                continue
            name = printable(os.path.normpath(path)) if path else path
            try:
                # An empty name would be the working folder.
                real = os.path.realpath(os.path.join(self._base, path or "\0"), strict=True)
                status = os.stat(real)
            except (OSError, ValueError) as error:
                yield _failure(name, error)
                continue
            if any(_covers(root, real) for root in walked):
                continue
            if stat.S_ISDIR(status.st_mode):
                walked.append(real)
                yield from self._folder(real, os.path.normpath(path), real)
            else:
                yield self._file(real, name, status)

    def _folder(self, folder: str, name: str, root: str) -> Iterator[Found | LoadFailure]:
        try:
            with os.scandir(folder) as entries:
                ordered = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            yield _failure(printable(name), error)
            return
        names = {entry.name for entry in ordered}
        if any(marks <= names for marks in _NO_DOCUMENTS):
            self.hidden += 1
            return
        for entry in ordered:
            if entry.name.startswith(".") or entry.name in _QUIET:
                self.hidden += 1
            else:
                yield from self._entry(entry, entry.name if name == "." else os.path.join(name, entry.name), root)

    def _entry(self, entry: os.DirEntry[str], name: str, root: str) -> Iterator[Found | LoadFailure]:
        try:
            if entry.is_dir(follow_symlinks=False):
                yield from self._folder(entry.path, name, root)
                return
            real, status = entry.path, entry.stat(follow_symlinks=False)
            if stat.S_ISLNK(status.st_mode):
                real = os.path.realpath(entry.path, strict=True)
                if not _within(root, real):
                    raise LoadError("outside", "a link that leaves the folder; name its target to ingest it")  # noqa: TRY301
                status = os.stat(real, follow_symlinks=False)
                if stat.S_ISDIR(status.st_mode):
                    self.hidden += 1
                    return
            yield self._file(real, printable(name), status)
        except (OSError, ValueError, LoadError) as error:
            yield _failure(printable(name), error)

    def _file(self, real: str, name: str, status: os.stat_result) -> Found | LoadFailure:
        try:
            if not stat.S_ISREG(status.st_mode):
                raise LoadError("special", "a device, pipe or socket")  # noqa: TRY301
            kind = kind_by_name(os.path.basename(real))
            if kind is None:
                with os.fdopen(open_regular(real), "rb") as file:
                    kind = kind_by_content(file.read(_HEAD))
        except (OSError, LoadError) as error:
            return _failure(name, error)
        return Found(real, name, status.st_size, status.st_mtime, kind, self._meta)

    def _beir(self, path: str) -> Found | LoadFailure:
        folder = path.removeprefix(BEIR)
        name = BEIR + printable(os.path.normpath(os.path.join(folder, "corpus.jsonl")))
        try:
            real = os.path.realpath(os.path.join(self._base, folder, "corpus.jsonl"), strict=True)
            status = os.stat(real)
            if not stat.S_ISREG(status.st_mode):
                raise LoadError("special", "not a regular file")  # noqa: TRY301
        except FileNotFoundError:
            return LoadFailure(name, "missing", "no corpus.jsonl: not a BEIR folder", "beir")
        except (OSError, ValueError, LoadError) as error:
            return _failure(name, error)
        return Found(real, name, status.st_size, status.st_mtime, "beir", self._meta)

    def _dataset(self, path: str) -> Iterator[Found | LoadFailure]:
        from .dataset_folders import corpus

        folder = path.removeprefix(FOLDER)
        name = FOLDER + printable(os.path.normpath(folder))
        try:
            for shard in corpus(os.path.join(self._base, folder)):
                status = os.stat(shard.path)
                source = f"{name}/{printable(shard.name)}"
                yield Found(shard.path, source, status.st_size, status.st_mtime, "dataset", self._meta)
        except (InvalidInput, ExtraMissing) as error:
            yield LoadFailure(name, "extra" if isinstance(error, ExtraMissing) else "missing", str(error), "dataset")
        except (OSError, ValueError, LoadError) as error:
            yield _failure(name, error)

    def _collection(self, path: str) -> Found | LoadFailure:
        from .ir_collections import Collection, check

        name = path.removeprefix(NAMED)
        try:
            check(name)
        except (InvalidInput, ExtraMissing) as error:
            reason: Reason = "extra" if isinstance(error, ExtraMissing) else "missing"
            return LoadFailure(path, reason, str(error), "ir_datasets")
        return Collection(name, path, 0, 0.0, "ir_datasets", self._meta)


def discover(paths: Iterable[str | Path], *, meta: Metadata | None = None, base: str | Path = "") -> Discovery:
    """Find the files under files and folders, folders in sorted order, roots in the order given.

    Links that leave their root, devices, pipes and sockets, unreadable files and files of unknown types are listed,
    once each. Nothing is read but the first bytes of files whose name says nothing.

    Parameters
    ----------
    paths
        Files and folders; ``beir:DIR`` for the corpus of a BEIR folder, ``datasets:DIR`` for that of a folder of
        Hugging Face's ``datasets``, ``ir_datasets:NAME`` for a collection. Folders inside other ones are walked once.
    meta
        Metadata for every document of these paths; wins over what the files say.
    base
        Folder that relative paths start from, the working folder where empty; sources are named as ``paths`` are.

    Returns
    -------
    Discovery
        Iterator over `Found` and `LoadFailure`; ``.hidden`` counts what was left out quietly.
    """
    return Discovery([paths] if isinstance(paths, str | Path) else paths, meta or {}, base)


def _within(root: str, path: str) -> bool:
    return path == root or path.startswith(root.rstrip(os.sep) + os.sep)


def _covers(root: str, path: str) -> bool:
    """Say whether walking ``root`` reaches ``path``: it lies inside, and no part of the way is hidden."""
    if not _within(root, path):
        return False
    parts = path[len(root) :].split(os.sep)
    return not any(part.startswith(".") or part in _QUIET for part in parts)


def _failure(name: str, error: OSError | ValueError | LoadError) -> LoadFailure:
    if isinstance(error, ValueError):  # a NUL in the name
        return LoadFailure(name.replace("\0", "\\0"), "missing", f"no possible path: {error}")
    cause = reason_of(error)
    return LoadFailure(name, cause.reason, cause.detail)
