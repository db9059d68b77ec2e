"""The embedder, chunker and analyser of a knowledge base: given by the caller, or made from its identity."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

import indexes
from indexes import Metric

from .. import embedding
from ..components import is_plugin
from ..embedding.protocol import Embedder, EmbedderLike, PartEmbedder
from ..embedding.spec import members
from ..errors import EmbedderError, InvalidInput, ModelMissing, StoreMismatch
from ..terms import Analyser
from .granularity import AUTO, Granularity, checked_granularity, is_late
from .identity import Identity

if TYPE_CHECKING:
    from ..chunking import Chunker


class StoreTools:
    """Makes each tool on first use, and refuses one that is not the knowledge base's.

    Searching by terms alone must not load a model, so nothing is made before it is asked for. What can be compared by
    name is compared at once.
    """

    def __init__(
        self,
        folder: Path | str,
        embedder: EmbedderLike | None = None,
        chunker: Chunker | str | None = None,
        analyser: str | None = None,
        *,
        identity: Identity | None = None,
    ) -> None:
        self.folder = folder
        self._identity = identity
        self._given = _together(embedder)
        self._embedder: Embedder | None = None
        self._chunker_given = chunker
        self._chunker: Chunker | None = None
        self._language = analyser
        self._analyser: Analyser | None = None
        self._turn = threading.RLock()
        if identity is not None:
            self._compare_names(identity)

    def _compare_names(self, identity: Identity) -> None:
        if isinstance(self._given, str):
            if self._given == identity.embedder or _reference(self._given) == identity.reference:
                self._given = None  # the stored reference finds it
            else:
                identity.check_embedder(self.folder, embedding.embedder(self._given))
        elif self._given is not None:
            identity.check_embedder(self.folder, self._given)
        if isinstance(self._chunker_given, str):
            from ..chunking import chunker, name_of

            if self._chunker_given != identity.chunker:
                made = chunker(self._chunker_given, embedding.WordTokenizer())
                identity.check(self.folder, chunker=name_of(self._chunker_given, made))
        elif self._chunker_given is not None:
            identity.check(self.folder, chunker=self._chunker_given.name)
        if self._language is not None:
            identity.check(self.folder, analyser=Analyser(self._language).name)

    def check_for_workers(self) -> None:
        """Refuse what workers in other processes cannot make by its name.

        Raises
        ------
        InvalidInput
            The embedder or the chunker was given as an object.
        """
        for what, given in (("embedder", self._given), ("chunker", self._chunker_given)):
            if given is not None and not isinstance(given, str):
                raise InvalidInput(
                    f"the {what} {given.name!r} is an object of this process, and an executor's workers are others: "
                    "give a name, such as that of a package's entry point, or add without executor"
                )

    @property
    def embedder(self) -> Embedder:
        """The embedder; its name, revision, dimension and fingerprint are the knowledge base's."""
        with self._turn:
            if self._embedder is None:
                made = self._made()
                if self._identity is not None:
                    self._identity.check_embedder(self.folder, made)
                    self._identity.check_probe(self.folder, embedding.fingerprint(made))
                self._embedder = made
            return self._embedder

    def _made(self) -> Embedder:
        if self._given is not None and not isinstance(self._given, str):
            return self._given
        if self._identity is None:
            return embedding.embedder(self._given)
        try:
            return embedding.embedder(self._given or self._identity.reference)
        except ModelMissing as error:
            name = self._identity.embedder
            raise type(error)(
                f"{error} ({self.folder} was made with embedder {name!r}; pass embedder= to open it)"
            ) from error

    @property
    def chunker(self) -> Chunker:
        """The chunker, counting in the embedder's tokens."""
        with self._turn:
            if self._chunker is None:
                self._chunker = self._made_chunker()
            return self._chunker

    def _made_chunker(self) -> Chunker:
        from ..chunking import CONTEXTUAL, KINDS, chunker

        given = self._chunker_given
        if given is None and self._identity is not None:
            given = self._identity.chunker
            if given.partition(":")[0] not in {*KINDS, *CONTEXTUAL} and not is_plugin("chunker", given):
                raise InvalidInput(
                    f"{self.folder} was made with a chunker of one's own, {given!r}: open it with chunker=, or install "
                    "the package that has it"
                )
        if given is None:
            raise InvalidInput("give a chunker")
        return chunker(given, self.embedder.tokenizer) if isinstance(given, str) else given

    @property
    def analyser(self) -> Analyser:
        """The analyser.

        Raises
        ------
        StoreMismatch
            This version of the toolkit splits texts in another way than the one that made the knowledge base.
        """
        with self._turn:
            if self._analyser is None:
                stored = self._identity.analyser if self._identity else None
                language = self._language or (stored.rpartition("-")[0] if stored else "english")
                made = Analyser(language)
                if stored is not None and made.name != stored:
                    text = f"{self.folder} was made with analyser {stored!r}, this version has {made.name!r}"
                    raise StoreMismatch(f"{text}; ingest the documents again into another folder")
                self._analyser = made
            return self._analyser


