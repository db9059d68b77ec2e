"""How commands speak: text that cannot drive the terminal, tables for people, JSON for scripts."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

# C0 and C1 controls but tab and newline, and the marks that reorder text on screen: a document must not
# move the cursor, set the clipboard, or make a path read backwards.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def safe(text: str) -> str:
    """Return text of unknown origin without any character that a terminal would obey."""
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text)


def one_line(text: str, width: int = 0) -> str:
    """Return text on one line, cut to ``width`` characters (0: uncut)."""
    line = " ".join(safe(text).split())
    return line if not width or len(line) <= width else line[: width - 1] + "\N{HORIZONTAL ELLIPSIS}"


def stdout() -> Console:
    """Return the console for results."""
    from rich.console import Console

    # Lines are wrapped for a person only: a pipe gets them whole.
    return Console(highlight=False, markup=False, soft_wrap=not sys.stdout.isatty())


def stderr() -> Console:
    """Return the console for progress and problems, so that results can be piped."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, markup=False, soft_wrap=not sys.stderr.isatty())


def print_json(value: Any) -> None:  # noqa: ANN401 - whatever json takes
    """Print one JSON document; control characters leave escaped."""
    text = json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False, default=str)
    sys.stdout.write(_CONTROLS.sub(lambda m: m[0] if m[0] == "\n" else f"\\u{ord(m[0]):04x}", text) + "\n")


def print_json_line(value: Any) -> None:  # noqa: ANN401
    """Print one JSON document on one line."""
    sys.stdout.write(json.dumps(value, ensure_ascii=True, allow_nan=False, default=str) + "\n")
    sys.stdout.flush()


def megabytes(n_bytes: float) -> str:
    """Return a size for people."""
    for unit in ("B", "kB", "MB", "GB"):
        if n_bytes < 1000 or unit == "GB":
            return f"{n_bytes:.0f} {unit}" if unit == "B" else f"{n_bytes:.1f} {unit}"
        n_bytes /= 1000
    raise AssertionError
