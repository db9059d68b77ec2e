"""The parts of the road that an experiment can vary: one literal table. A new part joins by its row alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

import indexes
from indexes.errors import unknown
from rag.context.registry import BUILDERS
from rag.errors import InvalidInput
from rag.knowledge_base import DEFAULT_GRANULARITY
from rag.llm.models import BACKENDS
from rag.llm.sampling import Sampling
from rag.reranking.registry import RERANKERS
from rag.rewriting.registry import REWRITERS
from rag.store.granularity import AUTO, checked_granularity

Stage = Literal["store", "index", "run"]
Value = str | int | float | bool

STAGES: tuple[Stage, ...] = ("store", "index", "run")


@dataclass(frozen=True, slots=True)
class Part:
    """A row of the table.

    Attributes
    ----------
    stage
        The first stage that a change of this part makes anew: ``store`` (read, cut, embed), ``index`` or ``run``.
    line
        What its values are, in a line.
    default
        What a knowledge base, retriever or bot takes where an experiment says nothing; None leaves the choice to them.
    kind
        Type of a value.
    check
        Raises `InvalidInput` or an error of ``indexes`` for a value that does not exist.
    option
        Name of the option of `pipelines.cli.retrieving.retriever_for`, for parts of a retriever.
    """

    stage: Stage
    line: str
    default: Value | None = None
    kind: type[Any] = str
    check: Callable[[Any], object] = lambda _: None
    option: str = ""


def _dense(spec: str) -> None:
    _family(spec, "dense", "index")


def _terms(spec: str) -> None:
    _family(spec, "terms", "terms")


def _family(spec: str, family: str, part: str) -> None:
    if indexes.kind(spec) != family:
        raise InvalidInput(
            f"{spec!r} is no engine for {part!r}: give one of {'vectors' if family == 'dense' else 'terms'}"
        )
    indexes.parse(spec)


def _chunker(spec: str) -> None:
    from rag.chunking.registry import LARGEST, chunker
    from rag.embedding.tokens import WordTokenizer

    chunker(spec, WordTokenizer(LARGEST))


def _fusion(name: str) -> None:
    from ..cli.retrieving import check_fusion

    check_fusion(name)


def _reranker(names: str) -> None:
    _named("reranker", names, RERANKERS)


def _rewriter(names: str) -> None:
    _named("rewriter", names, REWRITERS)


def _generator(spec: str) -> None:
    kind, _, model = spec.partition(":")
    if spec not in GENERATORS and (kind not in BACKENDS or not model):
        raise InvalidInput(unknown("generator", spec, [*GENERATORS, *(row.form for row in BACKENDS.values())]))


def _context(names: str) -> None:
    _named("context", names, BUILDERS)


def _named(part: str, names: str, table: Mapping[str, str]) -> None:
    for each in names.split("+"):
        name = each.partition(":")[0].strip()
        if name not in {*table, "none"}:
            raise InvalidInput(unknown(part, name, table))


def _granularity(name: str) -> None:
    if name != AUTO:
        checked_granularity(name)


def _positive(number: int) -> None:
    if number < 1:
        raise InvalidInput(f"k must be 1 or more, not {number}")


def _address(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise InvalidInput("base_url must begin with http:// or https:// and name a host")
    if parts.username or parts.password or parts.query:
        raise InvalidInput("base_url holds a key, which every report would show; put it into OPENAI_API_KEY")


def _temperature(value: float) -> None:
    Sampling(temperature=value)


def _tokens(value: int) -> None:
    Sampling(max_tokens=value)


GENERATORS = ("none", "extractive")

PARTS: dict[str, Part] = {
    "chunker": Part("store", "how documents are cut, e.g. tokens:256/32", "headings:256/32", check=_chunker),
    "embedder": Part("store", "model by name or folder; hashing-64 needs none"),
    "granularity": Part("store", "auto, chunk, chunk+late or chunk+sentence", DEFAULT_GRANULARITY, check=_granularity),
    "index": Part("index", "index of vectors, e.g. hnsw:M=32", "flat", check=_dense),
    "terms": Part("index", "index of terms, e.g. bm25:k1=0.9", "bm25", check=_terms),
    "rewriter": Part("run", "none, spelling, rm3 ...; several joined by +", "none", str, _rewriter, "rewrite"),
    "fusion": Part(
        "run", "how both lists are joined: zscore, rrf, dense, terms", "zscore", check=_fusion, option="fusion"
    ),
    "dense_weight": Part("run", "share of the dense score, 0 to 1", None, float, option="dense_weight"),
    "where": Part("run", "filter over documents", None, option="where"),
    "max_per_source": Part("run", "passages of one source, at most", None, int, option="max_per_source"),
    "reranker": Part("run", "none, late-interaction, mmr ...; several joined by +", "none", str, _reranker, "rerank"),
    "rerank_in": Part("run", "passages that a reranker reads", None, int, option="rerank_in"),
    "context": Part("run", "none, neighbours, section ...; several joined by +", "none", str, _context, "context"),
    "model": Part("run", "language model of rewriters and rerankers that ask one", option="model"),
    "generator": Part("run", "none, extractive, openai:MODEL ...: answers are judged too", "none", check=_generator),
    "base_url": Part("run", "address of the server of generator openai:MODEL", check=_address),
    "temperature": Part("run", "of that language model; 0: the likeliest words", None, float, _temperature),
    "max_tokens": Part("run", "of its answers, at most", None, int, _tokens),
    "k": Part("run", "passages that count as the context", 5, int, _positive),
}
