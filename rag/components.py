"""Make parts of a pipeline from spec strings; parts of other packages join by entry points.

A spec is ``name`` or ``name:option=value,...``; a chain joins specs by ``+``: ``neighbours:sentences=2+unique``. Each
kind of part has one literal table of names. A package adds a part of its own by an entry point of the kind's group::

    [project.entry-points."rag_workbench.rerankers"]
    mine = "my_package.my_module:MyReranker"

It names a class, or a function that makes the part; that of a loader names a parser, and that of a metric a `Metric` or
a function that scores. This package's own names come first. Nothing of another package is imported before it is named.
"""

from __future__ import annotations

import importlib
import inspect
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from indexes.errors import unknown

from .errors import ExtraMissing, InvalidInput, RagError, in_words, on_one_line

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

TABLES: Mapping[str, str] = MappingProxyType(
    {
        "loader": "rag.loaders.formats:FORMATS",
        "chunker": "rag.chunking.registry:KINDS",
        "embedder": "rag.embedding.models:KNOWN",
        "index": "indexes.registry:engines",
        "rewriter": "rag.rewriting.registry:REWRITERS",
        "fusion": "rag.retrieval.fusion:FUSIONS",
        "reranker": "rag.reranking.registry:RERANKERS",
        "context step": "rag.context.registry:BUILDERS",
        "generator": "rag.generation.generators:GENERATORS",
        "metric": "rag.evaluation.metrics.registry:METRICS",
    }
)
"""Kind of part -> the literal table of the parts that come with this package."""

PROTOCOLS: Mapping[str, str] = MappingProxyType(
    {
        "chunker": "rag.chunking.protocol:Chunker",
        "embedder": "rag.embedding.protocol:Embedder",
        "rewriter": "rag.rewriting.protocol:QueryRewriter",
        "fusion": "rag.retrieval.fusion:Fusion",
        "reranker": "rag.reranking.protocol:Reranker",
        "context step": "rag.context.protocol:ContextBuilder",
    }
)
"""Kind of part -> the protocol that a part of another package is checked against when it has been made."""

NONE = "none"
OBJECT = "python:"
"""Begins the name of a part that was handed in as an object: it can be shown and compared, not made from text."""


def group(kind: str) -> str:
    """Return the entry point group of a kind of part: ``rag_workbench.rerankers``."""
    return f"rag_workbench.{'indexes' if kind == 'index' else kind.replace(' ', '_') + 's'}"


@cache
def plugins(kind: str) -> Mapping[str, EntryPoint]:
    """Return the entry points of other packages for a kind of part, by name; nothing is imported."""
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group=group(kind))}


def is_plugin(kind: str, spec: str) -> bool:
    """Tell whether a spec names a part of another package; a path is none, and costs no look-up."""
    name = spec.partition(":")[0].strip()
    return "/" not in name and name in plugins(kind)


def load_plugin(kind: str, name: str) -> Callable[..., Any]:
    """Import the class or function that the entry point of a part names.

    Raises
    ------
    ExtraMissing
        It cannot be imported, or does not make such a part; the message names the package.
    """
    try:
        found = plugins(kind)[name].load()
    except (Exception, SystemExit) as error:
        raise _broken(kind, name, f"{type(error).__name__}: {on_one_line(str(error))}") from error
    if not callable(found):
        raise _broken(kind, name, f"a {type(found).__name__} is not a class or function")
    if isinstance(found, type) and (lacking := missing_methods(kind, found)):
        raise _broken(kind, name, f"the class {found.__name__} has no method {lacking[0]}")
    return found  # type: ignore[no-any-return]


def missing_methods(kind: str, thing: object) -> list[str]:
    """Return the methods of a kind's protocol that an object or class lacks; none for a kind without a protocol."""
    if kind not in PROTOCOLS:
        return []
    own = vars(_imported(PROTOCOLS[kind])).items()
    wanted = [name for name, function in own if inspect.isfunction(function) and not name.startswith("_")]
    return [name for name in wanted if not hasattr(thing, name)]


