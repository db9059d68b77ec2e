"""The fields that an experiment can vary: those of the knowledge base, and every field of the pipeline value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

import indexes
from indexes.errors import unknown
from rag.components import OBJECT, TABLES, check_options, split
from rag.errors import InvalidInput
from rag.knowledge_base import DEFAULT_GRANULARITY
from rag.retrieval.choices import Value
from rag.retrieval.config import PipelineConfig
from rag.store.granularity import AUTO, checked_granularity

from .contents import CHAINS
from .own_parts import KINDS

Stage = Literal["store", "index", "run"]


@dataclass(frozen=True, slots=True)
class StoreField:
    """A field of a knowledge base that an experiment makes.

    Attributes
    ----------
    stage
        The first stage that a change of it makes anew: ``store`` (read, cut, embed) or ``index``.
    line
        Its values, in a line.
    default
        The value where an experiment says nothing; None leaves the choice to the knowledge base.
    check
        Raises `InvalidInput` or an error of ``indexes`` for a value that does not exist.
    """

    stage: Stage
    line: str
    default: str | None
    check: Callable[[str], object] = lambda _: None


def _dense(spec: str) -> None:
    _family(spec, "dense", "index")


def _terms(spec: str) -> None:
    _family(spec, "terms", "terms")


def _family(spec: str, family: str, part: str) -> None:
    if indexes.kind(spec) != family:
        raise InvalidInput(
            f"{spec!r} is not an engine for {part!r}: give one of {'vectors' if family == 'dense' else 'terms'}"
        )
    indexes.parse(spec)


def _chunker(spec: str) -> None:
    from rag.chunking.registry import LARGEST, chunker
    from rag.embedding.tokens import WordTokenizer

    chunker(spec, WordTokenizer(LARGEST))


def _granularity(name: str) -> None:
    if name != AUTO:
        checked_granularity(name)


STORE_FIELDS: dict[str, StoreField] = {
    "chunker": StoreField("store", "how documents are cut, e.g. tokens:256/32", "headings:256/32", _chunker),
    "embedder": StoreField("store", "model by name or folder; hashing-64 needs none", None),
    "granularity": StoreField(
        "store", "auto, chunk, chunk+late, chunk+late+tokens or chunk+sentence", DEFAULT_GRANULARITY, _granularity
    ),
    "index": StoreField("index", "index of vectors, e.g. hnsw:M=32", "flat", _dense),
    "terms": StoreField("index", "index of terms, e.g. bm25:k1=0.9", "bm25", _terms),
}

PIPELINE_FIELDS: tuple[str, ...] = tuple(PipelineConfig().as_dict())

FIELDS: tuple[str, ...] = (*STORE_FIELDS, *PIPELINE_FIELDS)

FORMER = {"reranker": "rerank", "rewriter": "rewrite"}
"""Fields by the names that they had when experiments were new."""


def by_field(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values by the names that fields have now.

    Raises
    ------
    InvalidInput
        No field has such a name, or one is given under both of its names.
    """
    found: dict[str, Any] = {}
    for given, value in values.items():
        name = FORMER.get(given, given)
        if name not in FIELDS:
            raise InvalidInput(unknown("part", given, FIELDS))
        if name in found:
            raise InvalidInput(f"{name} is given twice: as {next(each for each in values if FORMER.get(each) == name)}")
        found[name] = value
    return found


def default_of(name: str, base: PipelineConfig) -> Value:
    """Return a field's value where an experiment does not vary it; ``base`` is its pipeline value."""
    return STORE_FIELDS[name].default if name in STORE_FIELDS else getattr(base, name)


def stage_of(name: str) -> Stage:
    """Return the first stage that a change of a field makes anew."""
    return STORE_FIELDS[name].stage if name in STORE_FIELDS else "run"


def _check_parts(name: str, value: Any) -> None:  # noqa: ANN401 - what TOML gives
    """Refuse options that a part does not have now, not when its stage has come."""
    if name in CHAINS and isinstance(value, str):
        module, _, table = TABLES[KINDS[name]].partition(":")
        named = "+".join(spec for spec in split(value) if not spec.startswith(OBJECT))  # objects are checked already
        check_options(KINDS[name], getattr(import_module(module), table), named)


def check(name: str, value: Any, base: PipelineConfig) -> None:  # noqa: ANN401 - what TOML gives
    """Refuse a value that is not allowed.

    Raises
    ------
    InvalidInput
        Names the field and what it takes.
    """
    own = isinstance(value, str) and OBJECT in value and name in KINDS
    if name in STORE_FIELDS:
        if own:
            return
        row = STORE_FIELDS[name]
        if not isinstance(value, str):
            raise InvalidInput(f"{name} takes {row.line}; {value!r} is not a text")
        row.check(value)
        return
    config = base.with_(**{name: value})
    if not own:
        config.refuse_unstorable()
    _check_parts(name, value)
    if name == "base_url" and not str(value).startswith(("http://", "https://")):
        raise InvalidInput("base_url must begin with http:// or https:// and name a host")
