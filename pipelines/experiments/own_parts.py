"""Parts of one's own in an experiment: objects, classes and functions in Python, ``module:Class`` in a file.

Python code runs in the process, so a file may name only what is installed or on ``PYTHONPATH``. The folder that the
command runs in, where a downloaded file may lie, is not searched, nor is the experiment's.
"""

from __future__ import annotations

import importlib
import re
import sys
import threading
import types
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import indexes
from indexes.base import Index
from rag.components import OBJECT, PROTOCOLS, TABLES, Factory, make, missing_methods, plugins, split
from rag.errors import InvalidInput, in_words
from rag.evaluation.metrics.own import own_name
from rag.evaluation.metrics.registry import OwnName, find

from .contents import CHAINS
from .object_digest import object_digest

KINDS: Mapping[str, str] = types.MappingProxyType(
    {
        "chunker": "chunker",
        "embedder": "embedder",
        "index": "index",
        "terms": "index",
        "rewrite": "rewriter",
        "fusion": "fusion",
        "rerank": "reranker",
        "context": "context step",
        "generator": "generator",
    }
)
"""Kind of part by the field that takes one of one's own."""

_HOME = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(?::.*)?")


@dataclass(frozen=True)
class OwnPart:
    """A part of one's own.

    Attributes
    ----------
    text
        Stands for it in the value of a field: ``python:NAME``; of an engine, its name.
    digest
        Changes when it does.
    home
        ``module:Class`` and options, where a file names it; another process finds it by this.
    thing
        The object, where Python handed it in.
    """

    text: str
    digest: str
    home: str = ""
    thing: object = None

    @property
    def part(self) -> Any:  # noqa: ANN401 - what the field's kind is
        """The object, or what makes it."""
        return _factory(self.home) if self.home else self.thing


Own = dict[str, dict[str, OwnPart]]
"""Own parts by field and text."""


def adopted(field: str, value: Any, own: Own) -> Any:  # noqa: ANN401 - an object, or a field's value
    """Return a field's value as text, with a note of each part of one's own in ``own``.

    Raises
    ------
    InvalidInput
        It is no such part, has no name, or none of those parts has a digest that can be told; or nothing can be
        imported by its name.
    """
    if field not in KINDS or value is None or isinstance(value, int | float | dict):
        return value  # what is none is refused as what it is
    if isinstance(value, str):
        return _adopted_text(field, value, own)
    if isinstance(value, Sequence):
        if all(isinstance(each, str) for each in value) or field not in CHAINS:
            return value
        return "+".join(adopted(field, each, own) for each in value)
    return _noted(field, _handed_in(field, value), own)


def _adopted_text(field: str, value: str, own: Own) -> str:
    specs = split(value) if field in CHAINS and ":" in value else [value]
    for spec in specs:
        if spec.startswith(OBJECT) and spec not in own.get(field, {}):
            raise InvalidInput(f"{field} = {value!r} holds a Python object; hand in the object itself")
    if not any(_is_home(field, spec) for spec in specs):
        return value
    return "+".join(_found(field, spec, own) if _is_home(field, spec) else spec for spec in specs)


def _found(field: str, home: str, own: Own) -> str:
    part, text = _at(field, home.strip())
    _noted(field, part, own)
    return text


def _noted(field: str, part: OwnPart, own: Own) -> str:
    before = own.setdefault(field, {}).setdefault(part.text, part)
    if before.digest != part.digest:
        name = part.text.removeprefix(OBJECT)
        raise InvalidInput(f"{field} has two parts called {name!r}: give each a name of its own")
    return part.text


def adopted_metric(given: object, own: dict[str, str]) -> str:
    """Return the name of a metric; the digest of one's own goes into ``own`` by its name, and with the metric.

    Parameters
    ----------
    given
        A name; ``module:function``, ``module:Class`` or ``module:Class:option=value,...``; or the metric itself.

    Raises
    ------
    InvalidInput
        It is not a metric, or its digest cannot be told.
    """
    if isinstance(given, OwnName):
        return given
    if isinstance(given, str):
        if not _HOME.fullmatch(given) or find(given) is not None:
            return given
        thing = _metric_at(given)
        name = own_name(thing, given)
    else:
        thing, name = given, own_name(given)
    digest = object_digest(thing, f"the metric {name}")
    if own.setdefault(str(name), digest) != digest:
        raise InvalidInput(f"two metrics are called {str(name)!r}: give each a name of its own")
    return OwnName(name, replace(name.metric, digest=digest))


def _metric_at(home: str) -> Any:  # noqa: ANN401 - whatever it names
    place, options = _split_home(home)
    thing = imported(place, "metric")
    if isinstance(thing, type):
        return make("metric", {}, Factory(home, thing, options), None)
    if options:
        raise InvalidInput(f"{home}: {place} is made already and takes no options")
    return thing


def objects(field: str, value: object, own: Own) -> list[Any]:
    """Return the specs and parts of a field's value; an empty list where all of it is text."""
    known = own.get(field, {})
    if not isinstance(value, str) or not known:
        return []
    specs = split(value) if field in CHAINS else [value]
    return [known[spec].part if spec in known else spec for spec in specs] if known.keys() & specs else []


def digests(field: str, value: object, own: Own) -> list[str]:
    """Return the digests of the parts of one's own that a value names."""
    known = own.get(field, {})
    if not isinstance(value, str) or not known:
        return []
    if KINDS[field] == "index":
        specs = [value.partition(":")[0].strip()]
    else:
        specs = split(value) if field in CHAINS else [value]
    return [known[spec].digest for spec in specs if spec in known]


