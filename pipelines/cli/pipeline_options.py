"""The pipeline's command line options: made from the fields of the value, the same for every command."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from rag.errors import InvalidInput
from rag.retrieval.choices import Value
from rag.retrieval.config import PipelineConfig, parsed, use_of
from rag.retrieval.pipeline_toml import parse_toml, read_toml

from ..plain_text import one_line
from . import exit_codes
from .output import print_json, stderr, stdout

if TYPE_CHECKING:
    from rag.knowledge_base import KnowledgeBase

PRECEDENCE = ("option", "--config FILE", "stored", "default")
"""Where a field's value may come from; the first one that says something holds."""
_PANEL = "Pipeline"


@dataclass(frozen=True)
class Resolved:
    """The pipeline value of a command, and where each field's value comes from, by `PRECEDENCE`."""

    config: PipelineConfig
    origins: Mapping[str, str]


@dataclass(frozen=True)
class PipelineOptions:
    """The settings of a pipeline that a command line gives.

    Attributes
    ----------
    given
        Fields set by options of their own.
    file
        Configuration file; fields that it does not name are left alone.
    settings
        Texts of ``--set``: ``temperature=0.3``.
    """

    given: Mapping[str, Value] = field(default_factory=dict)
    file: Path | None = None
    settings: tuple[str, ...] = ()

    def resolve(self, kb: KnowledgeBase | None) -> Resolved:
        """Return the value: option, then ``--config FILE``, then what is stored with the knowledge base, then default.

        None in place of a knowledge base begins with the defaults.

        Raises
        ------
        InvalidInput
            An unknown field, or a value that is not allowed.
        """
        stored = PipelineConfig() if kb is None else PipelineConfig.of(kb)
        on_line = {**self.given, **read_settings(self.settings)}
        text = "" if self.file is None else read_toml(self.file)
        try:
            in_file = parse_toml(text)
            config = PipelineConfig.from_dict(in_file, stored)
        except InvalidInput as error:
            raise InvalidInput(f"{self.file}: {error}") from error
        config = config.with_(**on_line)
        _refuse_useless(config, on_line)
        layers = (on_line, in_file, stored.changed(), config.as_dict())
        origins = {
            name: next(where for where, layer in zip(PRECEDENCE, layers, strict=True) if name in layer)
            for name in config.as_dict()
        }
        return Resolved(config, origins)

    def of(self, kb: KnowledgeBase) -> PipelineConfig:
        """Return the value for a knowledge base; see `resolve`."""
        return self.resolve(kb).config


def _refuse_useless(config: PipelineConfig, given: Mapping[str, Value]) -> None:
    """Refuse settings of language models on a command line that asks none."""
    if config.generator != "extractive" or config.model is not None:
        return
    useless = [name for name in given if use_of(name) in {"model", "resource"}]
    if useless:
        raise InvalidInput(
            f"{', '.join(useless)}: for language models; name one with --generator openai:MODEL or another"
        )


def read_settings(settings: tuple[str, ...] | list[str]) -> dict[str, Value]:
    """Read ``NAME=VALUE`` texts; a name that is repeated adds to a list, and replaces other values."""
    found: dict[str, Value] = {}
    for text in settings:
        name, equals, value = text.partition("=")
        if not equals:
            raise InvalidInput(f"--set {text!r}: write NAME=VALUE, such as rerank=mmr")
        read, before = parsed(name.strip(), value.strip()), found.get(name.strip())
        found[name.strip()] = (*before, *read) if isinstance(before, tuple) and isinstance(read, tuple) else read
    return found


