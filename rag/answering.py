"""One question of a bot: search, generate, check, and quote where the generator fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import wait
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from . import telemetry
from .answers import UNKNOWN, Answer
from .background import Cancellation, in_background
from .deadlines import Deadline
from .documents.document import Passage, Query
from .errors import (
    DeadlinePassed,
    ExtraMissing,
    InvalidInput,
    LLMTimeout,
    LLMUnsupported,
    ModelDamaged,
    ModelMissing,
    OutOfTime,
)
from .extractive.generator import ExtractiveGenerator
from .generation.fallback import quoted_after_failure, quoted_if_nothing_is_supported
from .generation.stored_calibrations import StoredCalibrations
from .llm.language_model import Message
from .llm.spending import total
from .retrieval.config import PipelineConfig
from .retrieval.retriever import Retrieval, Retriever

if TYPE_CHECKING:
    from pydantic import BaseModel

    from .filters import Filter
    from .generation import generators
    from .generation.chat import ChatGenerator

_USERS_OWN = (InvalidInput, ExtraMissing, LLMUnsupported, ModelMissing, ModelDamaged)
"""Errors that asking again, or quoting instead, would only hide."""
_RESERVE_S = 0.5
_RESERVE = 0.2
"""Seconds, and share of those left, that a generator leaves for the quotes in its place: the smaller one holds."""
_GRACE_S = 0.2
"""Seconds that quotes get at least, even when the deadline has passed; then they are chosen by words alone."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One question with its options, its deadline, and the handle that cancels it."""

    question: str
    k: int | None
    where: str | Filter | None
    history: Sequence[Message]
    until: Deadline
    cancel: Cancellation