def register_engines(own: Own) -> None:
    """Make the engines known to this process."""
    for field in ("index", "terms"):
        for part in own.get(field, {}).values():
            indexes.register(part.part)


def stays_here(own: Own) -> str:
    """Return the name of a part that cannot change processes; empty where there is none."""
    return next((part.text for parts in own.values() for part in parts.values() if not part.home), "")


# ---- in Python ------------------------------------------------------------------------------------------------------


def _handed_in(field: str, thing: object) -> OwnPart:
    kind = KINDS[field]
    name = name_of(thing, kind)
    _refuse_other(kind, name, thing)
    digest = object_digest(thing, f"the {kind} {name}")
    if kind == "index":
        indexes.register(thing)  # type: ignore[arg-type] # checked above
        return OwnPart(name, digest, thing=thing)
    return OwnPart(OBJECT + name, digest, thing=thing)


def name_of(thing: object, kind: str) -> str:
    """Return the name of an object, class or function.

    Raises
    ------
    InvalidInput
        It has none, or one that cannot stand in a table.
    """
    said = getattr(thing, "name", None)
    found = said if isinstance(said, str) else getattr(thing, "__name__", "")
    if not found:
        raise InvalidInput(f"a {type(thing).__name__} as {kind} has no name: give it an attribute `name`, a text")
    if "+" in found or not found.isprintable() or found != found.strip():
        raise InvalidInput(f"the name {found!r} of a {kind} holds a plus or white space at an end; give another one")
    return found


def _refuse_other(kind: str, name: str, thing: object) -> None:
    """Refuse an object that cannot be such a part."""
    if kind == "index":
        if not (isinstance(thing, type) and issubclass(thing, Index)):
            raise InvalidInput(f"the index {name} must be a subclass of DenseIndex or TermIndex; see CONTRIBUTING")
    elif kind == "generator":
        if not callable(thing) and not hasattr(thing, "generate"):
            raise InvalidInput(f"the generator {name} is neither a function nor an object with generate")
    elif isinstance(thing, types.FunctionType):
        return  # makes the part
    elif lacking := missing_methods(kind, thing):
        raise InvalidInput(f"the {kind} {name} has no method {lacking[0]}; see {PROTOCOLS[kind].replace(':', '.')}")


# ---- in a file ------------------------------------------------------------------------------------------------------


def _is_home(field: str, spec: str) -> bool:
    if spec.startswith(OBJECT) or not _HOME.fullmatch(spec.strip()):
        return False
    name, kind = spec.partition(":")[0].strip(), KINDS[field]
    return name not in _names(kind) and name not in plugins(kind)


@cache
def _names(kind: str) -> frozenset[str]:
    module, _, table = TABLES[kind].partition(":")
    return frozenset(getattr(importlib.import_module(module), table))


def _at(field: str, home: str) -> tuple[OwnPart, str]:
    """Return the part that a text names, and the text that the field's value has."""
    kind, (place, options) = KINDS[field], _split_home(home)
    thing = imported(place, kind)
    _refuse_other(kind, place, thing)
    digest = object_digest(thing, f"the {kind} {place}")
    if kind == "index":
        indexes.register(thing)  # checked above
        return OwnPart(thing.name, digest, place), f"{thing.name}:{options}" if options else thing.name
    if options and not isinstance(thing, type | types.FunctionType):
        raise InvalidInput(f"{home}: {place} is made already and takes no options")
    if isinstance(thing, type) or options:
        Factory(home, thing, options).check(kind)
    return OwnPart(OBJECT + home, digest, home), OBJECT + home


def _factory(home: str) -> Any:  # noqa: ANN401 - an object, class or function
    place, options = _split_home(home)
    thing = imported(place, "part")
    return Factory(home, thing, options) if options else thing


def _split_home(home: str) -> tuple[str, str]:
    module, name, *options = home.split(":", 2)
    return f"{module}:{name}", options[0] if options else ""


def imported(home: str, kind: str) -> Any:  # noqa: ANN401 - whatever it names
    """Import what ``module:name`` names; the current folder is not searched.

    Raises
    ------
    InvalidInput
        There is no such module or name, or it cannot be imported.
    """
    module, _, name = home.partition(":")
    try:
        with _without_current_folder():
            found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise InvalidInput(f"the {kind} {home} cannot be imported: {error}") from error
        raise InvalidInput(
            f"there is no {kind} {module!r}, and no module of that name can be imported; the current folder is not "
            "searched: install the module, or name its folder in PYTHONPATH"
        ) from error
    except SystemExit as error:
        raise InvalidInput(f"the {kind} {home} cannot be imported: its module ends the program") from error
    except Exception as error:
        raise InvalidInput(f"the {kind} {home} cannot be imported: {in_words(error)}") from error
    if not hasattr(found, name):
        raise InvalidInput(f"the module {module} has no {name!r}, which should be a {kind}")
    return getattr(found, name)


_IMPORTING = threading.RLock()  # a module may make an experiment while it is imported


@contextmanager
def _without_current_folder() -> Iterator[None]:
    """Search for modules where Python does, but for the entry that the current folder or a script's has by itself."""
    with _IMPORTING:
        before = list(sys.path)
        first = -1 if sys.flags.safe_path else 0  # Python puts no folder of its own in front then
        sys.path[:] = [each for at, each in enumerate(before) if each and not (at == first and _is_here(each))]
        try:
            yield
        finally:
            sys.path[:] = before


def _is_here(entry: str) -> bool:
    return Path(entry).resolve() == Path.cwd()