def _together(given: EmbedderLike | None) -> Embedder | str | None:
    """Return the one embedder that several make; by names alone, it can be found again by them."""
    if given is None or isinstance(given, str) or not isinstance(given, Sequence):
        return given
    if all(isinstance(each, str) for each in given):
        return "+".join(each for each in given if isinstance(each, str))
    made = [embedding.embedder(each) if isinstance(each, str) else each for each in given]
    return made[0] if len(made) == 1 else cast("Embedder", embedding.EnsembleEmbedder(made))


def _reference(name: str) -> str:
    """Return a name that finds the models again from any working folder."""
    return "+".join(str(replace(each, name=_absolute(each.name))) for each in members(name))


def _absolute(name: str) -> str:
    return str(Path(name).absolute()) if Path(name).is_dir() and not is_plugin("embedder", name) else name


def new_identity(tools: StoreTools, specs: Sequence[str], metric: Metric, granularity: str) -> Identity:
    """Return the identity of a knowledge base to be made.

    Raises
    ------
    InvalidInput
        An index, chunker, metric, analyser or granularity that does not exist.
    """
    from ..chunking import name_of

    if metric not in indexes.METRICS:
        raise InvalidInput(f"metric={metric!r}: give one of {', '.join(indexes.METRICS)}")
    specs = checked_specs(specs)
    analyser = tools.analyser.name
    embedder = tools.embedder
    chosen = _automatic(embedder) if granularity == AUTO else checked_granularity(granularity)
    if is_late(chosen) and not isinstance(embedder, PartEmbedder):
        text = f"granularity {chosen} needs a model's token states, and embedder {embedder.name!r} gives none"
        raise InvalidInput(f"{text}; take chunk+sentence")
    given = tools._given
    return Identity(
        store=uuid.uuid4().hex,
        embedder=embedder.name,
        revision=embedder.revision,
        dim=embedder.dim,
        metric=metric,
        chunker=name_of(tools._chunker_given, tools.chunker),
        analyser=analyser,
        indexes=specs,
        probe=np.ascontiguousarray(embedding.fingerprint(embedder), np.float32).tobytes(),
        reference=_reference(given) if isinstance(given, str) else embedder.name,
        granularity=chosen,
    )


def _automatic(embedder: Embedder) -> Granularity:
    """Return the granularity that costs next to nothing with an embedder and finds most."""
    if not isinstance(embedder, PartEmbedder):
        return "chunk"
    try:
        embedder.embed_parts(["a word"], [[(0, 1)]])
    except EmbedderError:  # a model without a tokenizer of its own
        return "chunk"
    return "chunk+late"


def checked_specs(specs: Sequence[str] | str) -> tuple[str, ...]:
    """Return index specs, each known and none twice."""
    if isinstance(specs, str) or not specs:
        raise InvalidInput(f"indexes={specs!r}: give a list of specs, such as ['flat', 'bm25']")
    try:
        for spec in specs:
            indexes.parse(spec)
    except indexes.InvalidInput as error:
        there = "; pg_textsearch is for knowledge bases in PostgreSQL" if "=pg_textsearch" in spec else ""
        raise InvalidInput(f"{error}{there}") from error
    if len(set(specs)) != len(specs):
        raise InvalidInput(f"indexes={list(specs)}: one of them occurs twice")
    return tuple(specs)


def canonical(specs: Sequence[str]) -> set[str]:
    """Return specs as they are canonically written, each checked."""
    return {str(indexes.parse(spec)) for spec in checked_specs(specs)}
