"""A question-answering bot: a retriever and a generator behind one call."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar, Unpack, overload

from . import telemetry
from .answers import Answer
from .background import Cancellation
from .deadlines import Deadline, within
from .documents import Passage, Query, as_query
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
from .generation.answer_stream import AnswerStream
from .generation.fallback import quoted_after_failure, quoted_if_nothing_is_supported
from .generation.generators import EXTRACTIVE
from .generation.generators import generator as generator_for
from .llm.language_model import Message
from .llm.spending import total
from .llm.streaming import in_thread, pieces_of

if TYPE_CHECKING:
    from pydantic import BaseModel

    from .generation import generators as protocol
    from .generation.calibration import Calibration
    from .generation.chat import ChatGenerator
    from .retrieval.hybrid import Retrieval
    from .searching import Searcher

    Model = TypeVar("Model", bound=BaseModel)

Result = TypeVar("Result")

_USERS_OWN = (InvalidInput, ExtraMissing, LLMUnsupported, ModelMissing, ModelDamaged)
"""Errors that asking again, or quoting instead, would only hide."""
_GRACE = 0.7
"""Seconds for the quotes that stand in for a generator that took all the time there was."""


class Asking(TypedDict, total=False):
    """What can be said with a question; see `Bot.ask`."""

    k: int | None
    where: str | None
    history: Sequence[Message]
    deadline: float | None


class Bot:
    """Answers questions from what a retriever finds.

    Parameters
    ----------
    retriever
        Where passages come from; its knowledge base is the one that ``indexes`` benchmarks measure.
    generator
        What turns a question and passages into an `Answer`: ``"extractive"`` (default), which quotes and needs no model
        beyond the embedder at hand; a language model's spec such as ``"openai:MODEL"``; a `LanguageModel`; any function
        from a prompt to a text or to the pieces of one; or a `Generator`. Whoever writes it, every citation is checked.
    deadline
        Seconds that a question may take in all, retrieval included; None: no limit.
    threshold
        Support, 0 to 1, under which an answer is withheld; default: what ``rag calibrate`` stored with the knowledge
        base, and where it stored nothing the extractive generator's own, and none for language models.
    calibrated
        Whether a stored calibration is used.
    **options
        Of `rag.generation.chat.ChatGenerator`: ``sampling``, ``unsupported``, ``examples``, ``history_tokens``,
        ``entailment``, ``cache``, ``prices``.

    Raises
    ------
    InvalidInput
        The generator is none of these, or an option cannot be meant.
    ExtraMissing
        A language model's library is not installed; says the install line.

    Examples
    --------
    >>> from rag.testing import ScriptedGenerator
    >>> bot = Bot(retriever, ScriptedGenerator(["Green tea is steeped at 80 degrees [1]."]))     # doctest: +SKIP
    >>> bot.ask("How hot is green tea?").text                                                    # doctest: +SKIP
    'Green tea is steeped at 80 degrees. [1]'
    """

    def __init__(
        self,
        retriever: Searcher,
        generator: object = None,
        *,
        deadline: float | None = None,
        threshold: float | None = None,
        calibrated: bool = True,
        **options: Any,  # noqa: ANN401 - see ChatGenerator
    ) -> None:
        if threshold is not None and not 0 <= threshold <= 1:
            raise InvalidInput(f"threshold={threshold!r}: give a probability from 0 to 1")
        if deadline is not None and not deadline > 0:
            raise InvalidInput(f"deadline={deadline!r}: give a positive number of seconds, or None for no limit")
        if not hasattr(retriever, "search"):
            raise InvalidInput(f"a bot asks a retriever, not a {type(retriever).__name__}: Bot(Retriever(kb))")
        self.retriever = retriever
        self.deadline = deadline
        kb = retriever.kb
        self.generator: protocol.Generator = generator_for(generator, kb.embedder, kb.analyser, **options)
        self._calibrations: dict[str, Calibration] = {}
        if calibrated:
            self._load(getattr(self.generator, "name", EXTRACTIVE), EXTRACTIVE)
        # Where a calibration judges, the generator's own threshold must not judge before it.
        own = 0.0 if EXTRACTIVE in self._calibrations else threshold
        self._extractive = ExtractiveGenerator(kb.embedder, kb.analyser, threshold=own)
        self.threshold = threshold
        if isinstance(self.generator, ExtractiveGenerator) and generator in (None, EXTRACTIVE):
            self.generator = self._extractive

    @overload
    def ask(self, question: str, *, schema: None = ..., **options: Unpack[Asking]) -> Answer: ...
    @overload
    def ask(self, question: str, *, schema: type[Model], **options: Unpack[Asking]) -> Model: ...
    def ask(
        self,
        question: str,
        *,
        k: int | None = None,
        where: str | None = None,
        history: Sequence[Message] = (),
        deadline: float | None = None,
        schema: type[Model] | None = None,
    ) -> Answer | Model:
        """Answer one question.

        Parameters
        ----------
        question
            In plain words.
        k
            Passages to read; default: the retriever's own.
        where
            Filter over documents, as in `rag.filters`.
        history
            Earlier turns for a language model, oldest first; of earlier answers give ``supported_text``, so that no
            turn builds on what the documents do not say.
        deadline
            Seconds in all; default: the bot's own. When they are up while the generator works, quotes stand in for it.
        schema
            A pydantic model: the answer comes as an object of it. `extract` gives the evidence with it.

        Returns
        -------
        Answer
            With citations whose quotes are verbatim; ``abstained`` when nothing retrieved supports an answer;
            ``degraded`` when the generator failed and the extractive one answered.

        Raises
        ------
        InvalidInput
            If the question is empty.
        InvalidFilter
            If ``where`` does not parse.
        DeadlinePassed
            Time was up before passages were found.
        RagError
            With a ``schema``, what the model raises: quotes cannot stand in for an object.
        """
        if schema is not None:
            return self._value(Cancellation(), question, schema, k=k, where=where, history=history, deadline=deadline)  # type: ignore[no-any-return]
        return self.ask_stream(question, k=k, where=where, history=history, deadline=deadline).read()

    def ask_stream(
        self,
        question: str,
        *,
        k: int | None = None,
        where: str | None = None,
        history: Sequence[Message] = (),
        deadline: float | None = None,
    ) -> AnswerStream:
        """Answer piece by piece, each a sentence that has been checked; ``answer`` of the stream is the whole.

        Parameters and errors are those of `ask`; nothing is searched before the first piece is asked for.
        """
        as_query(question)
        cancel = Cancellation()
        return AnswerStream(self._pieces(question, k, where, history, self._until(deadline), cancel), cancel)

    def extract(
        self,
        question: str,
        schema: type[BaseModel] | Mapping[str, Any],
        *,
        k: int | None = None,
        where: str | None = None,
        history: Sequence[Message] = (),
        deadline: float | None = None,
    ) -> Answer:
        """Answer with a value of a schema: ``Answer.data`` is it, ``Answer.sentences`` what supports each part of it.

        Parameters
        ----------
        schema
            A pydantic model, or a JSON schema: ``data`` is then an object of the model, or what ``json.loads`` gives.
        question, k, where, history, deadline
            As in `ask`.

        Returns
        -------
        Answer
            Where the model failed, or no text of it fits the schema: quotes, ``degraded`` with the reason, and no
            ``data``.

        Raises
        ------
        InvalidInput
            The generator is no language model, or the schema is none.
        DeadlinePassed
            Time was up before passages were found.
        """
        until, cancel = self._until(deadline), Cancellation()
        return self._extracted(question, schema, k, where, history, until, cancel, quoting=True)

    @overload
    async def aask(self, question: str, *, schema: None = ..., **options: Unpack[Asking]) -> Answer: ...
    @overload
    async def aask(self, question: str, *, schema: type[Model], **options: Unpack[Asking]) -> Model: ...
    async def aask(self, question: str, **options: Any) -> Any:
        """Do as `ask` does, with its parameters, without blocking the event loop; who stops waiting stops the model."""
        schema = options.pop("schema", None)
        if schema is not None:
            cancel = Cancellation()
            return await in_thread(partial(self._value, cancel, question, schema, **options), cancel)
        stream = self.ask_stream(question, **options)
        return await in_thread(stream.read, stream.cancel)

    def aask_stream(self, question: str, **options: Unpack[Asking]) -> AsyncGenerator[str | Answer, None]:
        """Yield the pieces as `ask_stream` does, without blocking the event loop; the `Answer` comes last."""
        return pieces_of(self.ask_stream(question, **options))

    # ---- machinery --------------------------------------------------------------------------------------------

    def _value(
        self,
        cancel: Cancellation,
        question: str,
        schema: type[BaseModel],
        *,
        k: int | None = None,
        where: str | None = None,
        history: Sequence[Message] = (),
        deadline: float | None = None,
    ) -> Any:  # noqa: ANN401 - an object of the schema
        until = self._until(deadline)
        return self._extracted(question, schema, k, where, history, until, cancel, quoting=False).data

    def _extracted(  # noqa: PLR0917 - two callers, above
        self,
        question: str,
        schema: type[BaseModel] | Mapping[str, Any],
        k: int | None,
        where: str | None,
        history: Sequence[Message],
        until: Deadline,
        cancel: Cancellation,
        *,
        quoting: bool,
    ) -> Answer:
        as_query(question)
        start = time.perf_counter()
        with telemetry.span(**telemetry.ROOT) as root:
            chat = self._chat()
            found = self._search(root, question, k, where, history, until)
            read = time.perf_counter()
            try:
                with root.child(**telemetry.chat(chat)) as own:
                    left = _left(until, chat.name)
                    answer = chat.extract(
                        question, found.passages, schema, history=history, deadline=left, cancel=cancel
                    )
                    telemetry.used(own, answer)
            except _USERS_OWN:
                raise
            except Exception as error:  # whatever a model raises, quotes remain
                if not quoting:
                    raise
                quotes = partial(self._quotes, question, found.passages, until)
                answer = quoted_after_failure(quotes, error, time.perf_counter() - read)
            return _timed(self._paid(replace(answer, question=question), found), root, found, start, read)

    def _pieces(  # noqa: PLR0917 - one caller
        self,
        question: str,
        k: int | None,
        where: str | None,
        history: Sequence[Message],
        until: Deadline,
        cancel: Cancellation,
    ) -> Generator[str, None, Answer]:
        start = time.perf_counter()
        with telemetry.span(**telemetry.ROOT) as root:
            found = self._search(root, question, k, where, history, until)
            read = time.perf_counter()
            # Quotes are chosen for the question as it was searched for: spelt right, and standing alone.
            asked = found.question if self.generator is self._extractive else question
            shown = False
            pieces = self._generated(root, asked, found.passages, history, until, cancel)
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
                if self.generator is self._extractive:
                    raise
                quotes = partial(self._quotes, question, found.passages, until)
                answer = quoted_after_failure(quotes, error, time.perf_counter() - read)
            finally:
                pieces.close()
            answer = self._judged(answer)
            if not shown:
                yield answer.text
            return _timed(self._paid(replace(answer, question=question), found), root, found, start, read)

    def _generated(  # noqa: PLR0917 - one caller
        self,
        root: telemetry.Span,
        question: str,
        passages: Sequence[Passage],
        history: Sequence[Message],
        until: Deadline,
        cancel: Cancellation,
    ) -> Generator[str, None, Answer]:
        from .generation.chat import ChatGenerator

        if self.generator is self._extractive:
            return self._quotes(question, passages, until)
        if not isinstance(self.generator, ChatGenerator):
            return self._rechecked(_in_time(until, partial(self.generator.generate, question, passages)), passages)
        chat = self.generator
        with root.child(**telemetry.chat(chat)) as own:
            left = _left(until, chat.name)
            with chat.stream(question, passages, history=history, deadline=left) as stream:
                cancel.watch(stream.cancel)
                yield from stream
            answer = stream.answer
            telemetry.used(own, answer)
        return quoted_if_nothing_is_supported(answer, partial(self._quotes, question, passages, until))

    def _quotes(self, question: str, passages: Sequence[Passage], until: Deadline) -> Answer:
        return _in_time(until, partial(self._extractive.generate, question, passages), least=_GRACE)

    def _load(self, *generators: str) -> None:
        for name in generators:
            stored = self.retriever.kb.setting(f"calibration:{name}")
            if stored is not None:
                from .generation.calibration import Calibration

                self._calibrations[name] = Calibration.from_json(stored)

    def _judged(self, answer: Answer) -> Answer:
        """Return an answer with its calibrated support; withheld where that is below the threshold."""
        calibration = self._calibrations.get(answer.generator)
        if answer.abstained:
            return answer
        threshold = self.threshold
        if calibration is not None:
            answer = replace(answer, support=calibration.judge(answer))
            threshold = calibration.threshold if threshold is None else threshold
        if threshold is None or answer.support >= threshold:
            return answer
        from .grounding.verification import withheld

        return withheld(answer, f"its support is {answer.support:.2f}, below the threshold {threshold:.2f}")

    def _rechecked(self, answer: Answer, passages: Sequence[Passage]) -> Answer:
        from .grounding.verification import rechecked

        return rechecked(replace(answer, generator=answer.generator or type(self.generator).__name__), passages)

    def _search(  # noqa: PLR0917 - one caller each way
        self,
        root: telemetry.Span,
        question: str,
        k: int | None,
        where: str | None,
        history: Sequence[Message],
        until: Deadline,
    ) -> Retrieval:
        asked = tuple(turn.content for turn in history if turn.role == "user")
        query = Query(question, asked) if asked else question
        name = self.retriever.kb.path.name
        with root.child(**telemetry.retrieval(name, k if k is not None else self.retriever.k)) as own:
            found = _in_time(until, partial(self.retriever.search, query, k, where=where))
            own.set(rag__passages=len(found.passages))
            return found

    def _paid(self, answer: Answer, found: Retrieval) -> Answer:
        """Return an answer whose usage counts what rewriting and reranking cost too."""
        if not found.spent:
            return answer
        return replace(answer, usage=total(found.spent, getattr(self.generator, "prices", {})) + answer.usage)

    def _chat(self) -> ChatGenerator:
        from .generation.chat import ChatGenerator

        if not isinstance(self.generator, ChatGenerator):
            raise InvalidInput(
                "a schema needs a language model: give --generator openai:MODEL, or Bot(retriever, 'openai:MODEL')"
            )
        return self.generator

    def _until(self, deadline: float | None) -> Deadline:
        return Deadline.after(self.deadline if deadline is None else deadline)


def _in_time(until: Deadline, work: Callable[[], Result], *, least: float = 0.0) -> Result:
    """Return what work returns that may not heed a deadline; it gets ``least`` seconds where fewer are left."""
    if until.seconds == float("inf"):
        return work()
    try:
        return within(max(until.left, least), work)
    except OutOfTime:
        raise DeadlinePassed(f"{until} passed before an answer was there; give more seconds") from None


def _left(until: Deadline, name: str) -> float | None:
    if until.passed:
        raise LLMTimeout(f"{until} passed before {name} was asked; give more seconds")
    return None if until.seconds == float("inf") else until.left


def _timed(answer: Answer, root: telemetry.Span, found: Retrieval, start: float, read: float) -> Answer:
    end = time.perf_counter()
    timings = {**found.timings, "generate": end - read, "total": end - start}
    if found.notes:
        answer = replace(answer, degraded=True, reason="; ".join(filter(None, (answer.reason, *found.notes))))
    root.set(rag__abstained=answer.abstained, rag__degraded=answer.degraded, rag__support=answer.support)
    return replace(answer, timings=timings, trace_id=root.trace_id, searched=found.question)
