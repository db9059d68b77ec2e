"""Folders of Hugging Face's ``datasets``: what ``save_to_disk`` writes, and copies of repositories of the hub.

A folder holds tables. Each has a role, by its configuration's name, its split's or its files' (``corpus``, ``queries``,
``qrels``), or by its columns::

    DIR/state.json, DIR/data-00000-of-00001.arrow        a data set that was saved
    DIR/dataset_dict.json, DIR/test/state.json           several, by split
    DIR/corpus/..., DIR/queries/..., DIR/qrels/...       BEIR's three tables, each in one of these forms
    DIR/README.md                                        a repository: its ``configs`` name the files of each
    DIR/data/test-00000-of-00001.parquet                 a repository without

Nothing is imported from that library, no script of a repository is run, and nothing is downloaded.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from ..documents.document import Document, Metadata
from ..errors import InvalidInput
from .corpus_rows import documents
from .errors import LoadError
from .reading import open_regular
from .results import Found, LoadFailure
from .table_rows import ending_of, rows

Role = Literal["corpus", "queries", "qrels", ""]
_WORDS: dict[Role, frozenset[str]] = {
    "qrels": frozenset({"qrels", "judgments", "judgements"}),
    "queries": frozenset({"queries", "query", "questions", "topics"}),
    "corpus": frozenset({"corpus", "documents", "docs", "passages"}),
}
_SHARD = re.compile(r"(.*?)[-_.]?\d{5}-of-\d{5}")
_DEEPEST = 4
_MOST_FILES = 10_000


@dataclass(frozen=True)
class Shard:
    """One file of a table: its name within the folder, its real path and its ending."""

    name: str
    path: str
    ending: str

    def rows(self) -> Iterator[tuple[str, Any]]:
        """Yield its rows with their places; raises as `table_rows.rows`, with the file's name."""
        with os.fdopen(open_regular(self.path), "rb") as file:
            try:
                yield from rows(file, self.ending)
            except InvalidInput as error:
                raise InvalidInput(f"{self.name}: {error}") from error


@dataclass(frozen=True)
class Table:
    """A table of a folder: one split of one configuration."""

    config: str
    split: str
    shards: tuple[Shard, ...]

    @property
    def name(self) -> str:
        """For messages."""
        return "/".join(filter(None, (self.config, self.split))) or "the only table"

    def role(self) -> Role:
        """Say what it is for; empty where neither names nor columns say so."""
        said = set(re.split(r"[^a-z]+", " ".join((self.config, self.split, *(s.name for s in self.shards))).lower()))
        for role, words in _WORDS.items():
            if said & words:
                return role
        return "qrels" if is_judgment(self.columns()) else ""

    def columns(self) -> frozenset[str]:
        """Return the names that its first row has."""
        for _, row in self.rows():
            return frozenset(map(str, row)) if isinstance(row, dict) else frozenset()
        return frozenset()

    def rows(self) -> Iterator[tuple[str, Any]]:
        """Yield the rows of all of its files, with their places."""
        for shard in self.shards:
            for where, row in shard.rows():
                yield f"{shard.name}, {where}", row


QUERY_IDS = ("query-id", "query_id", "qid", "query")
ITEM_IDS = ("corpus-id", "corpus_id", "doc-id", "doc_id", "docid", "document_id", "pid", "passage_id")


def is_judgment(columns: frozenset[str]) -> bool:
    """Whether a row with such columns judges a document for a question."""
    return bool(columns & set(QUERY_IDS)) and bool(columns & set(ITEM_IDS))


def tables(folder: str | Path) -> list[Table]:
    """Return the tables of a folder.

    Raises
    ------
    InvalidInput
        It is not a folder, or holds none; a link leads out of it.
    """
    place = Path(folder)
    if not place.is_dir():
        raise InvalidInput(f"{place} is not a folder: give one that save_to_disk wrote, or a copy of a repository")
    root = place.resolve()
    # The hub's cache holds links from snapshots/REVISION to blobs.
    reach = root.parent.parent if root.parent.name == "snapshots" else root
    found = _saved(root, "", reach) or _configured(root, reach) or _lying(root, reach)
    if not found:
        raise InvalidInput(
            f"{place} is not a folder of a data set: it has no state.json, no configs in its README.md, and no file of "
            "Parquet, Arrow, JSON lines, CSV or TSV"
        )
    return found


def corpus(folder: str | Path) -> list[Shard]:
    """Return the files of a folder's corpus; all of its tables where none has a role.

    Raises
    ------
    InvalidInput
        As `tables`, or it holds questions only.
    """
    known = [(each, each.role()) for each in tables(folder)]
    wanted = [each for each, role in known if role == "corpus"]
    if not wanted and all(role == "" for _, role in known):
        wanted = [each for each, _ in known]
    if not wanted:
        raise InvalidInput(f"{folder} has no corpus; its tables are {', '.join(each.name for each, _ in known)}")
    return [shard for each in wanted for shard in each.shards]


