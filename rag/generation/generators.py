"""From what a user gives - a spec, a model, a function, an object of their own - to a generator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from ..answers import Answer
from ..documents import Passage
from ..errors import InvalidInput
from ..extractive.generator import ExtractiveGenerator
from ..llm.language_model import LanguageModel

if TYPE_CHECKING:
    from ..embedding.protocol import Embedder
    from ..terms import Analyser

EXTRACTIVE = "extractive"


def generator(
    given: object,
    embedder: Embedder | None,
    analyser: Analyser,
    **options: Any,  # noqa: ANN401 - see ChatGenerator
) -> Generator:
    """Return the generator that is meant.

    Parameters
    ----------
    given
        None or ``"extractive"``; a language model's spec such as ``"openai:MODEL"``; a `LanguageModel`; any function
        from a prompt to a text or to the pieces of one; or a `Generator`.
    embedder, analyser
        Of the knowledge base.
    **options
        Of `rag.generation.chat.ChatGenerator`, where a language model is behind it.

    Raises
    ------
    InvalidInput
        It is none of these, or options are given that it has no use for.
    """
    if given is None or given == EXTRACTIVE:
        _refuse(options, "the extractive generator")
        return ExtractiveGenerator(embedder, analyser)
    if isinstance(given, Generator):
        _refuse(options, type(given).__name__)
        return given
    model = _model(given)
    from .chat import ChatGenerator

    return ChatGenerator(model, embedder, analyser, **options)


def _model(given: object) -> LanguageModel:
    if isinstance(given, str):
        from ..llm.models import language_model

        return language_model(given)
    if isinstance(given, LanguageModel):
        return given
    if callable(given):
        from ..llm.backends.callable_model import CallableModel

        return CallableModel(given)
    raise InvalidInput(
        f"{type(given).__name__} is no generator: give 'extractive', a spec such as 'openai:MODEL', a language model, "
        "a function from a prompt to a text, or an object with generate(question, passages)"
    )


def _refuse(options: dict[str, Any], name: str) -> None:
    if options:
        raise InvalidInput(f"{name} has no use for {', '.join(sorted(options))}; they are for language models")


@runtime_checkable
class Generator(Protocol):
    """Turns a question and what was retrieved for it into a cited answer."""

    def generate(self, question: str, passages: Sequence[Passage]) -> Answer:
        """Answer from the passages, best first, or abstain with a reason; ``Answer.passages`` holds them all."""
        ...
