"""Write the tables of README.md and docs/reference.md from the code, or check that they are up to date.

``python -m pipelines.reference --write`` writes; without it, differences are an error.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import typer.main

import indexes
from indexes.registry import engine
from rag.llm.backends.dialects import DIALECTS
from rag.llm.models import BACKENDS, language_model_class

from .cli.app import app
from .cli.exit_codes import MEANINGS
from .sizing import TABLES

_BLOCK = "<!-- generated: {name} -->\n{body}\n<!-- end -->"


def index_table() -> str:
    """Return the engines of the registry as a Markdown table."""
    rows = ["| spec | what | build parameters | search parameters |", "|---|---|---|---|"]
    for name, entry in indexes.engines.items():
        cls = engine(name)
        rows.append(f"| `{name}` | {entry.line} | {_parameters(cls.Build)} | {_parameters(cls.Search)} |")
    return "\n".join(rows)


def _parameters(cls: type[Any]) -> str:
    return " ".join(f"`{f.name}={'' if f.default is MISSING else f.default}`" for f in fields(cls)) or "-"


def exit_code_table() -> str:
    """Return the exit codes as a Markdown table."""
    return "\n".join(["| code | meaning |", "|---|---|", *(f"| {code} | {text} |" for code, text in MEANINGS.items())])


def language_model_table() -> str:
    """Return what each language model can do, servers by their dialect, as a Markdown table."""
    local = {name: language_model_class(name) for name in BACKENDS if name != "openai"}
    able: dict[str, tuple[Iterable[str], Iterable[str]]] = {
        f"`{name}`": (cls.samples, cls.constrains) for name, cls in local.items()
    }
    able |= {
        f'`openai`, `server="{name}"`': ({*dialect.fields, "max_tokens"}, {*dialect.ways})
        for name, dialect in DIALECTS.items()
    }
    rows = [f"| {name} | {_codes(samples)} | {', '.join(sorted(forms))} |" for name, (samples, forms) in able.items()]
    return "\n".join(["| model | options of `Sampling` beside `n` | forms of answers |", "|---|---|---|", *rows])


def _codes(names: Iterable[str]) -> str:
    return " ".join(f"`{name}`" for name in sorted(names))


def command_help() -> str:
    """Return every command's help, as the terminal shows it."""
    root: Any = typer.main.get_command(app)
    return "\n\n".join(_help_of(name, command) for name, command in _commands(root))


def _commands(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - as below
    """Yield every command with its whole name, those inside a group after the group."""
    for name, command in group.commands.items():
        yield before + name, command
        if hasattr(command, "commands"):
            yield from _commands(command, f"{before}{name} ")


def _help_of(name: str, command: Any) -> str:  # noqa: ANN401 - Typer's own copy of click has no public types
    context = command.context_class(command, info_name=f"rag {name}", terminal_width=100, max_content_width=100)
    return f"### rag {name}\n\n```text\n{command.get_help(context).strip()}\n```"


def pages(root: Path) -> Iterator[tuple[Path, str, str]]:
    """Yield (file, text now, text as it should be)."""
    blocks = {
        "indexes": index_table,
        "exit codes": exit_code_table,
        "commands": command_help,
        "language models": language_model_table,
        **TABLES,
    }
    docs = root / "docs"
    written = (docs / "reference.md", docs / "how-to" / "language-models.md", docs / "concepts" / "sizing.md")
    for path in (root / "README.md", *written):
        if not path.exists():
            continue
        now = path.read_text(encoding="utf-8")
        new = now
        for name, make in blocks.items():
            if f"<!-- generated: {name} -->" in now:
                pattern = re.escape(f"<!-- generated: {name} -->") + r".*?<!-- end -->"
                body = _BLOCK.format(name=name, body=make())
                new = re.sub(pattern, body.replace("\\", r"\\"), new, flags=re.DOTALL)
        yield path, now, new


def main() -> int:
    """Write or check; return 1 when a page is out of date."""
    write = "--write" in sys.argv[1:]
    stale = 0
    for path, now, new in pages(Path(__file__).resolve().parent.parent):
        if now != new and write:
            path.write_text(new, encoding="utf-8")
        elif now != new:
            sys.stderr.write(f"{path.name} is out of date; run: make docs\n")
            stale = 1
    return stale


if __name__ == "__main__":
    sys.exit(main())
