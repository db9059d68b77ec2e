"""A question-answering bot: a retriever and a generator behind one call."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from concurrent.futures import wait
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypedDict, TypeVar, Unpack, overload

from . import components, telemetry
from .answers import Answer
from .background import Cancellation, Places, in_background
from .deadlines import Deadline
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
from .generation.generators import EXTRACTIVE, generator as generator_for
from .generation.stored_calibrations import StoredCalibrations
from .llm.language_model import LanguageModel, Message
from .llm.spending import total
from .llm.streaming import in_thread, pieces_of
from .retrieval.config import PipelineConfig, use_of
from .retrieval.retriever import ConversationMemory, Retrieval, Retriever, is_language_model

if TYPE_CHECKING:
    from pydantic import BaseModel

    from .generation import generators
    from .generation.chat import ChatGenerator
    from .knowledge_base import KnowledgeBase

    Model = TypeVar("Model", bound=BaseModel)

_USERS_OWN = (InvalidInput, ExtraMissing, LLMUnsupported, ModelMissing, ModelDamaged)
"""Errors that asking again, or quoting instead, would only hide."""
AT_ONCE = 64
"""Questions that are answered at a time without blocking, unless `Bot` is told another number."""
_RESERVE_S = 0.5
_RESERVE = 0.2
"""Seconds, and share of those left, that a generator leaves for the quotes in its place: the smaller one holds."""
_GRACE_S = 0.2
"""Seconds that quotes get at least, even when the deadline has passed; then they are chosen by words alone."""


class Asking(TypedDict, total=False):
    """Options of one question; see `Bot.ask`."""

    k: int | None
    where: str | None
    history: Sequence[Message]
    deadline: float | None


@dataclass(frozen=True, slots=True)
class _Request:
    """One question with its options, its deadline, and the handle that cancels it."""

    question: str
    k: int | None
    where: str | None
    history: Sequence[Message]
    until: Deadline
    cancel: Cancellation


class Bot(AbstractContextManager["Bot"]):
    """Answers questions from what a retriever finds, as a pipeline value says.

    Parameters
    ----------
    source
        An open knowledge base, several of them as a list or by names, or a `Retriever`.
    generator
        Writes the answer from a question and passages: ``"extractive"``, which quotes and needs no model besides the
        embedder; a language model's spec such as ``"openai:MODEL"``; a `LanguageModel`; any function from a prompt to a
        text or to the pieces of one; or a `Generator`. None takes what the value says. Citations are always checked.
    config
        The pipeline value, where ``source`` is a knowledge base; None takes the one stored with it.
    memory
        Of the user and conversation, see `Retriever`.
    calibrated
        Whether a stored calibration is used, if it was fitted under this value.
    at_once
        Questions that `aask` and `aask_stream` answer at a time, each in a thread; one more raises `Busy`.
    **options
        Fields of the value to change, such as ``k=10`` or ``deadline=5``; for language models also objects:
        ``sampling``, ``examples``, ``history_tokens``, ``entailment``, ``cache``, ``prices`` of
        `rag.generation.chat.ChatGenerator`.

    Attributes
    ----------
    config
        The value that answers are made by.
    notes
        What the user should know, such as a calibration that was fitted under another value.

    Raises
    ------
    InvalidInput
        The generator is none of these, or an option is not allowed.
    ExtraMissing
        A language model's library is not installed; the message has the install line.

    Examples
    --------
    >>> bot = Bot.open("kb")                                                            # doctest: +SKIP
    >>> print(bot.ask("How hot is green tea?"))                                         # doctest: +SKIP
    Green tea is steeped at 80 degrees. [1]
    """

    def __init__(
        self,
        source: KnowledgeBase | Mapping[str, KnowledgeBase] | Sequence[KnowledgeBase] | Retriever,
        generator: object = None,
        *,
        config: PipelineConfig | None = None,
        memory: ConversationMemory | None = None,
        calibrated: bool = True,
        at_once: int = AT_ONCE,
        **options: Any,  # noqa: ANN401 - each field has its own type
    ) -> None:
        if at_once < 1:
            raise InvalidInput(f"at_once={at_once}: give 1 or more")
        self._places = Places(at_once, "questions are being answered")
        self._own = ExitStack()
        self._calibrations = StoredCalibrations()
        self.notes: tuple[str, ...] = ()
        choices, objects = _sorted_out(options)
        if generator is not None:
            choices["generator"] = generator if isinstance(generator, str) else components.named([generator])
        try:
            if isinstance(source, Retriever):
                _refuse_retrieval(choices, {"config": config, "memory": memory})
                self.retriever = source
                self.config = source.config.with_(**choices)
            else:
                model = generator if isinstance(generator, LanguageModel) else None
                self.retriever = Retriever(source, config, model=model, memory=memory, **choices)
                self._own.callback(self.retriever.close)
                self.config = self.retriever.config
            kb = self.retriever.kb
            self._by_words = ExtractiveGenerator(None, kb.analyser, threshold=0.0)  # the last resort always quotes
            self._extractive = ExtractiveGenerator(kb.embedder, kb.analyser, threshold=self.config.threshold)
            self.generator = self._generator(generator, objects)
            if self.generator is self._extractive:
                _refuse_useless(self.config, options)
            if calibrated:
                self._calibrate()
        except BaseException:
            self.close()
            raise

    @classmethod
    def open(cls, path: str | Path, config: PipelineConfig | None = None, **options: Any) -> Self:  # noqa: ANN401
        """Open a knowledge base and return its bot; `close`, or the end of a ``with``, closes both.

        Parameters
        ----------
        path
            Folder of the knowledge base.
        config, **options
            As in `Bot`.

        Raises
        ------
        StoreMissing
            There is no knowledge base.
        """
        from .knowledge_base import KnowledgeBase

        kb = KnowledgeBase.open(path)
        try:
            bot = cls(kb, config=config, **options)
        except BaseException:
            kb.close()
            raise
        bot._own.callback(kb.close)
        return bot

    def close(self) -> None:
        """Close what this bot made or opened; may be called twice."""
        self._own.close()

    def __exit__(self, *_: object) -> None:
        self.close()

    # ---- asking -------------------------------------------------------------------------------------------------

    @overload
    def ask(self, question: str, *, schema: None = ..., **options: Unpack[Asking]) -> Answer: ...
    @overload
    def ask(self, question: str, *, schema: type[Model], **options: Unpack[Asking]) -> Model: ...
    def ask(self, question: str, *, schema: type[Model] | None = None, **options: Unpack[Asking]) -> Answer | Model:
        """Answer one question.

        Parameters
        ----------
        question
            In plain words.
        schema
            A pydantic model: the answer comes as an object of it. `extract` gives the evidence with it.
        k
            Passages to read; default: the value's own.
        where
            Filter over documents, as in `rag.filters`.
        history
            Earlier turns for a language model, oldest first; of earlier answers give ``supported_text``, so that no
            turn builds on what the documents do not say.
        deadline
            Seconds in all; default: the value's own. When they are up while the generator works, quotes replace its
            answer.

        Returns
        -------
        Answer
            With citations whose quotes are verbatim; ``abstained`` when nothing retrieved supports an answer;
            ``degraded`` when the generator failed and the extractive one answered.

        Raises
        ------
        InvalidInput
            The question is empty.
        InvalidFilter
            ``where`` does not parse.
        DeadlinePassed
            Time was up before passages were found.
        RagError
            With a ``schema``, the model's error: quotes cannot replace an object.
        """
        if schema is not None:
            answer = self._extracted(self._request(question, **options), schema, quoting=False)
            return answer.data  # type: ignore[no-any-return] # an object of the schema
        return self.ask_stream(question, **options).read()

    def ask_stream(self, question: str, **options: Unpack[Asking]) -> AnswerStream:
        """Answer piece by piece, each a sentence that has been checked; ``answer`` of the stream is the whole.

        Parameters and errors are those of `ask`; the search begins when the first piece is asked for.
        """
        request = self._request(question, **options)
        return AnswerStream(self._pieces(request), request.cancel)

    def extract(self, question: str, schema: type[BaseModel] | Mapping[str, Any], **options: Unpack[Asking]) -> Answer:
        """Answer with a value of a schema: ``Answer.data`` holds it, ``Answer.sentences`` the support of each part.

        Parameters
        ----------
        schema
            A pydantic model, or a JSON schema: ``data`` is then an object of the model, or what ``json.loads`` gives.
        question, **options
            As in `ask`.

        Returns
        -------
        Answer
            Where the model failed, or wrote no text that fits the schema: quotes, ``degraded`` with the reason, and no
            ``data``.

        Raises
        ------
        InvalidInput
            The generator is not a language model, or the schema is not one.
        DeadlinePassed
            Time was up before passages were found.
        """
        return self._extracted(self._request(question, **options), schema, quoting=True)

    @overload
    async def aask(self, question: str, *, schema: None = ..., **options: Unpack[Asking]) -> Answer: ...
    @overload
    async def aask(self, question: str, *, schema: type[Model], **options: Unpack[Asking]) -> Model: ...
    async def aask(self, question: str, *, schema: Any = None, **options: Any) -> Any:
        """Do as `ask` does without blocking the event loop. Cancelling the await cancels the model.

        Raises
        ------
        Busy
            ``at_once`` questions are being answered; what was cancelled counts until its model has stopped.
        """
        request = self._request(question, **options)
        if schema is not None:
            work = partial(self._extracted, request, schema, quoting=False)
            return (await in_thread(work, request.cancel, self._places.start)).data
        stream = AnswerStream(self._pieces(request), request.cancel)
        return await in_thread(stream.read, request.cancel, self._places.start)

    def aask_stream(self, question: str, **options: Unpack[Asking]) -> AsyncGenerator[str | Answer, None]:
        """Yield the pieces as `ask_stream` does, without blocking the event loop; the `Answer` comes last.

        Raises
        ------
        Busy
            As `aask`, when the first piece is asked for.
        """
        return pieces_of(self.ask_stream(question, **options), self._places.start)

    # ---- making -------------------------------------------------------------------------------------------------

    def _generator(self, given: object, objects: Mapping[str, Any]) -> generators.Generator:
        """Return the generator: the object that was given, or what the value names."""
        kb, config = self.retriever.kb, self.config
        if given is None or isinstance(given, str):
            if config.generator == EXTRACTIVE:
                return self._extractive
            given = self._named_generator()
        if not isinstance(given, LanguageModel) and not callable(given):
            return generator_for(given, kb.embedder, kb.analyser, **objects)
        own = {name: getattr(config, name) for name in ("sampling", "unsupported", "instructions")}
        options = {**own, **objects}
        if config.nli is not None and "entailment" not in options:
            from .grounding.support import CrossEncoderEntailment

            options["entailment"] = CrossEncoderEntailment(config.nli)
        options.setdefault("cache", self.retriever.tools.completions)
        if config.prices is not None and "prices" not in options:
            options["prices"] = _prices(config.prices, getattr(given, "name", ""))
        return generator_for(given, kb.embedder, kb.analyser, **options)

    def _named_generator(self) -> object:
        spec = self.config.generator
        if not is_language_model(spec):
            return components.make("generator", {}, spec, self.retriever.tools)
        if self.config.model is None and self.retriever.config.generator == spec:
            return self.retriever.model
        model = self.config.language_model(spec)
        self._own.callback(model.close)
        return model

    def _calibrate(self) -> None:
        """Load the stored calibrations that were fitted under this value; note one that was not."""
        kb, name = self.retriever.kb, getattr(self.generator, "name", EXTRACTIVE)
        self._calibrations = StoredCalibrations.of(kb, name, self.config.changed_since)
        self.notes = self._calibrations.notes
        if EXTRACTIVE in self._calibrations.by_generator:  # its own threshold must not judge before that does
            fresh = ExtractiveGenerator(kb.embedder, kb.analyser, threshold=0.0)
            self.generator = fresh if self.generator is self._extractive else self.generator
            self._extractive = fresh

    # ---- answering ----------------------------------------------------------------------------------------------

    def _request(
        self,
        question: str,
        *,
        k: int | None = None,
        where: str | None = None,
        history: Sequence[Message] = (),
        deadline: float | None = None,
    ) -> _Request:
        as_query(question)
        until = Deadline.after(self.config.deadline if deadline is None else deadline)
        return _Request(question, k, where, history, until, Cancellation())

    def _extracted(self, request: _Request, schema: type[BaseModel] | Mapping[str, Any], *, quoting: bool) -> Answer:
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

    def _pieces(self, request: _Request) -> Generator[str, None, Answer]:
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
                if self.generator is self._extractive:
                    raise
                answer = quoted_after_failure(quotes, error, time.perf_counter() - read)
            finally:
                pieces.close()
            answer = self._calibrations.judged(answer, self.config.threshold)
            if not shown:
                yield answer.text
            return self._finished(answer, request, root, found, start, read)

    def _generated(
        self, root: telemetry.Span, request: _Request, found: Retrieval, quotes: Callable[[], Answer]
    ) -> Generator[str, None, Answer]:
        from .generation.chat import ChatGenerator

        if self.generator is self._extractive:
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

    def _begun(self, request: _Request, found: Retrieval) -> Callable[[], Answer]:
        """Return what gives the quotes: by meaning, or by words alone where the embedder does not answer in time.

        Where a deadline holds they are made at once, beside the model: once it has failed, no time may be left.
        """
        # The extractive generator quotes for the question as it was searched for: spelt right, and standing alone.
        question = found.question if self.generator is self._extractive else request.question
        work = partial(self._extractive.generate, question, found.passages)
        until = request.until
        if until.remaining is None:
            return work
        made = in_background(work)

        def quotes() -> Answer:
            if wait([made], max(until.left, _GRACE_S)).done:
                return made.result()
            answer = self._by_words.generate(question, found.passages)
            return replace(answer, degraded=True, reason=f"{until} passed; quotes were chosen by their words")

        return quotes

    def _rechecked(self, answer: Answer, passages: Sequence[Passage]) -> Answer:
        from .grounding.verification import rechecked

        return rechecked(replace(answer, generator=answer.generator or type(self.generator).__name__), passages)

    def _search(self, root: telemetry.Span, request: _Request) -> Retrieval:
        asked = tuple(turn.content for turn in request.history if turn.role == "user")
        query = Query(request.question, asked) if asked else request.question
        k = self.config.k if request.k is None else request.k
        with root.child(**telemetry.retrieval(self.retriever.kb.path.name, k)) as own:
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
        request: _Request,
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
            notes=self.notes,
        )


def _sorted_out(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Part options into fields of the value and objects for a language model's generator."""
    choices = dict(options)
    objects: dict[str, Any] = {}
    for name in ("examples", "history_tokens", "entailment"):
        if name in choices:
            objects[name] = choices.pop(name)
    for name in ("cache", "prices"):
        if not isinstance(choices.get(name), str | None):
            objects[name] = choices.pop(name)
    if (sampling := choices.pop("sampling", None)) is not None:
        own = {field.name: getattr(sampling, field.name) for field in fields(sampling)}
        choices |= {"votes" if name == "n" else name: value for name, value in own.items()}
    if objects.get("entailment") is not None:
        choices["nli"] = components.named([objects["entailment"]])
    return choices, objects