@dataclass(frozen=True, slots=True)
class Factory:
    """A class or function that makes a part, with the options that a text gave: ``NAME:longest=300``."""

    name: str
    make: Callable[..., Any]
    options: str = ""

    @property
    def spec(self) -> str:
        """Name of the class or function, and options."""
        return f"{self.make.__name__}:{self.options}"

    def check(self, kind: str) -> None:
        """Refuse options that it does not have, and those that are missing.

        Raises
        ------
        InvalidInput
            As `check_options`.
        """
        with_model = any(p.name == "model" for p in _tools_of(self.make))
        _given_options(kind, self.spec, self.make, {}, with_model=with_model)


def _broken(kind: str, name: str, reason: str) -> ExtraMissing:
    point = plugins(kind)[name]
    return ExtraMissing(f"the {kind} {name!r} of {_package(point)} cannot be used ({reason}); mend or uninstall it")


def _package(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.module


def check_name(kind: str, name: str, table: Mapping[str, object]) -> None:
    """Refuse a name that neither the table nor another package has; nothing is imported.

    Raises
    ------
    InvalidInput
        The message has the nearest name.
    """
    if name not in table and name not in plugins(kind):
        raise InvalidInput(unknown(kind, name, {*table, *plugins(kind)}))


def make(kind: str, table: Mapping[str, str], given: object, tools: object, **defaults: object) -> Any:  # noqa: ANN401
    """Make a part from a spec string, or from a class or function; any other object is the part itself.

    Parameters
    ----------
    kind
        For messages, and for the group of entry points: ``reranker``.
    table
        Name -> ``module:Class``, imported here on first use. Positional parameters of the constructor are tools, by
        name (one with a default may be missing); keyword-only parameters are options.
    given
        ``name`` or ``name:option=value,...``. A part that needs a language model has the option ``llm`` besides its
        own, such as ``openai:MODEL``; without it the part gets the tools' model.
    tools
        An object with the tools as attributes, such as `rag.stages.Tools`.
    **defaults
        Options where the spec does not give them; ignored by a part without such an option.

    Raises
    ------
    InvalidInput
        A name or option that does not exist (with the nearest one), a value of the wrong type, or a part that needs a
        language model where none is configured.
    ExtraMissing
        A part of another package that cannot be imported, or is not what the kind's protocol says.
    """
    if isinstance(given, type | types.FunctionType):
        return _made(kind, given.__name__, given, tools, defaults)
    if isinstance(given, Factory):
        return _made(kind, given.spec, given.make, tools, defaults)
    if not isinstance(given, str):
        return given
    name = given.partition(":")[0].strip()
    check_name(kind, name, table)
    if name in table:
        return _made(kind, given, _imported(table[name]), tools, defaults)
    factory = load_plugin(kind, name)
    try:
        made = _made(kind, given, factory, tools, defaults)
        fits = kind not in PROTOCOLS or isinstance(made, _imported(PROTOCOLS[kind]))
    except RagError:
        raise
    except Exception as error:
        raise _broken(kind, name, in_words(error)) from error
    if not fits:
        raise _broken(kind, name, f"it makes a {type(made).__name__}, which is not a {PROTOCOLS[kind]}")
    return made


def _made(kind: str, spec: str, factory: Callable[..., Any], tools: object, defaults: Mapping[str, object]) -> Any:  # noqa: ANN401
    name = spec.partition(":")[0].strip()
    wanted = _tools_of(factory)
    with_model = getattr(tools, "with_model", None) if any(p.name == "model" for p in wanted) else None
    options = _given_options(kind, spec, factory, defaults, with_model=bool(with_model))
    if with_model and "llm" in options:
        tools = with_model(options.pop("llm"))
    return factory(*(_tool(kind, name, p, tools) for p in wanted), **options)


def _tools_of(factory: Callable[..., Any]) -> list[inspect.Parameter]:
    return [p for p in inspect.signature(factory).parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]


def _given_options(
    kind: str, spec: str, factory: Callable[..., Any], defaults: Mapping[str, object], *, with_model: bool
) -> dict[str, Any]:
    """Return the options that a spec gives, checked, over the defaults; one that must be given is asked for."""
    name = spec.partition(":")[0].strip()
    own = {p.name: p for p in inspect.signature(factory).parameters.values() if p.kind is p.KEYWORD_ONLY}
    known = _hints(factory, own)
    options = _options(kind, name, spec, {**known, "llm": str} if with_model else known)
    options = {**{option: value for option, value in defaults.items() if option in own}, **options}
    missing = [option for option, p in own.items() if p.default is p.empty and option not in options]
    if missing:
        raise InvalidInput(f"{kind} {name} needs {missing[0]}: write {name}:{missing[0]}=...")
    return options


def check_options(kind: str, table: Mapping[str, str], chain: str) -> None:
    """Refuse options of a chain that its parts do not have, without making a part.

    Raises
    ------
    InvalidInput
        A name or option that does not exist, a value of the wrong type, or an option that is missing.
    """
    for spec in split(chain):
        name = spec.partition(":")[0].strip()
        check_name(kind, name, table)
        factory = _imported(table[name]) if name in table else load_plugin(kind, name)
        with_model = any(p.name == "model" for p in _tools_of(factory))
        _given_options(kind, spec, factory, {}, with_model=with_model)


def _hints(factory: Callable[..., Any], own: Mapping[str, inspect.Parameter]) -> dict[str, Any]:
    """Return the types of options; the others' are left alone, for they may name what only a type checker imports."""
    function = factory.__init__ if isinstance(factory, type) else factory  # type: ignore[misc]
    given = {name: p.annotation for name, p in own.items() if p.annotation is not p.empty}
    annotated = types.SimpleNamespace(__annotations__=given)
    hints = typing.get_type_hints(annotated, getattr(function, "__globals__", {}))
    plain = {name: type(p.default) if isinstance(p.default, bool | int | float) else str for name, p in own.items()}
    return {**plain, **hints}


def split(chain: str) -> list[str]:
    """Split a chain into its specs; an empty list for ``none``.

    Raises
    ------
    InvalidInput
        ``none`` beside other parts, or parts joined by commas.
    """
    specs = [each for spec in chain.split("+") if (each := spec.strip())]
    if NONE in specs and len(specs) > 1:
        raise InvalidInput(f"{chain!r}: {NONE!r} cannot be combined with other parts")
    for spec in specs:
        name, comma, _ = spec.partition(":")[0].partition(",")
        if comma:
            raise InvalidInput(
                f"{chain!r}: join parts by +, as in {chain.replace(',', '+')!r}; {name!r} takes no comma"
            )
    return [spec for spec in specs if spec != NONE]


def chain(kind: str, table: Mapping[str, str], given: object, tools: object) -> list[Any]:
    """Make the parts of a chain.

    Parameters
    ----------
    given
        A chain such as ``"late-interaction+mmr"``, an object, class or function, or a sequence of specs and these.

    Raises
    ------
    InvalidInput
        As `make` and `split`; an object is not what the kind's protocol says.
    """
    return [_fitting(kind, make(kind, table, part, tools)) for part in _parts(given)]


def _fitting(kind: str, part: Any) -> Any:  # noqa: ANN401
    protocol = vars(_imported(PROTOCOLS[kind])) if kind in PROTOCOLS else ()
    missing = [name for name in protocol if not name.startswith("_") and not hasattr(part, name)]
    if missing:
        raise InvalidInput(f"{type(part).__name__} is not a {kind}: it lacks {', '.join(missing)}")
    return part


def check_chain(kind: str, table: Mapping[str, object], chain: str) -> None:
    """Refuse a chain with a name that does not exist; nothing is imported."""
    for spec in split(chain):
        if not spec.startswith(OBJECT):
            check_name(kind, spec.partition(":")[0].strip(), table)


def named(given: object) -> str:
    """Return the text that names parts in a configuration."""
    return "+".join(part if isinstance(part, str) else _object_name(part) for part in _parts(given)) or NONE


def _parts(given: object) -> list[Any]:
    if isinstance(given, str):
        return list(split(given))
    return [part for each in (given if isinstance(given, Sequence) else [given]) for part in _flat(each)]


def _flat(part: object) -> list[object]:
    return list(split(part)) if isinstance(part, str) else [part]


def _object_name(part: object) -> str:
    if isinstance(part, Factory):
        return OBJECT + part.name
    cls = part if isinstance(part, type | types.FunctionType) else type(part)
    return f"{OBJECT}{cls.__module__}.{cls.__qualname__}"


def _imported(home: str) -> Any:  # noqa: ANN401 - a class or a function
    module, _, attribute = home.partition(":")
    return getattr(importlib.import_module(module), attribute)


def _options(kind: str, name: str, spec: str, known: Mapping[str, Any]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    rest = spec.partition(":")[2]
    for part in filter(None, (each.strip() for each in rest.split(","))):
        key, equals, text = (each.strip() for each in part.partition("="))
        if key not in known:
            raise InvalidInput(unknown("option", key, known, f"of {kind} {name}"))
        if not equals or not text or key in options:
            raise InvalidInput(f"write {key}=value once in {spec!r}")
        options[key] = _value(text, known[key], f"{key} of {kind} {name}")
    return options


def _tool(kind: str, name: str, wanted: inspect.Parameter, tools: object) -> object:
    found = getattr(tools, wanted.name, None)
    if found is not None or wanted.default is not wanted.empty:
        return found
    if wanted.name == "model":
        raise InvalidInput(f"{kind} {name} needs a language model: write {name}:llm=openai:MODEL, or leave it out")
    raise InvalidInput(f"{kind} {name} asks for {wanted.name!r}, which a {kind} does not get; make it an option")


def _value(text: str, hint: Any, what: str) -> object:  # noqa: ANN401 - a type form has no type of its own
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        hint = next(option for option in typing.get_args(hint) if option is not type(None))
    if typing.get_origin(hint) is typing.Literal:
        choices = {str(choice): choice for choice in typing.get_args(hint)}
        if text not in choices:
            raise InvalidInput(f"{what} is one of {', '.join(choices)}, not {text!r}")
        return choices[text]
    if hint is bool:
        if text.lower() not in {"true", "false"}:
            raise InvalidInput(f"{what} is true or false, not {text!r}")
        return text.lower() == "true"
    try:
        return hint(text)
    except ValueError:
        raise InvalidInput(f"{what} is {'a whole number' if hint is int else 'a number'}, not {text!r}") from None


@dataclass(frozen=True, slots=True)
class Listed:
    """A part in a listing: its kind, name, package, one line on it, and why it cannot be loaded (empty if it can)."""

    kind: str
    name: str
    package: str
    line: str
    problem: str = ""


def listed(kind: str | None = None) -> Iterator[Listed]:
    """Yield the parts of one kind or of all kinds, those of other packages included; a broken one is marked.

    Raises
    ------
    InvalidInput
        There is no such kind.
    """
    if kind is not None and kind not in TABLES:
        raise InvalidInput(unknown("kind of part", kind, TABLES))
    for each, home in TABLES.items():
        if kind in (None, each):
            table = _imported(home)
            for name, row in table.items():
                yield Listed(each, name, "rag-workbench", _line(row))
            for _, point in sorted(plugins(each).items()):
                yield _listed_plugin(each, point, table)


def _listed_plugin(kind: str, point: EntryPoint, table: Mapping[str, object]) -> Listed:
    package, problem, line = _package(point), "", ""
    if point.name in table:
        problem = f"the {kind} {point.name!r} of {package} is not used: the name is taken"
    else:
        try:
            line = _line(load_plugin(kind, point.name)) or point.value
        except ExtraMissing as error:
            problem = str(error)
    return Listed(kind, point.name, package, line, problem)


def _line(row: object) -> str:
    """Return one line on a part: its row's own, or the first line of its class's documentation."""
    for attribute in ("line", "says"):
        if isinstance(said := getattr(row, attribute, None), str):
            return said if getattr(row, "installed", True) else f"{said} (not installed: {getattr(row, 'install', '')})"
    part = _imported(row) if isinstance(row, str) and ":" in row else row
    return (part if isinstance(part, str) else inspect.getdoc(part) or "").partition("\n")[0]
