"""The pipeline value: every choice between a question and its answer, frozen, typed, readable and writable as TOML.

``ask``, ``chat``, ``search``, ``evaluate``, ``calibrate``, ``bench``, ``tune``, ``experiment`` and the library build
their retriever and bot from this value and from nothing else, so what is measured is what answers.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import types
import typing
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from indexes.errors import unknown

from ..components import NONE, OBJECT, TABLES, check_chain, check_name
from ..errors import InvalidInput, StoreMismatch
from . import pipeline_history
from .choices import UNSET, Use, Value, allowed, choice, within
from .pipeline_toml import document, parse_toml, read_toml

if TYPE_CHECKING:
    from ..knowledge_base import KnowledgeBase
    from ..llm.chat_model import ChatModel
    from ..llm.sampling import Sampling


_JUDGES_NOTHING = frozenset({"deadline", "threshold"})
"""Fields that a calibration does not depend on: it replaces the threshold, and learns from whole answers."""
SETTING = "pipeline"
"""Name of the setting that holds a knowledge base's pipeline."""
ALONE = {"dense": "terms", "terms": "dense"}
"""Fusions that use one search alone -> the search that is left out."""
_DIGITS = 16


@dataclass(frozen=True, kw_only=True)
class PipelineConfig:
    """Everything that turns a question into an answer; ``field.metadata["help"]`` documents each field.

    Raises
    ------
    InvalidInput
        A value of the wrong type or out of range, or a part that does not exist (with the nearest name).

    Examples
    --------
    >>> config = PipelineConfig(k=8).with_(rerank="mmr")
    >>> config == PipelineConfig.loads(config.dumps())
    True
    >>> config.changed()
    {'k': 8, 'rerank': 'mmr'}
    """

    k: int = choice(5, "passages to find", low=1, high=1000, metavar="N")
    where: str | None = choice(
        None,
        """filter: search only documents that match, e.g. 'type == "pdf" and year >= 2024'""",
        metavar="EXPRESSION",
    )
    rewrite: str = choice(
        "auto",
        "rewriters of the question, joined by +: auto, normalise, spelling, condense, acronyms, rm3, bo1, rocchio, "
        "synonyms:file=FILE; with a language model multi-query, hyde, decompose, step-back, keywords; none",
        kind="rewriter",
        metavar="NAME[+NAME]",
    )
    fusion: str = choice(
        "zscore",
        "fusion of the dense and the term search: zscore, rrf (reciprocal rank), minmax, dbsf, adaptive; or dense, or "
        "terms, to use one search alone",
        kind="fusion",
        metavar="NAME",
    )
    dense_weight: float = choice(0.7, "share of the dense score in the fusion", low=0, high=1, metavar="0..1")
    depth: int = choice(100, "candidates from each search", low=1, high=10_000)
    max_per_source: int | None = choice(None, "passages from one source, at most", low=1, metavar="N")
    dedupe: bool = choice(True, "leave out passages that repeat a better one")
    rerank: str = choice(
        "none",
        "rerankers of the passages found, joined by +: cross-encoder:model=DIR, late-interaction, mmr, listwise, "
        "recency, sources:weights=docs/:1; none",
        kind="reranker",
        metavar="NAME[+NAME]",
    )
    rerank_in: int = choice(30, "passages that the rerankers read", low=1, high=1000, metavar="N")
    context: str = choice(
        "none",
        "context steps that shape the passages, joined by +: neighbours:sentences=2, section, unique, "
        "budget:tokens=2000, edges; none",
        kind="context step",
        metavar="NAME[+NAME]",
    )
    model: str | None = choice(
        None, "language model that rewrites and reranks; without it, that of the generator", metavar="SPEC"
    )
    generator: str = choice(
        "extractive",
        "generator of the answer: extractive, openai:MODEL, transformers:MODEL_OR_PATH, llamacpp:FILE.gguf",
        use="answer",
        metavar="SPEC",
    )
    base_url: str | None = choice(None, "address of the server of openai:MODEL", use="model", metavar="URL")
    server: str | None = choice(None, "software of that server: openai, ollama, vllm, llamacpp, lmstudio", use="model")
    deadline: float | None = choice(
        None, "seconds that one question may take in all", use="answer", low=0.001, metavar="SECONDS"
    )
    threshold: float | None = choice(
        None,
        "withhold answers with less support; without it, the calibrated threshold",
        use="answer",
        low=0,
        high=1,
        metavar="0..1",
    )
    unsupported: str = choice(
        "mark",
        "what happens to sentences that no passage supports: mark or drop",
        use="model",
        choices=("mark", "drop"),
    )
    nli: str | None = choice(
        None, "cross-encoder of natural-language inference that judges support: a model's name or folder", use="model"
    )
    instructions: str | None = choice(
        None,
        "manner of a language model's answers: persona, tone, language; its rules come first",
        use="model",
        metavar="TEXT",
    )
    votes: int = choice(
        1, "answers to draw; the one that the others agree with most is taken", use="model", low=1, high=64
    )
    max_tokens: int = choice(512, "tokens of an answer, at most", use="model", low=1, high=1_000_000)
    temperature: float | None = choice(
        0.0,
        "randomness of the language model: 0 takes the likeliest token, auto leaves it to the model",
        use="model",
        low=0,
        high=10,
    )
    top_k: int | None = choice(None, "draw from the N likeliest tokens", use="model", low=1)
    top_p: float | None = choice(
        None, "draw from the likeliest tokens that have this probability together", use="model", low=0, high=1
    )
    min_p: float | None = choice(
        None, "draw from tokens at least this share as likely as the likeliest", use="model", low=0, high=1
    )
    repetition_penalty: float | None = choice(None, "above 1, repeat less", use="model", low=0.01, high=100)
    seed: int | None = choice(None, "seed of the language model: same seed, same text", use="model", low=0)
    stop: tuple[str, ...] = choice((), "texts that end an answer", use="model")
    cache: str | None = choice(None, "file that keeps the answers of language models, by content", use="resource")
    prices: str | None = choice(
        None, 'JSON file of money for a million tokens: {"MODEL": {"prompt": 1, "completion": 2}}', use="resource"
    )

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            object.__setattr__(self, field.name, _checked(field, getattr(self, field.name)))
        if self.fusion not in ALONE:
            _check_parts("fusion", "fusion", self.fusion)
        if not self.generator.startswith(OBJECT):
            check_name("generator", self.generator.partition(":")[0].strip(), _table("generator"))
        if self.where is not None:
            from ..filter_parser import parse

            parse(self.where)

    def with_(self, **changes: Any) -> Self:  # noqa: ANN401 - each field has its own type
        """Return a copy with some fields changed.

        Raises
        ------
        InvalidInput
            No field has that name, or the value is not allowed.
        """
        for name in changes:
            if name not in names():
                raise InvalidInput(unknown("setting", name, names(), "of a pipeline"))
        return dataclasses.replace(self, **changes)

    def as_dict(self) -> dict[str, Value]:
        """Return all fields by name; a key in ``base_url`` is left out, so that nothing shown or stored has one."""
        found = {name: getattr(self, name) for name in names()}
        return {**found, "base_url": found["base_url"] and without_key(found["base_url"])}

    def form(self) -> dict[str, Any]:
        """Return the digest and all fields, for JSON."""
        own = {name: list(value) if isinstance(value, tuple) else value for name, value in self.as_dict().items()}
        return {"digest": self.digest, **own}

    def changed(self) -> dict[str, Value]:
        """Return the fields that differ from their defaults."""
        return {name: value for name, (value, _) in self.differences(type(self)()).items()}

    def differences(self, other: PipelineConfig) -> dict[str, tuple[Value, Value]]:
        """Return the fields in which two values differ: (this one's, the other's) by name."""
        mine, others = self.as_dict(), other.as_dict()
        return {name: (mine[name], others[name]) for name in names() if mine[name] != others[name]}

    def changed_since(self, text: str, uses: Collection[str]) -> str:
        """Say in which fields that answers depend on an earlier value, as TOML, differs from this one.

        Parameters
        ----------
        uses
            Of the fields to compare, see `use_of`.
        """
        there = type(self).loads(text, "the stored calibration").differences(self)
        said = {name: pair for name, pair in there.items() if use_of(name) in uses and name not in _JUDGES_NOTHING}
        return "; ".join(f"{name}: {then} then, {now} now" for name, (then, now) in said.items())

    @cached_property
    def digest(self) -> str:
        """16 hexadecimal digits over every field that may change an answer."""
        own = self.as_dict()
        said = {name: value for name, value in own.items() if use_of(name) != "resource"}
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:_DIGITS]

    @property
    def sampling(self) -> Sampling:
        """The fields that say how a language model draws tokens, as its back ends take them."""
        from ..llm.sampling import Sampling

        own = ("temperature", "top_k", "top_p", "min_p", "repetition_penalty", "seed", "stop", "max_tokens")
        return Sampling(n=self.votes, **{name: getattr(self, name) for name in own})

    def language_model(self, spec: str) -> ChatModel:
        """Make the language model of a spec, at the server that the value names; the caller closes it."""
        from ..llm.models import language_model

        address = {"base_url": self.base_url, "server": self.server} if spec.startswith("openai:") else {}
        return language_model(spec, **{name: value for name, value in address.items() if value is not None})

    # ---- TOML ---------------------------------------------------------------------------------------------------

    def dumps(self) -> str:
        """Return the value as TOML: each field with a comment, unset ones commented out."""
        own = self.as_dict()
        return document((f.name, f.metadata["help"], own[f.name], f.default) for f in dataclasses.fields(self))

    @classmethod
    def loads(cls, text: str, source: str = "the configuration") -> Self:
        """Read TOML; fields that it does not name have their defaults.

        Raises
        ------
        InvalidInput
            It is not TOML, or has an unknown key or a value that is not allowed.
        """
        try:
            return cls.from_dict(parse_toml(text))
        except InvalidInput as error:
            raise InvalidInput(f"{source}: {error}") from error

    @classmethod
    def from_dict(cls, table: Mapping[str, Any], base: PipelineConfig | None = None) -> Self:
        """Return the value of a mapping of fields; fields that it does not name have those of ``base``, or defaults."""
        given = {name: tuple(value) if isinstance(value, list) else value for name, value in table.items()}
        return (cls() if base is None else base).with_(**given)  # type: ignore[return-value]

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a TOML file; see `loads`."""
        return cls.loads(read_toml(path), str(path))

    def dump(self, path: str | Path) -> None:
        """Write a TOML file."""
        Path(path).write_text(self.dumps(), encoding="utf-8")

    # ---- with a knowledge base ------------------------------------------------------------------------------------

    @classmethod
    def of(cls, kb: KnowledgeBase) -> Self:
        """Return the value that is stored with a knowledge base; the default where none is.

        Raises
        ------
        StoreMismatch
            This version cannot read it; the message says how to reset it.
        """
        stored = kb.setting(SETTING)
        if stored is None:
            return cls()
        try:
            return cls.loads(stored, f"the pipeline stored in {kb.location}")
        except InvalidInput as error:
            raise StoreMismatch(f"{error}; rag configure {kb.location} --reset stores the default") from error

    def store(self, kb: KnowledgeBase) -> None:
        """Store the value with a knowledge base that is open for writing; the default is stored as its absence.

        The value before is kept, see `undo`.
        """
        self.refuse_unstorable()
        text, before = None if self == type(self)() else self.dumps(), kb.setting(SETTING)
        if text != before:
            pipeline_history.remember(kb, before)  # first: a kill between the two loses nothing
            kb.keep_setting(SETTING, text)

    @classmethod
    def undo(cls, kb: KnowledgeBase) -> Self:
        """Store the value that was stored before, and return it; again goes back one step more.

        Raises
        ------
        InvalidInput
            Nothing was stored before.
        StoreMismatch
            This version cannot read it; nothing is changed.
        """
        texts, now = pipeline_history.earlier(kb), kb.setting(SETTING)
        while texts and texts[-1] == now:  # a kill came between noting it and replacing it
            texts.pop()
        if not texts:
            raise InvalidInput(f"nothing to undo: no other pipeline was stored with {kb.location} before")
        text = texts.pop()
        try:
            before = cls() if text is None else cls.loads(text, f"the pipeline stored in {kb.location} before")
        except InvalidInput as error:
            raise StoreMismatch(str(error)) from error
        kb.keep_setting(SETTING, text)
        pipeline_history.keep(kb, texts)
        return before

    def refuse_unstorable(self) -> None:
        """Refuse a value that no text can bring back, or that holds a key.

        Raises
        ------
        InvalidInput
            Names the field.
        """
        if self.base_url is not None and without_key(self.base_url) != self.base_url:
            raise InvalidInput("base_url holds a key, which every report would show; put it into OPENAI_API_KEY")
        for name, value in self.as_dict().items():
            if isinstance(value, str) and OBJECT in value:
                raise InvalidInput(f"{name} = {value!r} holds a Python object; it can be used, not stored")


@cache
def names() -> tuple[str, ...]:
    """Return the names of the fields, in order."""
    return tuple(field.name for field in dataclasses.fields(PipelineConfig))


@cache
def use_of(name: str) -> Use:
    """Return what reads a field; ``model`` for other options of a language model's generator."""
    found: Use = next((f.metadata["use"] for f in dataclasses.fields(PipelineConfig) if f.name == name), "model")
    return found


