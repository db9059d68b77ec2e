"""A language model that says what it is told to: for tests of code that calls one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from .language_model import Completion, Message, Usage
from .sampling import Sampling

Script = Iterable[str | BaseException] | Callable[[Sequence[Message]], str]


class ScriptedGenerator:
    """Answers from a list, in order, or by a function of the messages; an error in the list is raised.

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

    def __init__(self, script: Script, *, name: str = "scripted") -> None:
        self.name = name
        self.calls: list[tuple[Message, ...]] = []
        self._say = script if callable(script) else _reader(script)

    def complete(
        self,
        messages: Sequence[Message],
        *,
        sampling: Sampling | None = None,
        deadline: float | None = None,  # noqa: ARG002 - it never waits
    ) -> Completion:
        """Give the next answer, ``sampling.n`` times.

        Raises
        ------
        LookupError
            The script has ended.
        """
        self.calls.append(tuple(messages))
        text = self._say(messages)
        words = sum(len(message.content.split()) for message in messages)
        return Completion((text,) * (sampling or Sampling()).n, Usage(words, len(text.split()), calls=1))


def _reader(script: Iterable[str | BaseException]) -> Callable[[Sequence[Message]], str]:
    lines = iter(script)

    def say(messages: Sequence[Message]) -> str:
        line = next(lines, None)
        if line is None:
            raise LookupError(f"the script has ended; asked: {messages[-1].content[:80]!r}")
        if isinstance(line, BaseException):
            raise line
        return line

    return say
