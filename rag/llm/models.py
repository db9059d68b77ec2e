"""Language models by spec; back ends are imported on first use."""

from __future__ import annotations

import difflib
import inspect
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import InvalidInput

if TYPE_CHECKING:
    from .chat_model import ChatModel


class Backend(NamedTuple):
    """A row of the table."""

    home: str
    form: str
    says: str


BACKENDS: dict[str, Backend] = {
    "llamacpp": Backend(".backends.llamacpp_chat:LlamaCppChat", "llamacpp:FILE.gguf", "a GGUF file, in this process"),
    "openai": Backend(".backends.openai_chat:OpenAIChat", "openai:MODEL", "a server that speaks OpenAI's protocol"),
    "transformers": Backend(
        ".backends.transformers_chat:TransformersChat",
        "transformers:MODEL_OR_PATH",
        "a Hugging Face model, in this process",
    ),
}


def language_model(spec: str, **options: Any) -> ChatModel:  # noqa: ANN401 - each back end says its own
    """Make a language model.

    Parameters
    ----------
    spec
        ``openai:MODEL``, ``transformers:MODEL_OR_PATH`` or ``llamacpp:FILE.gguf``.
    **options
        Options of the back end: ``base_url``, ``api_key``, ``server`` for servers; ``device`` for local models;
        ``budget`` for all. See `rag.llm.backends`.

    Raises
    ------
    InvalidInput
        The spec names no back end, or the back end has no such option.
    ExtraMissing
        Its library is not installed; the message has the install line.
    ModelMissing
        A local model does not exist.
    """
    kind, _, rest = spec.strip().partition(":")
    if kind not in BACKENDS or not rest:
        forms = ", ".join(backend.form for backend in BACKENDS.values())
        raise InvalidInput(f"unknown language model {spec!r}; write {forms}")
    cls = language_model_class(kind)
    known = list(inspect.signature(cls).parameters)[1:]
    for option in options:
        if option not in known:
            near = difflib.get_close_matches(option, known, n=1)
            raise InvalidInput(
                f"{kind}: no option {option!r}; {f'did you mean {near[0]!r}?' if near else f'it has {known}'}"
            )
    return cls(rest, **options)


def language_model_class(kind: str) -> type[ChatModel]:
    """Return the class behind a name of `BACKENDS`; its library is not imported."""
    module, _, name = BACKENDS[kind].home.partition(":")
    cls: type[ChatModel] = getattr(import_module(module, __package__), name)
    return cls