@dataclass(frozen=True, slots=True)
class Answering:
    """The parts of a bot that answer, and how they take turns.

    Attributes
    ----------
    extractive
        Quotes by meaning; by ``by_words`` alone where its embedder does not answer in time.
    """

    retriever: Retriever
    config: PipelineConfig
    generator: generators.Generator
    extractive: ExtractiveGenerator
    by_words: ExtractiveGenerator
    calibrations: StoredCalibrations

    def extracted(self, request: Asked, schema: type[BaseModel] | Mapping[str, Any], *, quoting: bool) -> Answer:
        """Answer with a value of a schema; quotes take its place, or the model's error is raised."""
        start = time.perf_counter()
        with telemetry.span(**telemetry.ROOT) as root:
            chat = self._chat()
            found = self._search(root, request)
            read = time.perf_counter()
            quotes = self._begun(request, found) if quoting else None
            try:
                with root.child(**telemetry.chat(chat)) as own:
                    answer = chat.extract(
                        request.question,
                        found.passages,
                        schema,
                        history=request.history,
                        deadline=_left(request.until, chat.name),
                        cancel=request.cancel,
                    )
                    telemetry.used(own, answer)
            except _USERS_OWN:
                raise
            except Exception as error:  # whatever a model raises, quotes remain
                if quotes is None:
                    raise
                answer = quoted_after_failure(quotes, error, time.perf_counter() - read)
            return self._finished(answer, request, root, found, start, read)

    def pieces(self, request: Asked) -> Generator[str, None, Answer]:
        """Yield the checked pieces of an answer and return the whole."""
        start = time.perf_counter()
        with telemetry.span(**telemetry.ROOT) as root:
            found = self._search(root, request)
            read = time.perf_counter()
            shown = False
            quotes = self._begun(request, found)
            pieces = self._generated(root, request, found, quotes)
            try:
                while True:
                    piece = next(pieces)
                    shown = True
                    yield piece
            except StopIteration as end:
                answer: Answer = end.value
            except _USERS_OWN:
                raise
            except Exception as error:  # whatever a model raises, quotes remain
                if self.generator is self.extractive:
                    raise
                answer = quoted_after_failure(quotes, error, time.perf_counter() - read)
            finally:
                pieces.close()
            answer = self.calibrations.judged(answer, self.config.threshold)
            if not shown:
                yield answer.text
            return self._finished(answer, request, root, found, start, read)

    def _generated(
        self, root: telemetry.Span, request: Asked, found: Retrieval, quotes: Callable[[], Answer]
    ) -> Generator[str, None, Answer]:
        from .generation.chat import ChatGenerator

        if self.generator is self.extractive:
            return quotes()
        if not isinstance(self.generator, ChatGenerator):
            generate = partial(self.generator.generate, request.question, found.passages)
            try:
                return self._rechecked(_generating(request.until).run(generate), found.passages)
            except OutOfTime:
                raise DeadlinePassed(f"{request.until} passed before an answer was there; give more seconds") from None
        chat = self.generator
        with root.child(**telemetry.chat(chat)) as own:
            left = _left(request.until, chat.name)
            with chat.stream(request.question, found.passages, history=request.history, deadline=left) as stream:
                request.cancel.watch(stream.cancel)
                yield from stream
            answer = stream.answer
            telemetry.used(own, answer)
        return quoted_if_nothing_is_supported(answer, quotes)

    def _begun(self, request: Asked, found: Retrieval) -> Callable[[], Answer]:
        """Return what gives the quotes: by meaning, or by words alone where the embedder does not answer in time.

        Where a deadline holds they are made at once, beside the model: once it has failed, no time may be left.
        """
        # The extractive generator quotes for the question as it was searched for: spelt right, and standing alone.
        question = found.question if self.generator is self.extractive else request.question
        work = partial(self.extractive.generate, question, found.passages)
        until = request.until
        if until.remaining is None:
            return work
        made = in_background(work, shares_place=False)  # an answer that needs no quotes does not wait for them

        def quotes() -> Answer:
            if wait([made], max(until.left, _GRACE_S)).done:
                return made.result()
            answer = self.by_words.generate(question, found.passages)
            return replace(answer, degraded=True, reason=f"{until} passed; quotes were chosen by their words")

        return quotes

    def _rechecked(self, answer: Answer, passages: Sequence[Passage]) -> Answer:
        from .grounding.verification import rechecked

        return rechecked(replace(answer, generator=answer.generator or type(self.generator).__name__), passages)

    def _search(self, root: telemetry.Span, request: Asked) -> Retrieval:
        asked = tuple(turn.content for turn in request.history if turn.role == "user")
        answers = [turn.content for turn in request.history if turn.role == "assistant" and turn.content != UNKNOWN]
        query = Query(request.question, asked, answer=answers[-1] if answers else "") if asked else request.question
        k = self.config.k if request.k is None else request.k
        with telemetry.searching(self.retriever.kb.name, k, parent=root) as own:
            search = partial(self.retriever.search, query, k, where=request.where, deadline=request.until)
            try:
                found = request.until.run(search)
            except OutOfTime:
                raise DeadlinePassed(f"{request.until} passed before passages were found; give more seconds") from None
            own.set(rag__passages=len(found.passages))
            return found

    def _chat(self) -> ChatGenerator:
        from .generation.chat import ChatGenerator

        if not isinstance(self.generator, ChatGenerator):
            raise InvalidInput(
                "a schema needs a language model: give --generator openai:MODEL, or Bot(kb, 'openai:MODEL')"
            )
        return self.generator

    def _finished(  # noqa: PLR0917 - two callers
        self,
        answer: Answer,
        request: Asked,
        root: telemetry.Span,
        found: Retrieval,
        start: float,
        read: float,
    ) -> Answer:
        """Return an answer with what retrieval adds to it: usage, timings, notes, and the digest of the value."""
        if found.spent:
            answer = replace(answer, usage=total(found.spent, getattr(self.generator, "prices", {})) + answer.usage)
        if found.notes:
            answer = replace(answer, degraded=True, reason="; ".join(filter(None, (answer.reason, *found.notes))))
        end = time.perf_counter()
        root.set(
            rag__abstained=answer.abstained,
            rag__degraded=answer.degraded,
            rag__support=answer.support,
            rag__pipeline=self.config.digest,
        )
        return replace(
            answer,
            question=request.question,
            searched=found.question,
            timings={**found.timings, "generate": end - read, "total": end - start},
            trace_id=root.trace_id,
            pipeline=self.config.digest,
            notes=self.calibrations.notes,
        )


def _generating(until: Deadline) -> Deadline:
    """Return the generator's deadline: it leaves time for the quotes that replace it when it fails."""
    return until.share(1.0, until.left - min(_RESERVE_S, _RESERVE * until.left)) if until.remaining else until


def _left(until: Deadline, name: str) -> float | None:
    if until.passed:
        raise LLMTimeout(f"{until} passed before {name} was asked; give more seconds")
    return _generating(until).remaining
