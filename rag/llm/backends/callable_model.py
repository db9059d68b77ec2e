"""Any function of a prompt as a language model."""

from __future__ import annotations

import queue
import re
import threading
import time
from collections.abc import Callable, Generator, Iterable

from ...errors import LLMBadResponse, LLMTimeout
from ..budget import Budget
from ..chat_model import ChatModel, Request
from ..language_model import Completion, Usage, well_formed
from .plain_prompt import plain_prompt
from .stops import Stops

_END = object()
_WORD = re.compile(r"\S+")


class CallableModel(ChatModel):
    """Wraps a function from a prompt to a text, or to the pieces of one.

    What the function raises comes out as it is. A deadline ends the wait, not the function: Python cannot stop it, and
    it goes on in a thread of its own until it returns. ``max_tokens`` cuts by words, which are at least a token each.

    Parameters
    ----------
    function
        Gets the conversation as one text, see `rag.llm.backends.plain_prompt`.
    name
        Tells it apart where answers are cached; default: the function's own name, which a lambda does not have.
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
        answers = []
        for _ in range(request.sampling.n):
            pieces = self._stream(request)
            try:
                while True:
                    next(pieces)
            except StopIteration as end:
                answers.append(end.value)
        last: Completion = answers[-1]
        usage = sum((answer.usage for answer in answers), Usage())
        return Completion(tuple(answer.text for answer in answers), usage, last.incomplete, last.reason)

    def _stream(self, request: Request) -> Generator[str, None, Completion]:
        self.budget.call()
        start = time.perf_counter()
        pieces: queue.SimpleQueue[object] = queue.SimpleQueue()
        prompt = plain_prompt(request.messages)
        closed = threading.Event()
        threading.Thread(target=self._run, args=(prompt, pieces, request, closed), daemon=True).start()
        stops, words, parts, reason = Stops(request.sampling.stop), _Words(request.sampling.max_tokens), list[str](), ""
        try:
            while not stops.met and not reason:
                try:
                    item = pieces.get(timeout=min(request.deadline.left, 0.1))
                except queue.Empty:
                    if request.deadline.passed and not parts:
                        raise LLMTimeout(f"{self.name} gave no answer before {request.deadline}") from None
                    reason = _over(request)
                    continue
                if item is _END:
                    break
                if isinstance(item, BaseException):
                    raise item
                if not isinstance(item, str):
                    raise LLMBadResponse(f"{self.name} must give text, gave {type(item).__name__}")
                fed = stops.feed(well_formed(item))
                shown = words.within(fed)
                reason = "the answer reached max_tokens" if shown != fed else ""
                if shown:
                    parts.append(shown)
                    yield shown
            if not reason and (rest := stops.rest()):
                parts.append(rest)
                yield rest
        finally:
            said = "".join(parts)
            closed.set()
            tokens = (self.count_tokens(prompt), self.count_tokens(said) if said else 0)
            usage = Usage(*tokens, calls=1, seconds=time.perf_counter() - start)
            self.budget.spend(usage, n_bytes=len(said.encode()))
        return Completion((said,), usage, incomplete=bool(reason), reason=reason)

    def _run(self, prompt: str, pieces: queue.SimpleQueue[object], request: Request, closed: threading.Event) -> None:
        try:
            said = self._function(prompt)
            for piece in [said] if isinstance(said, str) else said:
                pieces.put(piece)
                if closed.is_set() or request.cancelled.is_set():
                    break
        except BaseException as error:  # noqa: BLE001 - it belongs to the thread that waits
            pieces.put(error)
        else:
            pieces.put(_END)


def _over(request: Request) -> str:
    """Say why there is no waiting any more; empty where there is."""
    if request.deadline.passed:
        return f"{request.deadline} passed in the middle of the answer"
    return "nobody waits for the answer any more" if request.cancelled.is_set() else ""


def _name(function: Callable[..., object]) -> str:
    """Return a function's full name; in angle brackets where others may have the same."""
    name = getattr(function, "__qualname__", None)
    return f"<{type(function).__qualname__}>" if name is None else f"{function.__module__}.{name}"


class _Words:
    """Cuts a text that comes in pieces after so many words."""

    def __init__(self, most: int) -> None:
        self._left = most
        self._inside = False

    def within(self, piece: str) -> str:
        """Return what of the next piece still belongs to them."""
        starts = [word.start() for word in _WORD.finditer(piece)]
        new = starts[1:] if self._inside and starts[:1] == [0] else starts
        if len(new) > self._left:
            return piece[: new[self._left]].rstrip()
        self._left -= len(new)
        self._inside = not piece[-1].isspace() if piece else self._inside
        return piece
