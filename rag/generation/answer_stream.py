"""The stream of an answer: its checked sentences, and the whole answer at the end."""

from __future__ import annotations

from ..answers import Answer
from ..llm.streaming import Stream


class AnswerStream(Stream[Answer]):
    """The checked sentences of an answer as they come; `answer` is the whole.

    The pieces joined are the answer's text, unless it was withheld because nothing in it was supported: `answer` rules.
    """

    @property
    def answer(self) -> Answer:
        """The whole answer, with citations, support and usage; see `whole`."""
        return self.whole