def read(found: Found, meta: Metadata) -> Iterator[Document | LoadFailure]:
    """Read one file of a corpus as a stream.

    Raises
    ------
    OSError, LoadError, ExtraMissing
        Where it cannot be opened or is damaged.
    """
    shard = Shard(found.source, found.path, ending_of(found.source))
    try:
        yield from documents(shard.rows(), found, meta)
    except InvalidInput as error:
        raise LoadError("parse", str(error)) from error


def _saved(folder: Path, config: str, reach: Path) -> list[Table]:
    """Return what ``save_to_disk`` wrote into a folder, or into its subfolders one by one."""
    root = folder if not config else folder.parent
    if (folder / "state.json").is_file():
        names = [_plain(str(each["filename"])) for each in _json(folder / "state.json").get("_data_files", [])]
        shards = tuple(_shard(folder / name, root, reach) for name in names)
        return [Table(config, "", shards)] if shards else []
    if (folder / "dataset_dict.json").is_file():
        splits = [str(each) for each in _json(folder / "dataset_dict.json").get("splits", [])]
        found = [(split, table) for split in splits for table in _saved(folder / _plain(split), split, reach)]
        return [_renamed(table, folder, root, config, split) for split, table in found]
    if config:
        return []
    return [table for each in _folders(folder) for table in _saved(each, each.name, reach)]


def _renamed(table: Table, folder: Path, root: Path, config: str, split: str) -> Table:
    before = f"{folder.name}/" if folder != root else ""
    shards = tuple(replace(each, name=f"{before}{each.name}") for each in table.shards)
    return Table(config, split, shards)


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise InvalidInput(f"{path} is not what save_to_disk writes")
    return found


def _configured(root: Path, reach: Path) -> list[Table]:
    """Return the tables that the front matter of a README.md names."""
    found: list[Table] = []
    for config in _front_matter(root / "README.md").get("configs") or ():
        if not isinstance(config, dict):
            continue
        name, given = str(config.get("config_name", "")), config.get("data_files")
        for each in given if isinstance(given, list) else [given]:
            split = str(each.get("split", "")) if isinstance(each, dict) else ""
            paths = each.get("path") if isinstance(each, dict) else each
            shards = [
                _shard(path, root, reach)
                for pattern in (paths if isinstance(paths, list) else [paths])
                if isinstance(pattern, str) and pattern
                for path in sorted(root.glob(_plain(pattern)))
                if ending_of(path.name) and path.is_file()
            ]
            if shards:
                found.append(Table(name, split, tuple(shards)))
    return found


def _front_matter(path: Path) -> dict[str, Any]:
    import yaml  # type: ignore[import-untyped]

    try:
        parts = path.read_text(encoding="utf-8").split("---\n", 2)
        known = yaml.safe_load(parts[1]) if len(parts) == 3 and not parts[0].strip() else None
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return known if isinstance(known, dict) else {}


def _lying(root: Path, reach: Path) -> list[Table]:
    """Return tables by the names of files and folders: ``corpus.jsonl``, ``queries/test-00000-of-00001.parquet``."""
    groups: dict[tuple[str, str], list[Shard]] = {}
    for path in _files(root, 0):
        shard = _shard(path, root, reach)
        stem = path.name[: -len(shard.ending)]
        cut = _SHARD.fullmatch(stem)
        parents = [part for part in path.relative_to(root).parent.parts if part != "data"]
        groups.setdefault(("/".join(parents), cut.group(1) if cut else stem), []).append(shard)
    return [Table(config, split, tuple(shards)) for (config, split), shards in groups.items()]


def _files(folder: Path, depth: int) -> Iterator[Path]:
    for count, path in enumerate(sorted(folder.iterdir())):
        if count > _MOST_FILES:
            raise InvalidInput(f"{folder} holds more than {_MOST_FILES:,} files: name the data set's own folder")
        if path.name.startswith("."):
            continue
        if path.is_dir() and not path.is_symlink():
            if depth < _DEEPEST:
                yield from _files(path, depth + 1)
        elif ending_of(path.name) and path.is_file():
            yield path


def _folders(folder: Path) -> list[Path]:
    return [each for each in sorted(folder.iterdir()) if each.is_dir() and not each.name.startswith(".")]


def _plain(name: str) -> str:
    """Refuse a path of a data set's own files that leaves its folder."""
    if name.startswith("/") or ".." in Path(name).parts:
        raise InvalidInput(f"the data set names a file outside its folder: {name}")
    return name


def _shard(path: Path, root: Path, reach: Path) -> Shard:
    real = path.resolve()
    if not real.is_relative_to(reach):
        raise InvalidInput(f"{path} is a link that leaves the folder of the data set")
    ending = ending_of(path.name)
    if not ending:
        raise InvalidInput(f"{path.name} is none of the tables that are read: Parquet, Arrow, JSON lines, CSV, TSV")
    return Shard(path.relative_to(root).as_posix(), str(real), ending)
