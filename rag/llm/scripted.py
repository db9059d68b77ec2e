"""A language model that replies from a script, for tests of code that calls one."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import fields

from .budget import Budget
from .chat_model import ChatModel, Request
from .language_model import Completion, Message, Usage
from .sampling import Sampling

Script = Iterable[str | BaseException] | Callable[[Sequence[Message]], str]


class ScriptedGenerator(ChatModel):
    """Answers from a list, in order, or by a function of the messages; an error in the list is raised.

    Accepts every option and constraint, as if it obeyed them; a text that breaks a constraint raises `ConstraintUnmet`.

    Attributes
    ----------
    calls
        The conversations it was given, oldest first.

    Examples
    --------
    >>> model = ScriptedGenerator(["Hello."])
    >>> model.complete([Message("user", "Say hello.")]).text
    'Hello.'
    """

    samples = frozenset(option.name for option in fields(Sampling))
    constrains = frozenset({"json schema", "choice", "regex"})

    def __init__(self, script: Script, *, name: str = "scripted", budget: Budget | None = None) -> None:
        super().__init__(name, budget=budget)
        self.calls: list[tuple[Message, ...]] = []
        self._script = script if callable(script) else iter(script)

    def count_tokens(self, text: str) -> int:
        """Count words."""
        return len(text.split())

    def _complete(self, request: Request) -> Completion:
        """Give the next answer, ``sampling.n`` times; `LookupError` when the script has ended."""
        self.budget.call()
        self.calls.append(request.messages)
        text = self._next(request.messages)
        words = sum(self.count_tokens(message.content) for message in request.messages)
        usage = Usage(words, self.count_tokens(text), calls=1)
        self.budget.spend(usage, n_bytes=len(text.encode()))
        return Completion((text,) * request.sampling.n, usage)

    def _stream(self, request: Request) -> Generator[str, None, Completion]:
        answer = self._complete(request)
        yield from re.findall(r"\S+\s*|\s+", answer.text)
        return answer

    def _next(self, messages: Sequence[Message]) -> str:
        if callable(self._script):
            return self._script(messages)
        line = next(self._script, None)
        if line is None:
            raise LookupError(f"the script has ended; asked: {messages[-1].content[:80]!r}")
        if isinstance(line, BaseException):
            raise line
        return line