def _refuse_retrieval(choices: Mapping[str, Any], objects: Mapping[str, object]) -> None:
    """Refuse, with a retriever at hand, what only its making can change."""
    late = [name for name in choices if use_of(name) == "retrieval"]
    late += [name for name, value in objects.items() if value is not None]
    if late:
        raise InvalidInput(f"give {', '.join(late)} to the retriever, or a knowledge base to the bot: Bot(kb, k=10)")


def _refuse_useless(config: PipelineConfig, options: Mapping[str, Any]) -> None:
    """Refuse what was given for a language model where none answers."""
    useless = [name for name in options if use_of(name) in {"model", "resource"}]
    if useless and config.model is None:
        raise InvalidInput(f"the extractive generator does not take {', '.join(useless)}; they are for language models")


def _prices(file: str, model: str) -> Any:  # noqa: ANN401 - rag's Prices, imported where used
    from .llm.prices import price_of, read_prices

    prices = read_prices(Path(file))
    if price_of(model, prices) is None:
        known = ", ".join(sorted(prices)) or "none"
        raise InvalidInput(f"{file} holds no price of {model}; it has {known}")
    return prices


def _generating(until: Deadline) -> Deadline:
    """Return the generator's deadline: it leaves time for the quotes that replace it when it fails."""
    return until.share(1.0, until.left - min(_RESERVE_S, _RESERVE * until.left)) if until.remaining else until


def _left(until: Deadline, name: str) -> float | None:
    if until.passed:
        raise LLMTimeout(f"{until} passed before {name} was asked; give more seconds")
    return _generating(until).remaining