def with_pipeline(command: Callable[..., int | None], *, own_options: bool = True) -> Callable[..., int | None]:
    """Give a command the pipeline's options; it gets them as its argument ``pipeline``.

    With ``--show-config`` the command does not run: the value and where it comes from are printed. Without
    ``own_options`` fields have no options of their own, only ``--config`` and ``--set``: a command that takes vectors
    as well uses ``-k`` for something else.
    """
    own = inspect.signature(command, eval_str=True)
    kept = [p for p in own.parameters.values() if p.name != "pipeline"]
    added = [*(_options() if own_options else ()), *_SHARED]

    @wraps(command)
    def wrapper(*arguments: Any, **options: Any) -> int | None:  # noqa: ANN401 - as Typer calls it
        names = [f.name for f in fields(PipelineConfig) if f.metadata["metavar"]] if own_options else []
        given = {name: value for name in names if (value := options.pop(name, None)) is not None}
        settings = tuple(options.pop("settings", None) or ())
        pipeline = PipelineOptions(given, options.pop("config", None), settings)
        if options.pop("show_config", False):
            kb = options.get("kb") or _as_kb(options.get("data"))
            return show_config(pipeline, kb, json=options.get("json", False))
        return command(*arguments, **options, pipeline=pipeline)

    parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in kept]
    wrapper.__signature__ = own.replace(parameters=[*parameters, *added])  # type: ignore[attr-defined]
    wrapper.__annotations__ = {p.name: p.annotation for p in [*parameters, *added]} | {"return": own.return_annotation}
    return wrapper


def with_pipeline_settings(command: Callable[..., int | None]) -> Callable[..., int | None]:
    """Give a command ``--config``, ``--set`` and ``--show-config``, and no option for each field."""
    return with_pipeline(command, own_options=False)


def _as_kb(data: str | None) -> str | None:
    """Return ``data`` where it is a knowledge base; vectors and collections have no stored pipeline."""
    from rag.knowledge_base import KnowledgeBase

    return data if data is not None and KnowledgeBase.exists(data) else None


def show_config(pipeline: PipelineOptions, kb: str | Path | None, *, json: bool) -> int:
    """Print the value that a command would use, and where each field's value comes from."""
    from rag.knowledge_base import KnowledgeBase

    with nullcontext() if kb is None else KnowledgeBase.open(kb) as base:
        resolved = pipeline.resolve(base)
    if json:
        print_json({"pipeline": resolved.config.form(), "from": dict(resolved.origins), "precedence": PRECEDENCE})
        return exit_codes.OK
    stdout().print(f"# precedence: {' > '.join(PRECEDENCE)}; digest {resolved.config.digest}", style="dim")
    show(resolved.config, resolved.origins)
    return exit_codes.OK


def show(config: PipelineConfig, origins: Mapping[str, str]) -> None:
    """Print a value as TOML, each field with its origin."""
    from rag.retrieval.pipeline_toml import toml

    console = stdout()
    for name, value in config.as_dict().items():
        line = f"# {name} = ..." if value is None else f"{name} = {toml(value)}"
        said = f"{line:<32} # {origins[name]}"
        console.print(one_line(said, 10_000), style="dim" if origins[name] == "default" else "", soft_wrap=True)


def tell(notes: tuple[str, ...]) -> None:
    """Print what a bot wants its user to know."""
    for note in notes:
        stderr().print(f"note: {one_line(note, 500)}", style="yellow", soft_wrap=True)


def _options() -> list[inspect.Parameter]:
    """Return an option for each field that has one."""
    hints = get_type_hints(PipelineConfig)
    found = []
    for each in fields(PipelineConfig):
        meta = each.metadata
        if not meta["metavar"]:
            continue
        text = meta["help"][0].upper() + meta["help"][1:] + "."
        said = "" if each.default is None else f" Default: {each.default}."
        option = typer.Option(
            "-k" if each.name == "k" else f"--{each.name.replace('_', '-')}",
            metavar=meta["metavar"],
            help=text + said,
            min=meta["low"],
            max=meta["high"],
            show_default=False,
            rich_help_panel=_PANEL,
        )
        found.append(_parameter(each.name, Annotated[hints[each.name] | None, option], None))
    return found


def _parameter(name: str, annotation: object, default: object) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


_SHARED = [
    _parameter(
        "config",
        Annotated[
            Path | None,
            typer.Option("--config", metavar="FILE.toml", help="Read settings from this file.", rich_help_panel=_PANEL),
        ],
        None,
    ),
    _parameter(
        "settings",
        Annotated[
            list[str] | None,
            typer.Option(
                "--set",
                metavar="NAME=VALUE",
                help="Change any other setting, e.g. temperature=0.3; repeatable. `rag configure KB` lists them.",
                rich_help_panel=_PANEL,
            ),
        ],
        None,
    ),
    _parameter(
        "show_config",
        Annotated[
            bool,
            typer.Option(
                "--show-config", help="Print the settings and where they come from, and exit.", rich_help_panel=_PANEL
            ),
        ],
        False,
    ),
]
