"""The ``rag`` command. One file per command; this one only joins them and turns errors into exit codes."""

from __future__ import annotations

import os
import sys
import traceback
from typing import Any

from .exit_codes import BAD_USAGE, FAILED, INTERRUPTED, OK, STORE_DAMAGED, STORE_MISMATCH, STORE_UNWRITABLE
from .process import end_in_order, hear_every_interrupt, leave, open_streams, unfit


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    problem = unfit()
    open_streams()
    if problem:
        leave(_say(problem, FAILED))
    hear_every_interrupt()
    end_in_order()
    leave(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: list[str]) -> int:
    """Run the command line and return its exit code, without leaving the process."""
    from .app import root

    try:
        result = root()(args=arguments, prog_name="rag", standalone_mode=False)
    except BrokenPipeError:
        # The reader of our output went away (`rag search ... | head`): not an error. Python would complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the last line: a person gets a sentence and a code
        if os.environ.get("RAG_DEBUG"):
            traceback.print_exc()
        return _explain(error)
    if result == INTERRUPTED:  # newer Typers make an exit code of Ctrl-C, and say nothing
        return _interrupted()
    return result if isinstance(result, int) else OK


def _interrupted() -> int:
    return _say("interrupted; what was acknowledged is kept, run the same command again", INTERRUPTED)


def _explain(error: BaseException) -> int:
    """Say what went wrong and return the exit code for it."""
    import typer

    import indexes
    from rag.errors import RagError

    # Typer carries its own copy of click, or uses the installed one, by version: this finds the right base class.
    click_error: Any = typer.BadParameter.__mro__[2]
    if isinstance(error, typer.Abort | KeyboardInterrupt):
        return _interrupted()
    if isinstance(error, click_error):
        error.show()
        return BAD_USAGE
    code = next(
        (
            code
            for kind, code in (
                (RagError, getattr(error, "exit_code", FAILED)),
                (indexes.InvalidInput, BAD_USAGE),
                (indexes.IndexOutdated, STORE_MISMATCH),
                (indexes.IndexDamaged, STORE_DAMAGED),
                (indexes.IndexError_, FAILED),
                (OSError, STORE_UNWRITABLE),
            )
            if isinstance(error, kind)
        ),
        None,
    )
    if isinstance(error, MemoryError):
        return _say(
            f"not enough memory ({error or 'nothing more is known'}): give fewer or smaller files at once", FAILED
        )
    if code is None:
        return _say(f"unexpected {type(error).__name__}: {error} (RAG_DEBUG=1 shows where)", FAILED)
    if isinstance(error, OSError) and not isinstance(error, RagError) and error.filename is None:
        return _say(f"cannot write the output: {error.strerror or error}", code)
    return _say(str(error), code)


def _say(message: str, code: int) -> int:
    from ..plain_text import safe

    sys.stderr.write(f"error: {safe(message)}\n")
    return code
