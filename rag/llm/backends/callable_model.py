"""Use any function of a prompt as a language model."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import CancelledError, Future
from functools import partial

from ...background import drained, in_background, pieces_from
from ...errors import LLMBadResponse, LLMTimeout, OutOfTime
from ..budget import Budget
from ..chat_model import ChatModel, Request
from ..language_model import Completion, Usage, joined, well_formed
from .chat_template import plain_prompt
from .decoding import Stops

_WORD = re.compile(r"\S+")


class CallableModel(ChatModel):
    """Wraps a function from a prompt to a text, or to the pieces of one.

    Errors of the function are raised unchanged. A deadline ends the wait, not the function: Python cannot stop it, and
    it runs on in its thread until it returns. ``max_tokens`` cuts by words, which have at least a token each.

    Parameters
    ----------
    function
        Gets the conversation as one text, see `rag.llm.backends.chat_template.plain_prompt`.
    name
        Distinguishes it where answers are cached; default: the function's own name, which a lambda lacks.
    context
        As in `ChatModel`.
    budget
        As in `ChatModel`.

    Examples
    --------
    >>> from rag import Message
    >>> CallableModel(lambda prompt: prompt[-10:]).complete([Message("user", "Hello")]).text
    'Assistant:'
    """

    samples = frozenset({"max_tokens", "stop"})

    def __init__(
        self,
        function: Callable[[str], str | Iterable[str]],
        *,
        name: str | None = None,
        context: int | None = None,
        budget: Budget | None = None,
    ) -> None:
        super().__init__(name or f"callable:{_name(function)}", budget=budget)
        self.context = context
        self._function = function

    def _complete(self, request: Request) -> Completion:
        return joined([drained(self._stream(request)) for _ in range(request.sampling.n)])

    def _stream(self, request: Request) -> Generator[str, None, Completion]:
        self.budget.call()
        start = time.perf_counter()
        prompt, parts = plain_prompt(request.messages), list[str]()
        closed = threading.Event()
        pieces = pieces_from(
            partial(self._started, prompt, request, closed), closed.set, left=lambda: request.deadline.remaining
        )
        try:
            reason = yield from self._within(pieces, request, parts)
        finally:
            pieces.close()
            said = "".join(parts)
            tokens = (self.count_tokens(prompt), self.count_tokens(said) if said else 0)
            usage = Usage(*tokens, calls=1, seconds=time.perf_counter() - start)
            self.budget.spend(usage, n_bytes=len(said.encode()))
        if request.deadline.passed and reason and not parts:
            raise LLMTimeout(f"{self.name} gave no answer before {request.deadline}")
        return Completion((said,), usage, incomplete=bool(reason), reason=reason)

    def _within(self, pieces: Iterable[object], request: Request, parts: list[str]) -> Generator[str, None, str]:
        """Yield the pieces up to the end of the answer and collect them; return why it is incomplete, if it is."""
        stops, words = Stops(request.sampling.stop), _Words(request.sampling.max_tokens)
        late = f"{request.deadline} passed in the middle of the answer"
        try:
            for item in pieces:
                if not isinstance(item, str):
                    raise LLMBadResponse(f"{self.name} must give text, gave {type(item).__name__}")
                fed = stops.feed(well_formed(item))
                if shown := words.within(fed):
                    parts.append(shown)
                    yield shown
                if shown != fed:
                    return "the answer reached max_tokens"
                if stops.met:
                    return ""
        except OutOfTime:
            return late
        except CancelledError:
            return "the answer was cancelled"
        if rest := stops.rest():
            parts.append(rest)
            yield rest
        return ""

    def _started(
        self, prompt: str, request: Request, closed: threading.Event, put: Callable[[object], object]
    ) -> Future[None]:
        def run() -> None:
            said = self._function(prompt)
            for piece in [said] if isinstance(said, str) else said:
                if request.deadline.passed:  # pieces may come without a pause, and then no wait times out
                    raise OutOfTime("the deadline passed")
                put(piece)
                if closed.is_set() or request.cancelled.called:
                    break

        future = in_background(run)
        request.cancelled.watch(future.cancel)
        return future


def _name(function: Callable[..., object]) -> str:
    """Return a function's full name; in angle brackets if others may have the same."""
    name = getattr(function, "__qualname__", None)
    return f"<{type(function).__qualname__}>" if name is None else f"{function.__module__}.{name}"


class _Words:
    """Cuts a text that arrives in pieces after a number of words."""

    def __init__(self, most: int) -> None:
        self._left = most
        self._inside = False

    def within(self, piece: str) -> str:
        """Return the part of the next piece that is within the limit."""
        starts = [word.start() for word in _WORD.finditer(piece)]
        new = starts[1:] if self._inside and starts[:1] == [0] else starts
        if len(new) > self._left:
            return piece[: new[self._left]].rstrip()
        self._left -= len(new)
        self._inside = not piece[-1].isspace() if piece else self._inside
        return piece
