"""Output of commands: consoles for people, JSON for scripts."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..plain_text import CONTROLS
from .minutely import a_line_a_minute

if TYPE_CHECKING:
    from rich.console import Console


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
    sys.stdout.write(CONTROLS.sub(lambda m: m[0] if m[0] == "\n" else f"\\u{ord(m[0]):04x}", text) + "\n")


def print_json_line(value: Any) -> None:  # noqa: ANN401
    """Print one JSON document on one line."""
    sys.stdout.write(json.dumps(value, ensure_ascii=True, allow_nan=False, default=str) + "\n")
    sys.stdout.flush()


@contextmanager
def progress_bar(show: bool, *columns: str, **fields: Any) -> Iterator[Callable[..., None] | None]:  # noqa: ANN401
    """Show a progress bar on a terminal; elsewhere a line a minute.

    Parameters
    ----------
    columns
        ``bar``, ``count``, ``share``, ``elapsed``, ``left``, or a text with ``{task.fields[...]}``.
    fields
        First values of the fields in texts.

    Yields
    ------
    function or None
        Updates ``total``, ``completed``, ``description`` and fields; None on a terminal where no bar is wanted.
    """
    console = stderr()
    if not console.is_terminal:
        with a_line_a_minute() as update:
            yield update
        return
    if not show:
        yield None
        return
    from rich import progress as rich

    known: dict[str, Callable[[], rich.ProgressColumn]] = {
        "bar": lambda: rich.BarColumn(20 if console.width >= 76 else 10),
        "count": rich.MofNCompleteColumn,
        "share": rich.TaskProgressColumn,
        "elapsed": rich.TimeElapsedColumn,
        "left": rich.TimeRemainingColumn,
    }
    made = [known[column]() if column in known else rich.TextColumn(column) for column in columns]
    with rich.Progress(*made, console=console, transient=True) as bar:
        task = bar.add_task("", total=None, **fields)
        yield lambda **changes: bar.update(task, **changes)


@contextmanager
def told_if_interrupted(text: str) -> Iterator[None]:
    """On Ctrl-C, say what is kept and how to continue."""
    try:
        yield
    except KeyboardInterrupt:
        stderr().print(text, style="yellow", soft_wrap=True, markup=False)
        raise


def megabytes(n_bytes: float) -> str:
    """Return a size for people."""
    for unit in ("B", "kB", "MB", "GB"):
        if n_bytes < 1000 or unit == "GB":
            return f"{n_bytes:.0f} {unit}" if unit == "B" else f"{n_bytes:.1f} {unit}"
        n_bytes /= 1000
    raise AssertionError
