"""An answer that arrives piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Self

from .language_model import Completion


class CompletionStream(Iterator[str]):
    """Pieces of a text as a model writes them; `completion` says at the end how it went.

    A stream that breaks after its first piece ends early and is marked ``incomplete`` with the reason; one that breaks
    before raises, as `LanguageModel.complete` does.

    Examples
    --------
    >>> from rag.testing import ScriptedGenerator
    >>> from rag import Message
    >>> stream = ScriptedGenerator(["Good morning."]).stream([Message("user", "Hello")])
    >>> "".join(stream), stream.completion.incomplete
    ('Good morning.', False)
    """

    def __init__(self, pieces: Generator[str, None, Completion], cancel: Callable[[], object] = lambda: None) -> None:
        self._pieces = pieces
        self._cancel = cancel
        self._completion: Completion | None = None

    def __next__(self) -> str:
        try:
            return next(self._pieces)
        except StopIteration as end:
            if end.value is not None:
                self._completion = end.value
            raise StopIteration from None

    @property
    def completion(self) -> Completion:
        """The whole of it: text, usage, whether it is complete.

        Raises
        ------
        RuntimeError
            The stream has not been read to its end.
        """
        if self._completion is None:
            raise RuntimeError("read the stream to its end before asking for its completion")
        return self._completion

    def close(self) -> None:
        """Stop the model within a moment; what it has not written is never written. Any thread may call it."""
        self._cancel()
        with suppress(ValueError):  # another thread waits for a piece, and ends by the line above
            self._pieces.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
