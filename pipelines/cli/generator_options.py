"""The options that say who writes the answer, the same for every command that answers."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, fields
from functools import cached_property, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from rag.errors import InvalidInput

if TYPE_CHECKING:
    from rag.bot import Bot
    from rag.llm.cache import CompletionCache
    from rag.llm.language_model import LanguageModel
    from rag.searching import Searcher


@dataclass(frozen=True)
class Generating:
    """Values of the options; their help is what ``--help`` shows."""

    generator: Annotated[
        str,
        typer.Option(
            metavar="SPEC",
            help="Who writes the answer: extractive, openai:MODEL, transformers:MODEL_OR_PATH, llamacpp:FILE.gguf.",
        ),
    ] = "extractive"
    base_url: Annotated[str | None, typer.Option(metavar="URL", help="Address of the server of openai:MODEL.")] = None
    server: Annotated[
        str | None, typer.Option(metavar="NAME", help="What serves it: openai, ollama, vllm, llamacpp, lmstudio.")
    ] = None
    deadline: Annotated[
        float | None, typer.Option(metavar="SECONDS", min=0.001, help="A question may take so long in all.")
    ] = None
    temperature: Annotated[float | None, typer.Option(metavar="T", min=0.0, help="0: the likeliest words.")] = None
    top_k: Annotated[int | None, typer.Option(metavar="N", min=1, help="Draw from the N likeliest tokens.")] = None
    top_p: Annotated[float | None, typer.Option(metavar="P", help="Draw from the likeliest of mass P.")] = None
    min_p: Annotated[float | None, typer.Option(metavar="P", help="Draw from those P times the likeliest.")] = None
    repetition_penalty: Annotated[float | None, typer.Option(metavar="X", help="Above 1: repeat less.")] = None
    seed: Annotated[int | None, typer.Option(metavar="N", min=0, help="Same seed, same text.")] = None
    stop: Annotated[list[str] | None, typer.Option(metavar="TEXT", help="End the answer there; may be repeated.")] = (
        None
    )
    max_tokens: Annotated[int | None, typer.Option(metavar="N", min=1, help="Tokens of an answer, at most.")] = None
    votes: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Answers to draw; the most agreed one is taken.")
    ] = None
    unsupported: Annotated[
        str | None, typer.Option(metavar="mark|drop", help="What happens to sentences that no passage bears out.")
    ] = None
    nli: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL_OR_PATH",
            help="A cross-encoder of inference judges support, e.g. cross-encoder/nli-deberta-v3-small.",
        ),
    ] = None
    cache: Annotated[Path | None, typer.Option(metavar="FILE", help="Keep the model's answers, by content.")] = None
    threshold: Annotated[
        float | None, typer.Option(metavar="0..1", min=0.0, max=1.0, help="Withhold answers of less support.")
    ] = None
    prices: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.json", help='Money for a million tokens: {"MODEL": {"prompt": 1, "completion": 2}}.'
        ),
    ] = None

    @cached_property
    def at_end(self) -> ExitStack:
        """What the command gives back at its end: connections, weights."""
        return ExitStack()

    def model(self) -> LanguageModel | None:
        """Return the language model that is named, if one is.

        Raises
        ------
        InvalidInput
            Options of a language model without one.
        """
        if self.generator == "extractive":
            useless = [
                f.name
                for f in fields(self)
                if f.name not in {"generator", "deadline", "threshold"} and getattr(self, f.name)
            ]
            if useless:
                named = ", ".join(f"--{name.replace('_', '-')}" for name in useless)
                raise InvalidInput(f"{named}: for language models; name one with --generator openai:MODEL or another")
            return None
        from rag.llm.models import language_model

        address = {"base_url": self.base_url, "server": self.server}
        model = language_model(self.generator, **{name: value for name, value in address.items() if value is not None})
        self.at_end.callback(model.close)
        return model

    def bot(self, retriever: Searcher, model: LanguageModel | None, *, calibrated: bool = True) -> Bot:
        """Return the bot that the options ask for; ``model`` is what `model` gave."""
        from rag.bot import Bot

        if model is None:
            return Bot(retriever, calibrated=calibrated, deadline=self.deadline, threshold=self.threshold)
        from rag.llm.prices import price_of, read_prices

        options: dict[str, Any] = {"sampling": self._sampling(), "calibrated": calibrated, "threshold": self.threshold}
        if self.unsupported is not None:
            options["unsupported"] = self.unsupported
        if self.nli is not None:
            from rag.grounding.support import CrossEncoderEntailment

            options["entailment"] = CrossEncoderEntailment(self.nli)
        if self.cache is not None:
            options["cache"] = self.completions()
        if self.prices is not None:
            options["prices"] = prices = read_prices(self.prices)
            if price_of(model.name, prices) is None:
                known = ", ".join(sorted(prices)) or "none"
                raise InvalidInput(f"{self.prices} holds no price of {model.name}; it has {known}")
        return Bot(retriever, model, deadline=self.deadline, **options)

    def completions(self) -> CompletionCache | None:
        """Return what keeps models' answers, rewriters' and rerankers' too, where a file for it is named."""
        from rag.llm.cache import CompletionCache

        return None if self.cache is None else CompletionCache(self.cache)

    def _sampling(self) -> Any:  # noqa: ANN401 - rag's Sampling, imported where used
        from rag.llm.sampling import Sampling

        names = ("temperature", "top_k", "top_p", "min_p", "repetition_penalty", "seed", "max_tokens")
        chosen: dict[str, Any] = {n: value for n in names if (value := getattr(self, n)) is not None}
        if self.votes is not None:
            chosen["n"] = self.votes
        return Sampling(**chosen, stop=tuple(self.stop or ()))


def with_generating(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command the options of `Generating`; it gets them as its argument ``generating``."""
    hints = get_type_hints(Generating, include_extras=True)
    own = inspect.signature(command, eval_str=True)
    kept = [p for p in own.parameters.values() if p.name != "generating"]
    added = [
        inspect.Parameter(f.name, inspect.Parameter.KEYWORD_ONLY, default=f.default, annotation=hints[f.name])
        for f in fields(Generating)
    ]

    @wraps(command)
    def wrapper(*arguments: Any, **options: Any) -> int:  # noqa: ANN401 - as Typer calls it
        values = {f.name: options.pop(f.name) for f in fields(Generating) if f.name in options}
        generating = Generating(**values)
        with generating.at_end:
            return command(*arguments, **options, generating=generating)

    parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in kept]
    wrapper.__signature__ = own.replace(parameters=[*parameters, *added])  # type: ignore[attr-defined]
    wrapper.__annotations__ = {p.name: p.annotation for p in [*parameters, *added]} | {"return": int}
    return wrapper


def read_schema(path: Path) -> dict[str, Any]:
    """Read a JSON schema from a file.

    Raises
    ------
    InvalidInput
        The file cannot be read, or is no JSON object.
    """
    try:
        schema = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInput(f"cannot read the schema {path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{path} is no JSON: {error}") from error
    if not isinstance(schema, dict):
        raise InvalidInput(f"{path} holds no JSON schema: it must be an object")
    return schema