def without_key(url: str) -> str:
    """Return an address without user, password and query."""
    try:
        parts = urlsplit(url)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
    except ValueError:
        return ""


def parsed(name: str, text: str) -> Value:
    """Read the text of ``--set name=text`` as the field's type; an empty text unsets an optional field.

    Raises
    ------
    InvalidInput
        No field has that name, or the text is not of its type.
    """
    if name not in names():
        raise InvalidInput(unknown("setting", name, names(), "of a pipeline"))
    kind, optional = _types()[name]
    if not text and optional:
        return None
    if kind is bool and text.lower() in {"true", "false"}:
        return text.lower() == "true"
    if kind is tuple:
        return (text,) if text else ()
    try:
        value: Value = kind(text) if kind in (int, float) else text
    except ValueError:
        value = text  # the check of the field refuses it
    return value


@cache
def _types() -> Mapping[str, tuple[type[Any], bool]]:
    """Return the bare type of every field, and whether it may be None."""
    found = {}
    for name, hint in typing.get_type_hints(PipelineConfig).items():
        options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
        bare = next(option for option in options if option is not type(None))
        found[name] = (typing.get_origin(bare) or bare, type(None) in options)
    return found


def _checked(field: dataclasses.Field[Any], value: Any) -> Value:  # noqa: ANN401 - its type is what is checked
    kind, optional = _types()[field.name]
    meta = field.metadata
    if hasattr(value, "item"):  # a numpy scalar
        value = value.item()
    if kind is float and type(value) is int:
        value = float(value)
    if optional and (value is None or (value == UNSET and kind is not str)):
        return None
    if type(value) is not kind or not within(value, meta):
        raise InvalidInput(f"{field.name} must be {allowed(kind, optional, meta)}, not {value!r}")
    if meta["kind"] and field.name != "fusion":
        _check_parts(field.name, meta["kind"], value)
    checked: Value = value
    return checked


def _check_parts(name: str, kind: str, chain: str) -> None:
    if name == "fusion" and "+" in chain:
        raise InvalidInput(f"fusion takes one name, not {chain!r}")
    try:
        check_chain(kind, _table(kind), chain)
    except InvalidInput as error:
        extra = ", or dense, or terms, alone" if name == "fusion" else f", or {NONE}"
        raise InvalidInput(f"{name}: {error}{extra}" if "there are:" in str(error) else f"{name}: {error}") from None


def _table(kind: str) -> Mapping[str, str]:
    module, _, attribute = TABLES[kind].partition(":")
    table: Mapping[str, str] = getattr(import_module(module), attribute)
    return table
