"""The generator protocol, and the generator for a spec, a language model, a function or an object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from ..answers import Answer
from ..documents.document import Passage
from ..errors import InvalidInput
from ..llm.language_model import LanguageModel
from ..llm.models import BACKENDS

if TYPE_CHECKING:
    from ..embedding.protocol import Embedder
    from ..terms import Analyser

EXTRACTIVE = "extractive"

GENERATORS: Mapping[str, object] = MappingProxyType(
    {EXTRACTIVE: "rag.extractive.generator:ExtractiveGenerator", **BACKENDS}
)
"""Generators by the name that their specs begin with."""


def generator(
    given: object,
    embedder: Embedder | None,
    analyser: Analyser,
    **options: Any,  # noqa: ANN401 - see ChatGenerator
) -> Generator:
    """Return the generator for what a user gives.

    Parameters
    ----------
    given
        None or ``"extractive"``; a language model's spec such as ``"openai:MODEL"``; a `LanguageModel`; any function
        from a prompt to a text or to the pieces of one; or a `Generator`.
    embedder, analyser
        Of the knowledge base.
    **options
        Options of `rag.generation.chat.ChatGenerator`, for language models.

    Raises
    ------
    InvalidInput
        It is none of these, or is given options that it does not take.
    """
    if given is None or given == EXTRACTIVE or isinstance(given, Generator):
        if options:
            name = type(given).__name__ if isinstance(given, Generator) else "the extractive generator"
            raise InvalidInput(f"{name} does not take {', '.join(sorted(options))}; they are for language models")
        if isinstance(given, Generator):
            return given
        from ..extractive.generator import ExtractiveGenerator

        return ExtractiveGenerator(embedder, analyser)
    from ..llm.backends.callable_model import CallableModel
    from ..llm.models import language_model
    from .chat import ChatGenerator

    if isinstance(given, str):
        model: LanguageModel = language_model(given)
    elif isinstance(given, LanguageModel):
        model = given
    elif callable(given):
        model = CallableModel(given)
    else:
        raise InvalidInput(
            f"{type(given).__name__} is not a generator: give 'extractive', a spec such as 'openai:MODEL', a language "
            "model, a function from a prompt to a text, or an object with generate(question, passages)"
        )
    return ChatGenerator(model, embedder, analyser, **options)


@runtime_checkable
class Generator(Protocol):
    """Turns a question and its passages into a cited answer."""

    def generate(self, question: str, passages: Sequence[Passage]) -> Answer:
        """Answer from the passages, best first, or abstain with a reason; ``Answer.passages`` holds them all."""
        ...
