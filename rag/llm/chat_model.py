"""The base class of language models: checked inputs, budgets, constraints, streams and async calls."""

from __future__ import annotations

import asyncio
import dataclasses
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Generator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any, Self, TypedDict, Unpack

from ..background import Cancellation, in_background
from ..deadlines import Deadline
from ..errors import ConstraintUnmet, InvalidInput, LLMUnsupported
from .budget import Budget
from .constraints import Constraint
from .language_model import Completion, Message, estimated_tokens, well_formed
from .reasoning import Thoughts, without_thoughts
from .sampling import Sampling
from .streaming import CompletionStream, pieces_of
from .turn_ends import TurnEnd


@dataclass(frozen=True, slots=True)
class Request:
    """One checked call of a model."""

    messages: tuple[Message, ...]
    sampling: Sampling
    deadline: Deadline
    constraint: Constraint | None
    cancelled: Cancellation


class CallOptions(TypedDict, total=False):
    """Options of a call, see `LanguageModel.complete`; one that breaks ``constraint`` raises `ConstraintUnmet`."""

    sampling: Sampling | None
    deadline: float | None
    constraint: Constraint | None


class ChatModel(ABC):
    """Base of the back ends: public methods check and count; a back end implements ``_complete`` and ``_stream``.

    Parameters
    ----------
    name
        As in `LanguageModel`.
    budget
        Caps on calls, tokens, bytes and seconds, which models may share; None for no caps.

    Attributes
    ----------
    samples
        Options of `Sampling` that the back end supports beside ``n``; others are refused by name.
    constrains
        Kinds of `Constraint` that it supports.
    context
        Tokens that a prompt and its answer may have together; None: unknown.
    revision
        Distinguishes weights, or servers, of the same name where answers are cached.
    """

    samples: frozenset[str] = frozenset()
    constrains: frozenset[str] = frozenset()
    context: int | None = None
    revision: str = ""

    def __init__(self, name: str, *, budget: Budget | None = None) -> None:
        self._name = name
        self.budget = budget or Budget()

    @property
    def name(self) -> str:
        """The model's name, the same for the same weights."""
        return self._name

    def complete(
        self, messages: Sequence[Message], *, cancel: Cancellation | None = None, **options: Unpack[CallOptions]
    ) -> Completion:
        """Answer a conversation; see `LanguageModel.complete`. Calling ``cancel``, from any thread, stops the model."""
        return self.complete_many([messages], cancel=cancel, **options)[0]

    def complete_many(
        self,
        conversations: Sequence[Sequence[Message]],
        *,
        cancel: Cancellation | None = None,
        **options: Unpack[CallOptions],
    ) -> list[Completion]:
        """Answer several conversations, in batches where the back end can; ``deadline`` is for all of them together."""
        requests = self._requests(conversations, cancel=cancel, **options)
        return checked(self._complete_many(requests), options.get("constraint"))

    def stream(self, messages: Sequence[Message], **options: Unpack[CallOptions]) -> CompletionStream:
        """Answer a conversation piece by piece; ``Sampling.n`` must be 1.

        A text that the constraint forbids raises `ConstraintUnmet` at its end.
        """
        (request,) = self._requests([messages], **options)
        if request.sampling.n != 1:
            raise InvalidInput(f"n={request.sampling.n}: a stream carries one answer; use complete() for several")
        return CompletionStream(_checked_stream(self._stream(request), request.constraint), request.cancelled)

    async def acomplete(self, messages: Sequence[Message], **options: Unpack[CallOptions]) -> Completion:
        """Do as `complete` does, without blocking the event loop; cancelling the await stops the model."""
        (request,) = self._requests([messages], **options)
        try:
            return checked(await asyncio.wrap_future(self._start([request])), request.constraint)[0]
        except asyncio.CancelledError:
            request.cancelled()
            raise

    def astream(
        self, messages: Sequence[Message], **options: Unpack[CallOptions]
    ) -> AsyncGenerator[str | Completion, None]:
        """Yield the pieces as `stream` does, without blocking the event loop; the `Completion` comes last."""
        return pieces_of(self.stream(messages, **options))

    def count_tokens(self, text: str) -> int:
        """Count the tokens of a text; an estimate, unless the back end has the model's tokenizer."""
        return estimated_tokens(text)

    def close(self) -> None:  # noqa: B027 - most have nothing to give back
        """Release connections and memory."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    def __reduce__(self) -> Any:  # noqa: ANN401 - as object's own
        # A model holds connections, weights and perhaps a key: none of them belongs in a file.
        raise TypeError(f"{type(self).__name__} cannot be pickled; make it where it is needed")

    @abstractmethod
    def _complete(self, request: Request) -> Completion:
        """Answer one request; constraints are checked by the caller."""

    @abstractmethod
    def _stream(self, request: Request) -> Generator[str, None, Completion]:
        """Yield the pieces of one answer and return the whole."""

    def _complete_many(self, requests: Sequence[Request]) -> list[Completion]:
        return [self._complete(request) for request in requests]

    def _start(self, requests: Sequence[Request]) -> Future[list[Completion]]:
        """Answer requests without waiting for it."""
        return in_background(partial(self._complete_many, requests))

    def _requests(
        self,
        conversations: Sequence[Sequence[Message]],
        sampling: Sampling | None = None,
        deadline: float | None = None,
        constraint: Constraint | None = None,
        cancel: Cancellation | None = None,
    ) -> list[Request]:
        """Check the options and the conversations of a call."""
        sampling, until = self._allowed(sampling or Sampling(), constraint), self._deadline(deadline)
        cancel = cancel or Cancellation()
        for messages in conversations:
            _check_messages(messages)
        clean = [tuple(Message(m.role, well_formed(m.content)) for m in messages) for messages in conversations]
        return [Request(messages, sampling, until, constraint, cancel) for messages in clean]

    def _deadline(self, seconds: float | None) -> Deadline:
        left = self.budget.left("seconds")
        if seconds is not None and not seconds > left:
            return Deadline.after(seconds)
        # A spent budget gets a moment: the call itself then says that it is spent.
        return Deadline.after(seconds if left == float("inf") else max(left, 0.001))

    def _allowed(self, sampling: Sampling, constraint: Constraint | None) -> Sampling:
        """Return the options with what the budget leaves of ``max_tokens``; refuse what the back end cannot do."""
        for option in dataclasses.fields(sampling):
            asked = getattr(sampling, option.name) not in (None, (), option.default)
            if asked and option.name not in self.samples | {"n"}:
                raise LLMUnsupported(f"{self.name} cannot do {option.name}; {self._instead(option.name)}")
        if constraint is not None and constraint.kind not in self.constrains:
            raise LLMUnsupported(f"{self.name} cannot do a {constraint.kind}; {self._instead(constraint.kind)}")
        left = self.budget.left("tokens")
        return dataclasses.replace(sampling, max_tokens=int(left)) if 0 < left < sampling.max_tokens else sampling

    def _instead(self, option: str) -> str:
        can = ", ".join(sorted(self.samples | self.constrains)) or "nothing but n"
        return f"leave {option} out, or use a back end that can; this one can do: {can}"


def checked(answers: list[Completion], constraint: Constraint | None) -> list[Completion]:
    """Return the answers without thoughts if they meet the constraint; raise `ConstraintUnmet` if one does not."""
    answers = [dataclasses.replace(each, texts=tuple(map(without_thoughts, each.texts))) for each in answers]
    for answer in answers:
        for text in answer.texts if constraint is not None else ():
            try:
                constraint.check(text)  # type: ignore[union-attr]
            except ConstraintUnmet as error:
                why = f"; {answer.reason}" if answer.incomplete else ""
                unmet = ConstraintUnmet(f"{error}{why}")
                unmet.attempts = answer.usage.calls
                raise unmet from None
    return answers


def _checked_stream(
    pieces: Generator[str, None, Completion], constraint: Constraint | None
) -> Generator[str, None, Completion]:
    thoughts, turn = Thoughts(), TurnEnd()
    try:
        while True:
            if said := turn.feed(thoughts.feed(next(pieces))):
                yield said
    except StopIteration as end:
        if rest := turn.feed(thoughts.rest()) + turn.rest():
            yield rest
        return checked([end.value], constraint)[0]
    finally:
        pieces.close()


def _check_messages(messages: Sequence[Message]) -> None:
    if not all(isinstance(message, Message) for message in messages):
        raise InvalidInput('a conversation is a list of Message; write [Message("user", "...")]')
    if not messages:
        raise InvalidInput("the conversation is empty; its last message is what the model answers")
    for message in messages:
        if message.role not in {"system", "user", "assistant"}:
            raise InvalidInput(f"role {message.role!r}: write system, user or assistant")
    if messages[-1].role != "user":
        raise InvalidInput(f"the last message is the {messages[-1].role}'s; it must be the user's")
