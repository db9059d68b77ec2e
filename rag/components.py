"""Parts of a pipeline by name: a literal table says where each lives, a spec string says how it is set."""

from __future__ import annotations

import importlib
import inspect
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from indexes.errors import unknown

from .errors import InvalidInput

if TYPE_CHECKING:
    from .knowledge_base import KnowledgeBase
    from .llm.consulting import CompletionStore
    from .llm.language_model import LanguageModel


@dataclass(frozen=True, slots=True)
class Tools:
    """What a part may need besides its own options; it gets what its constructor names.

    ``completions`` keeps what language models answer by content, such as a `rag.llm.cache.CompletionCache`.
    """

    kb: KnowledgeBase
    model: LanguageModel | None = None
    completions: CompletionStore | None = None


def make(kind: str, table: Mapping[str, str], spec: str, tools: Tools) -> Any:  # noqa: ANN401 - what the table says
    """Make a part of a spec string.

    Parameters
    ----------
    kind
        What it is, for messages: ``reranker``.
    table
        Name -> ``module:Class``; imported here, on first use. Positional parameters of the constructor are the tools of
        that name (one with a default may be missing), keyword-only ones are options.
    spec
        ``name`` or ``name:option=value,...``. A part that needs a language model has the option ``llm`` beside its own,
        such as ``openai:MODEL``; where that is not given, the tools' model is taken.

    Raises
    ------
    InvalidInput
        A name or option that does not exist (with the nearest that does), a value of the wrong type, or a part that
        needs a language model where none is configured.
    """
    name = spec.partition(":")[0].strip()
    if name not in table:
        raise InvalidInput(unknown(kind, name, table))
    module, _, attribute = table[name].partition(":")
    cls = getattr(importlib.import_module(module), attribute)
    parameters = list(inspect.signature(cls).parameters.values())
    wanted = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    hints = typing.get_type_hints(cls.__init__)
    known = {p.name: hints[p.name] for p in parameters if p.kind is p.KEYWORD_ONLY}
    options = _options(kind, name, spec, {**known, "llm": str} if any(p.name == "model" for p in wanted) else known)
    needed = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty]
    missing = [option for option in needed if option not in options]
    if missing:
        raise InvalidInput(f"{kind} {name} needs {missing[0]}: write {name}:{missing[0]}=...")
    if "llm" in options:
        from .llm.models import language_model

        tools = replace(tools, model=language_model(options.pop("llm")))
    return cls(*(_tool(kind, name, each, tools) for each in wanted), **options)


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


def _tool(kind: str, name: str, wanted: inspect.Parameter, tools: Tools) -> object:
    if wanted.name == "embedder":
        return tools.kb.embedder
    found = getattr(tools, wanted.name)
    if found is None and wanted.default is wanted.empty:
        raise InvalidInput(f"{kind} {name} needs a language model: write {name}:llm=openai:MODEL, or leave it out")
    return found


def _value(text: str, hint: Any, what: str) -> object:  # noqa: ANN401 - a type form has no type of its own
    if isinstance(hint, types.UnionType):
        hint = next(option for option in typing.get_args(hint) if option is not type(None))
    if hint is bool:
        if text.lower() not in {"true", "false"}:
            raise InvalidInput(f"{what} is true or false, not {text!r}")
        return text.lower() == "true"
    try:
        return hint(text)
    except ValueError:
        raise InvalidInput(f"{what} is {'a whole number' if hint is int else 'a number'}, not {text!r}") from None


def described(table: Mapping[str, str]) -> dict[str, str]:
    """Return the first line of each part's documentation, by name."""
    found = {}
    for name, home in table.items():
        module, _, attribute = home.partition(":")
        doc = inspect.getdoc(getattr(importlib.import_module(module), attribute)) or ""
        found[name] = doc.partition("\n")[0]
    return found
