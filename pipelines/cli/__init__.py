"""The ``rag`` command. One file per command; this one only joins them and turns errors into exit codes."""

from __future__ import annotations

import os
import sys
import traceback

from .exit_codes import BAD_USAGE, FAILED, INTERRUPTED, STORE_UNWRITABLE


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: list[str]) -> int:
    """Run the command line and return its exit code, without leaving the process."""
    import click

    import indexes
    from rag.errors import RagError

    from .app import app

    try:
        result = app(args=arguments, prog_name="rag", standalone_mode=False)
    except click.exceptions.Abort:
        return INTERRUPTED
    except click.ClickException as error:
        error.show()
        return BAD_USAGE
    except RagError as error:
        return _say(str(error), error.exit_code)
    except indexes.InvalidInput as error:
        return _say(str(error), BAD_USAGE)
    except indexes.IndexError_ as error:
        return _say(str(error), FAILED)
    except KeyboardInterrupt:
        return _say("interrupted; what was acknowledged is kept, run the same command again to go on", INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output went away (`rag search ... | head`): not an error. Python would complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        return _say(str(error), STORE_UNWRITABLE)
    except Exception as error:  # noqa: BLE001 - the last line of defence: a person gets a sentence, a developer the trace
        if os.environ.get("RAG_DEBUG"):
            traceback.print_exc()
        return _say(f"unexpected {type(error).__name__}: {error} (RAG_DEBUG=1 shows where)", FAILED)
    return result if isinstance(result, int) else 0


def _say(message: str, code: int) -> int:
    from .output import safe

    sys.stderr.write(f"error: {safe(message)}\n")
    return code
