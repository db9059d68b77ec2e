"""Contents of the files that parts read: they go into a stage's key, so that a changed file is a changed part.

A spec names files in three ways: as a whole (an embedder's folder), behind its kind (``llamacpp:FILE.gguf``), and as
the value of an option (``synonyms:file=FILE``, ``cross-encoder:model=DIR``). Relative paths start at the experiment's
folder. A model of the hub is found in the local cache, as the part will find it.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from rag.components import NONE, OBJECT, plugins
from rag.embedding.digests import remembered_sha256
from rag.embedding.models import local_snapshot
from rag.embedding.spec import members
from rag.errors import InvalidInput
from rag.retrieval.choices import Value

WHOLE = ("embedder", "nli")
"""Fields whose whole value may be a path or a model's name, or several joined by a plus."""
BEHIND = ("generator", "model")
"""Fields of a language model: a path or a model's name behind the kind."""
CHAINS = ("rewrite", "rerank", "context")
_RESOURCES = ("cache", "prices")
_UNREAD = ("where", "base_url", "server", "unsupported", *_RESOURCES, "granularity", "stop")
"""Fields that name no file, or one that changes no figure."""


def placed(field: str, value: Value, folder: str) -> Value:
    """Return a value with its relative paths made absolute, as seen from the experiment's folder.

    Raises
    ------
    InvalidInput
        A path is not there, but beside the place that the command runs in.
    """
    if not folder or not isinstance(value, str):
        return value
    if field in _RESOURCES:
        return str((Path(folder) / Path(value).expanduser()).resolve())
    for name, _ in _candidates(field, value):
        path = Path(name).expanduser()
        if path.is_absolute():
            continue
        if (Path(folder) / path).exists():
            value = _replaced(field, value, name, str((Path(folder) / path).resolve()))
        elif ("/" in name or path.suffix) and path.exists():
            raise InvalidInput(
                f"{field} = {value!r}: paths are relative to the experiment's file, and {folder} has no {name}; "
                f"write {path.resolve()}"
            )
    return value


def contents(field: str, value: Value) -> dict[str, str]:
    """Return the digest of everything that a value reads: files, folders, models, and packages of parts."""
    if field == "embedder" and value is None:
        own = local_snapshot(None)
        return {} if own is None else {"the default model": digest_of(own)}
    if not isinstance(value, str) or value == NONE:
        return {}
    found = {}
    for name, of_hub in _candidates(field, value):
        path = Path(name).expanduser()
        place = path if path.exists() else local_snapshot(name) if of_hub else None
        if place is not None:
            found[name] = digest_of(place)
    return {**found, **_packages(field, value)}


def _candidates(field: str, value: str) -> Iterator[tuple[str, bool]]:
    """Yield texts that may be paths, and whether they may be the name of a model of the hub."""
    if field in _UNREAD or value.startswith(OBJECT):
        return
    if field in WHOLE:
        yield from ((member.name, True) for member in members(value))
    elif field in BEHIND:
        kind, _, rest = value.partition(":")
        if rest:
            yield rest, kind == "transformers"
    else:
        for spec in value.split("+") if field in CHAINS else [value]:
            if spec.strip().startswith(OBJECT):
                continue
            for option in spec.partition(":")[2].split(","):
                _, equals, text = (each.strip() for each in option.partition("="))
                kind, colon, rest = text.partition(":")
                if equals and text:
                    yield text, "/" in text
                if colon and rest:  # llm=llamacpp:FILE.gguf
                    yield rest, kind == "transformers"


def _replaced(field: str, value: str, name: str, path: str) -> str:
    if field in WHOLE:
        return "+".join(str(replace(m, name=path if m.name == name else m.name)) for m in members(value))
    if "," in path or (field in CHAINS and "+" in path):
        raise InvalidInput(f"{field}: the path {path} holds a comma or a plus, which separate parts; rename it")
    if field in BEHIND:
        return value[: len(value) - len(name)] + path
    at = next(i for mark in ("=", ":") if (i := value.find(f"{mark}{name}")) >= 0) + 1
    return value[:at] + path + value[at + len(name) :]


def digest_of(place: Path) -> str:
    """Return the digest of a file, or of all files in a folder."""
    if place.is_file():
        return remembered_sha256(place)
    whole = hashlib.sha256()
    for path in sorted(place.rglob("*")):
        if path.is_file():
            whole.update(f"{path.relative_to(place).as_posix()}\n{remembered_sha256(path)}\n".encode())
    return whole.hexdigest()


def _packages(field: str, value: str) -> dict[str, str]:
    """Return the source of parts that other packages bring: their code is not in this package's digest."""
    kind = {"rewrite": "rewriter", "rerank": "reranker", "context": "context step", "terms": "index"}.get(field, field)
    found = {}
    for spec in value.split("+") if field in CHAINS else [value]:
        point = plugins(kind).get(spec.partition(":")[0].strip())
        if point is None:
            continue
        found[f"package of {point.name}"] = f"{point.dist.name} {point.dist.version}" if point.dist else point.module
        source = importlib.util.find_spec(point.module)
        if source is not None and source.origin and Path(source.origin).is_file():
            found[f"source of {point.name}"] = remembered_sha256(Path(source.origin))
    return found
