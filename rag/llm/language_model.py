"""The language model protocol of generators, rewriters and judges: messages in, texts out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from .sampling import Sampling

Role = Literal["system", "user", "assistant"]


def well_formed(text: str) -> str:
    """Join halves of surrogate pairs, and replace single halves, which no encoding can carry."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def estimated_tokens(text: str) -> int:
    """Return one token for every three bytes, a high estimate."""
    return -(-len(text.encode()) // 3)


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation with a model."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Usage:
    """The cost of calls of a model.

    Attributes
    ----------
    prompt_tokens, completion_tokens
        As the back end counts them; estimated where a server gives no count.
    calls
        Requests made, repeated ones included.
    seconds
        Wall-clock time of the calls.
    cost
        By the user's price table, in its currency; None without one.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    calls: int = 0
    seconds: float = 0.0
    cost: float | None = None

    def __add__(self, other: Usage) -> Usage:
        known = [cost for cost in (self.cost, other.cost) if cost is not None]
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.calls + other.calls,
            self.seconds + other.seconds,
            sum(known) if known else None,
        )


@dataclass(frozen=True, slots=True)
class Completion:
    """The answer of a model.

    Attributes
    ----------
    texts
        ``Sampling.n`` answers.
    incomplete
        The model was cut off (tokens, bytes, deadline, a broken stream): the last text is not a whole answer.
    reason
        Why it is incomplete.
    """

    texts: tuple[str, ...]
    usage: Usage = Usage()
    incomplete: bool = False
    reason: str = ""

    @property
    def text(self) -> str:
        """The first answer."""
        return self.texts[0]


def joined(answers: Sequence[Completion]) -> Completion:
    """Return several answers to one conversation as one completion; incomplete if one of them is."""
    broken = next((answer for answer in answers if answer.incomplete), answers[0])
    usage = sum((answer.usage for answer in answers), Usage())
    return Completion(tuple(answer.text for answer in answers), usage, broken.incomplete, broken.reason)


@runtime_checkable
class LanguageModel(Protocol):
    """A chat model, as generators, rewriters and judges need it.

    `ChatModel` is the base of the library's own; they also stream, answer many conversations at once, run under
    asyncio, keep budgets and obey constraints. `rag.language_model` makes one from a spec.

    ``name`` distinguishes models where answers are cached: ``openai:gpt-x``, ``transformers:/path``.
    """

    @property
    def name(self) -> str:
        """The model's name, the same for the same weights."""
        ...

    def complete(
        self, messages: Sequence[Message], *, sampling: Sampling | None = None, deadline: float | None = None
    ) -> Completion:
        """Answer a conversation.

        Parameters
        ----------
        messages
            Oldest first; the last one is the user's.
        sampling
            None: ``Sampling()``.
        deadline
            Seconds that this call may take, retries included; None for no limit.

        Raises
        ------
        RagError
            The model cannot be reached, refuses, or sends nonsense; see `rag.errors` for the types.
        """
        ...
