"""The pipeline value as TOML."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..errors import InvalidInput
from .choices import UNSET, Value


def document(fields: Iterable[tuple[str, str, Value, object]]) -> str:
    """Write fields (name, line of help, value, default): each with a comment, unset ones commented out."""
    lines = ["# Every choice between a question and its answer."]
    for name, text, value, default in fields:
        shown = UNSET if value is None and default is not None else value
        lines += ["", f"# {text}", f"# {name} = ..." if shown is None else f"{name} = {toml(shown)}"]
    return "\n".join(lines) + "\n"


def read_toml(path: str | Path) -> str:
    """Return the text of a TOML file.

    Raises
    ------
    InvalidInput
        It cannot be read.
    """
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"cannot read the configuration {path}: {getattr(error, 'strerror', '') or error}"
        ) from error


def parse_toml(text: str) -> dict[str, Any]:
    """Return the table of a TOML text.

    Raises
    ------
    InvalidInput
        It is not TOML.
    """
    import tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"not TOML: {error}") from error


def toml(value: Value) -> str:
    """Write one value as TOML."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return str(value).lower() if isinstance(value, bool) else repr(value)
