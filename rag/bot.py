"""A question-answering bot: a retriever and a generator behind one call."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypedDict, TypeVar, Unpack, overload

from . import components
from .answering import Answering, Asked
from .answers import Answer
from .background import Cancellation, Places
from .deadlines import Deadline
from .documents.document import as_query
from .errors import InvalidInput
from .extractive.generator import ExtractiveGenerator
from .generation.answer_stream import AnswerStream
from .generation.generators import EXTRACTIVE, generator as generator_for
from .generation.stored_calibrations import StoredCalibrations
from .llm.language_model import LanguageModel, Message
from .llm.streaming import in_thread, pieces_of
from .retrieval.config import PipelineConfig, use_of
from .retrieval.retriever import ConversationMemory, Retriever, is_language_model

if TYPE_CHECKING:
    from pydantic import BaseModel

    from .filters import Filter
    from .generation import generators
    from .knowledge_base import KnowledgeBase

    Model = TypeVar("Model", bound=BaseModel)

AT_ONCE = 64
"""Questions that are answered at a time without blocking, unless `Bot` is told another number."""


class Asking(TypedDict, total=False):
    """Options of one question; see `Bot.ask`."""

    k: int | None
    where: str | Filter | None
    history: Sequence[Message]
    deadline: float | None


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
            made = self._made_generator(generator, objects)
            if made is None:
                _refuse_useless(self.config, options)
            self._answering = self._made_answering(made, calibrated=calibrated)
            self.generator = self._answering.generator
            self.notes = self._answering.calibrations.notes
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
            answer = self._answering.extracted(self._request(question, **options), schema, quoting=False)
            return answer.data  # type: ignore[no-any-return] # an object of the schema
        return self.ask_stream(question, **options).read()

    def ask_stream(self, question: str, **options: Unpack[Asking]) -> AnswerStream:
        """Answer piece by piece, each a sentence that has been checked; ``answer`` of the stream is the whole.

        Parameters and errors are those of `ask`; the search begins when the first piece is asked for.
        """
        request = self._request(question, **options)
        return AnswerStream(self._answering.pieces(request), request.cancel)

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
        return self._answering.extracted(self._request(question, **options), schema, quoting=True)

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
            work = partial(self._answering.extracted, request, schema, quoting=False)
            return (await in_thread(work, request.cancel, self._places.start)).data
        stream = AnswerStream(self._answering.pieces(request), request.cancel)
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

    def _made_generator(self, given: object, objects: Mapping[str, Any]) -> generators.Generator | None:
        """Return the generator: the object that was given, or what the value names; None for quotes."""
        kb, config = self.retriever.kb, self.config
        if given is None or isinstance(given, str):
            if config.generator == EXTRACTIVE:
                return None
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

    def _made_answering(self, generator: generators.Generator | None, *, calibrated: bool) -> Answering:
        """Put the parts together, with the stored calibrations that were fitted under this value."""
        kb, config = self.retriever.kb, self.config
        name = getattr(generator, "name", EXTRACTIVE)
        stored = StoredCalibrations.of(kb, name, config.changed_since) if calibrated else StoredCalibrations()
        # Its own threshold must not judge before a calibration does, and the last resort always quotes.
        threshold = 0.0 if EXTRACTIVE in stored.by_generator else config.threshold
        extractive = ExtractiveGenerator(kb.embedder, kb.analyser, threshold=threshold, stored=kb.sentence_vectors)
        by_words = ExtractiveGenerator(None, kb.analyser, threshold=0.0)
        own = extractive if generator is None else generator
        return Answering(self.retriever, config, own, extractive, by_words, stored)

    def _request(
        self,
        question: str,
        *,
        k: int | None = None,
        where: str | Filter | None = None,
        history: Sequence[Message] = (),
        deadline: float | None = None,
    ) -> Asked:
        as_query(question)
        until = Deadline.after(self.config.deadline if deadline is None else deadline)
        return Asked(question, k, where, history, until, Cancellation())


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
