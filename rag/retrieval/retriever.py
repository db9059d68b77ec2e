"""The retriever: rewrite, search, rerank and shape, in that order; every stage is optional and fails open."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol, cast

from .. import components
from ..blas_threads import one_search
from ..components import OBJECT
from ..context.registry import BUILDERS
from ..context.stage import Built, Context
from ..deadlines import Deadline
from ..documents.document import Passage, Query, as_query
from ..errors import DeadlinePassed, InvalidInput, OutOfTime
from ..llm.language_model import Usage
from ..llm.spending import metered
from ..reranking.registry import RERANKERS
from ..reranking.stage import Reranked, Reranking
from ..rewriting.corpus import Corpus
from ..rewriting.registry import REWRITERS
from ..rewriting.stage import Rewriting, Rewritten
from ..stages import Tools, tried
from .config import ALONE, PipelineConfig
from .explanation import Explanation, explanation
from .fusion import FUSIONS, Fusion, ZScore
from .hybrid import HybridSearch, TermSearch, VectorSearch
from .results import SearchResult, joined
from .several import KnowledgeBases

if TYPE_CHECKING:
    from ..filters import Filter
    from ..knowledge_base import KnowledgeBase
    from ..llm.language_model import LanguageModel
    from ..llm.parsed_completion import CompletionStore

DEEPER = 3
"""Passages taken of each query, times what is asked for, where the results of several are joined."""
_SEEN = 10
"""Passages that a second look sees, at least."""
_STAGE_S = 10.0
"""Seconds that each stage around the search may take where a question has no deadline."""
_REWRITING, _REFINING = 0.25, 0.3
"""Shares of the seconds left that each look of the rewriters, and each stage behind the first search, may take."""
MEMORIES = 2
"""Passages of a memory behind those of the documents."""

_PARTS = ("rewrite", "fusion", "rerank", "context")


class ConversationMemory(Protocol):
    """A memory of earlier conversations; `rag.memory.Memory` is one."""

    def turns(self) -> Sequence[Any]:
        """Return the turns of the conversation so far, oldest first, each with its ``question``."""
        ...

    def recall(self, question: str, k: int) -> list[Passage]:
        """Return passages of what the user said before, best first."""
        ...


@dataclass(frozen=True, slots=True)
class Retrieval:
    """Passages, best first, and how the stages fared.

    Attributes
    ----------
    question
        As it was searched for, after rewriting.
    timings
        Seconds of each stage: ``rewrite``, ``embed``, ``search``, ``fuse``, ``fetch``, ``rerank``, ``context``; of a
        batch, each question's even share.
    notes
        What failed and was left out, in words.
    spent
        Name and usage of each call of a language model that rewrote or reranked.
    explanation
        How the passages were found, where that was asked for.
    """

    question: str
    passages: list[Passage]
    timings: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    spent: tuple[tuple[str, Usage], ...] = ()
    explanation: Explanation | None = None


@dataclass(slots=True)
class _Run:
    """One question with the results of its stages so far."""

    query: Query
    until: Deadline
    rewritten: Rewritten = field(default_factory=lambda: Rewritten((), ()))
    results: list[tuple[float, SearchResult]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    spent: list[tuple[str, Usage]] = field(default_factory=list)
    rewriting_s: float = 0.0


class Retriever(AbstractContextManager["Retriever"]):
    """Finds the passages that fit a question, as a pipeline value says.

    Parameters
    ----------
    kb
        The open knowledge base, searched as of its current view; or several, in a list or by names, which are searched
        as one, see `rag.retrieval.several.KnowledgeBases`.
    config
        The pipeline value; None takes the one stored with the knowledge base.
    model
        Language model of rewriters and rerankers; None makes the one that the value names, if any, and `close` closes
        that one.
    completions
        Keeps language models' answers by content; None takes the file that the value names, if any.
    memory
        Of the user and conversation. A question without a history gets the memory's, and what the memory recalls goes
        behind the documents' passages with the type ``memory`` and the chunk -1. A memory that fails is left out.
    dense, terms
        Engines to search with in place of the knowledge base's own indexes.
    statistics
        Whether rewriters may read which words the documents hold, and scores are compared with those of all passages.
        A filter does not bound either: where readers have different rights, a word that spelling takes from a hidden
        document would tell of it, and so would scores that change with how near a question is to hidden passages.
    **choices
        Fields of the value to change: ``k=10``, ``rerank="mmr"``. ``rewrite``, ``fusion``, ``rerank`` and ``context``
        take objects too, alone or in a list with specs.

    Attributes
    ----------
    config
        The value that it was built from; every result of it can be told by ``config.digest``.

    Raises
    ------
    InvalidInput
        A value that is not allowed, a part that needs a language model where none is named, or no search is left.

    Notes
    -----
    Safe to share between threads. Equal scores are ordered by ascending chunk id, so results are the same every time.

    Examples
    --------
    >>> retriever = Retriever(kb, rerank="mmr", context="unique")  # doctest: +SKIP
    >>> retriever.retrieve("how do i delet a document")            # doctest: +SKIP
    """

    def __init__(
        self,
        kb: KnowledgeBase | Mapping[str, KnowledgeBase] | Sequence[KnowledgeBase],
        config: PipelineConfig | None = None,
        *,
        model: LanguageModel | None = None,
        completions: CompletionStore | None = None,
        memory: ConversationMemory | None = None,
        dense: VectorSearch | None = None,
        terms: TermSearch | None = None,
        statistics: bool = True,
        **choices: Any,  # noqa: ANN401 - each field has its own type
    ) -> None:
        joined_up = KnowledgeBases(kb) if isinstance(kb, Mapping | list | tuple) else kb
        kb = cast("KnowledgeBase", joined_up)
        if not hasattr(kb, "chunk_ids"):
            raise InvalidInput(
                f"a retriever searches an open knowledge base, not a {type(kb).__name__}: "
                "Retriever(KnowledgeBase.open(folder))"
            )
        self.kb: KnowledgeBase = kb
        self.memory = memory
        objects = {name: choices[name] for name in _PARTS if not isinstance(choices.get(name, ""), str)}
        texts = {**choices, **{name: components.named(part) for name, part in objects.items()}}
        self.config = (PipelineConfig.of(kb) if config is None else config).with_(**texts)
        given = {name: objects.get(name, getattr(self.config, name)) for name in _PARTS}
        for name, part in given.items():
            if isinstance(part, str) and OBJECT in part:
                raise InvalidInput(f"{name} = {part!r} is a Python object: hand it in, as Retriever(kb, {name}=...)")
        with ExitStack() as own:  # a language model that was made is closed if the rest fails
            self._own = own
            self.tools = Tools(kb, model or self._model(), completions or self._completions())
            self._make(given, dense, terms, statistics)
            self._own = own.pop_all()

    def _make(
        self, given: Mapping[str, Any], dense: VectorSearch | None, terms: TermSearch | None, statistics: bool
    ) -> None:
        """Make the stages."""
        kb, config, tools = self.kb, self.config, self.tools
        weight = config.dense_weight
        fusion: Fusion = (
            ZScore(dense_weight=weight)
            if config.fusion in ALONE
            else components.make("fusion", FUSIONS, given["fusion"], tools, dense_weight=weight)
        )
        self._hybrid = HybridSearch(
            kb,
            fusion=fusion,
            depth=config.depth,
            where=config.where,
            max_per_source=config.max_per_source,
            dedupe=config.dedupe,
            families=(config.fusion,) if config.fusion in ALONE else ("dense", "terms"),
            dense=dense,
            terms=terms,
            statistics=statistics,
        )
        self._rewriting = Rewriting(components.chain("rewriter", REWRITERS, given["rewrite"], tools))
        rerankers = components.chain("reranker", RERANKERS, given["rerank"], tools)
        self._reranking = Reranking(rerankers, top_k_in=config.rerank_in)
        self._context = Context(components.chain("context step", BUILDERS, given["context"], tools))
        self._corpus = Corpus(
            kb,
            lambda query, k: self._hybrid.search([query], k)[0].passages,
            statistics=statistics,
            dense=self._hybrid.dense,
        )

    @property
    def model(self) -> LanguageModel | None:
        """The language model of rewriters and rerankers."""
        return self.tools.model

    def close(self) -> None:
        """Close the language model, if this retriever made it; may be called twice."""
        self._own.close()

    def __exit__(self, *_: object) -> None:
        self.close()

    # ---- asking -------------------------------------------------------------------------------------------------

    def retrieve(
        self, question: str | Query, k: int | None = None, *, where: str | Filter | None = None
    ) -> list[Passage]:
        """Return the passages that fit a question, best first; see `search`."""
        return self.search(question, k, where=where).passages

    def search(
        self,
        question: str | Query,
        k: int | None = None,
        *,
        where: str | Filter | None = None,
        deadline: Deadline | None = None,
    ) -> Retrieval:
        """Return the passages that fit a question, with timings and notes.

        Parameters
        ----------
        question
            In plain words; of any length, the embedder reads its beginning.
        k
            Passages to return; the value's own where None.
        where
            Filter over documents, besides the value's own.
        deadline
            Of this question; what the value says where None.

        Returns
        -------
        Retrieval
            At most ``k`` passages; fewer when there are no more. Scores are comparable within one result only.

        Raises
        ------
        InvalidInput
            The question is empty, or ``k`` is below 1.
        InvalidFilter
            ``where`` does not parse.
        DeadlinePassed
            Time was up before passages were found.
        """
        return self.search_many([question], k, where=where, deadline=deadline)[0]

    def search_many(
        self,
        questions: Sequence[str | Query],
        k: int | None = None,
        *,
        where: str | Filter | None = None,
        deadline: Deadline | None = None,
        repeats: bool = False,
        explain: bool = False,
    ) -> list[Retrieval]:
        """Return what `search` does for each question, embedding and searching in batches.

        Parameters
        ----------
        deadline
            Of all questions together.
        repeats
            Keep passages that repeat a better one, also where the value leaves them out: a measurement that judges
            near-identical documents apart needs every one of them.
        explain
            Record how the passages were found, in ``Retrieval.explanation``.
        """
        wanted = self.config.k if k is None else _at_least_one(k)
        queries = [as_query(question) for question in questions]
        if deadline is None:
            seconds = self.config.deadline
            deadline = Deadline.after(None if seconds is None else seconds * max(1, len(queries)))
        with one_search(), self.kb.view():
            runs = [_Run(query, deadline) for query in self._remembered(queries, deadline)]
            for left, run in enumerate(runs):
                self._rewrite(run, share=_REWRITING / (len(runs) - left))
            deep = max(self.config.rerank_in, wanted) if self._reranking.rerankers else wanted

            def search(queries: Sequence[Query], depth: int) -> list[SearchResult]:
                return self._hybrid.search(queries, depth, where=where, repeats=repeats, trace=explain)

            try:
                deadline.run(lambda: self._search(runs, deep, search))
            except OutOfTime:
                raise DeadlinePassed(f"{deadline} passed before passages were found; give more seconds") from None
            if self._may_look_again:
                for left, run in enumerate(runs):
                    self._look_again(run, deep, search, len(runs) - left)
            return [self._refined(run, wanted, deep, len(runs) - left, explain) for left, run in enumerate(runs)]

    def explain(self, question: str | Query, k: int | None = None, *, where: str | Filter | None = None) -> Explanation:
        """Return how a question came to its passages: what the stages of one `search` recorded."""
        found = self.search_many([question], k, where=where, explain=True)[0].explanation
        assert found is not None  # noqa: S101 - asked for; tells mypy
        return found

    # ---- stages -------------------------------------------------------------------------------------------------

    def _remembered(self, queries: list[Query], until: Deadline) -> list[Query]:
        """Give the memory's history to queries that bring none."""
        if self.memory is None or all(query.history for query in queries):
            return queries
        turns = tried("the memory's turns", self.memory.turns, until.share(_REWRITING, _STAGE_S)).value or ()
        history = tuple(turn.question for turn in turns)  # where they fail, recalling fails too, and tells
        last = next((turn.answer for turn in reversed(turns) if turn.answer), "")
        return [query if query.history else replace(query, history=history, answer=last) for query in queries]

    def _rewrite(self, run: _Run, share: float) -> None:
        start = time.perf_counter()
        with metered() as meter:
            run.rewritten = self._rewriting.run(run.query, self._corpus, run.until.share(share, _STAGE_S))
        run.spent += meter
        run.rewriting_s = time.perf_counter() - start

    def _search(
        self, runs: Sequence[_Run], k: int, search: Callable[[Sequence[Query], int], list[SearchResult]]
    ) -> None:
        """Search for the queries of all questions together."""
        plain = [run for run in runs if len(run.rewritten.queries) == 1]
        several = [run for run in runs if len(run.rewritten.queries) > 1]
        depth = max(DEEPER * k, _SEEN) if self._may_look_again else k
        alone = iter(search([run.rewritten.queries[0][0] for run in plain], depth) if plain else ())
        many = [query for run in several for query, _ in run.rewritten.queries]
        more = iter(search(many, DEEPER * k) if many else ())
        for run in runs:
            found = alone if len(run.rewritten.queries) == 1 else more
            run.results = [(weight, next(found)) for _, weight in run.rewritten.queries]

    @property
    def _may_look_again(self) -> bool:
        """Whether a second look is configured, and scores have the scale that it judges by."""
        both = self._hybrid.dense and self._hybrid.terms
        return both and type(self._hybrid.fusion) is ZScore and self._rewriting.has_second_look

    def _look_again(
        self, run: _Run, k: int, search: Callable[[Sequence[Query], int], list[SearchResult]], left: int
    ) -> None:
        """Let rewriters see the plain result, and search for what they add; the first look has used their time too."""
        if len(run.results) > 1:
            return
        start = time.perf_counter()
        until = run.until.share(_REWRITING / left, max(0.0, _STAGE_S - run.rewriting_s))
        with metered() as meter:
            run.rewritten = self._rewriting.after(run.rewritten, run.results[0][1].passages, self._corpus, until)
        run.spent += meter
        run.rewriting_s += time.perf_counter() - start
        added = run.rewritten.queries[1:]
        if added:
            queries, until = [query for query, _ in added], run.until.share(_REFINING / left)
            again = tried("the search in other words", lambda: search(queries, DEEPER * k), until)
            run.results += [(weight, one) for (_, weight), one in zip(added, again.value or (), strict=False)]
            run.notes += filter(None, (again.note,))

    def _refined(self, run: _Run, k: int, deep: int, left: int, explain: bool) -> Retrieval:
        """Join, rerank and shape what the searches found for one question, and put the memory's passages behind."""
        found = joined(run.results, deep)
        timings = {"rewrite": run.rewriting_s} if self._rewriting.rewriters else {}
        timings |= found.timings
        notes = [*run.rewritten.notes, *run.notes]
        text, passages = run.rewritten.text, found.passages
        reranked: Reranked | None = None
        built: Built | None = None
        if self._reranking.rerankers:
            start = time.perf_counter()
            with metered() as meter:
                reranked = self._reranking.run(text, passages, k, run.until.share(_REFINING / left, _STAGE_S))
            run.spent += meter
            passages = reranked.passages
            notes += reranked.notes
            timings["rerank"] = time.perf_counter() - start
        if self._context.builders:
            start = time.perf_counter()
            built = self._context.run(text, passages, run.until.share(_REFINING / left, _STAGE_S))
            passages = built.passages
            notes += built.notes
            timings["context"] = time.perf_counter() - start
        passages, forgotten = self._recalled(text, passages, run.until.share(_REFINING / left, _STAGE_S))
        said = (*notes, *forgotten)
        told = (
            explanation(
                passages,
                pipeline=self.config.digest,
                question=run.query.text,
                fusion=repr(self._hybrid.fusion),
                steps=run.rewritten.steps,
                results=run.results,
                ranked=found.passages,
                reranked=reranked,
                built=built,
                notes=said,
                timings=timings,
            )
            if explain
            else None
        )
        return Retrieval(text, passages, timings, said, tuple(run.spent), told)

    def _recalled(self, question: str, passages: list[Passage], until: Deadline) -> tuple[list[Passage], Sequence[str]]:
        """Put the memory's passages behind; their scores count among themselves only, so they keep their place."""
        memory = self.memory
        if memory is None:
            return passages, ()
        recalled = tried("the memory", lambda: memory.recall(question, MEMORIES), until)
        least = min((passage.score for passage in passages), default=0.0)
        behind = [
            replace(passage, rank=rank, score=least - rank, chunk=-1, scores={"memory": passage.score})
            for rank, passage in enumerate(recalled.value or (), len(passages) + 1)
        ]
        return [*passages, *behind], tuple(filter(None, (recalled.note,)))

    # ---- making -------------------------------------------------------------------------------------------------

    def _model(self) -> LanguageModel | None:
        spec = self.config.model or self.config.generator
        if not is_language_model(spec):
            return None
        made = self.config.language_model(spec)
        self._own.callback(made.close)
        return made

    def _completions(self) -> CompletionStore | None:
        if self.config.cache is None:
            return None
        from ..llm.cache import CompletionCache

        return CompletionCache(self.config.cache)


def is_language_model(spec: str) -> bool:
    """Whether a generator's spec names a language model by one of this package's back ends."""
    from ..llm.models import BACKENDS

    return spec.partition(":")[0].strip() in BACKENDS


def _at_least_one(k: int) -> int:
    if isinstance(k, bool) or not isinstance(k, int) or k < 1:
        raise InvalidInput(f"k must be a whole number, 1 or more, not {k!r}")
    return k
