"""``rag memory``: list and delete the memories of conversations."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from rag.errors import InvalidInput

from ..plain_text import one_line
from . import exit_codes
from .options import Json
from .output import print_json, stdout

app = typer.Typer(help="List and delete the memories of conversations.", no_args_is_help=True, rich_markup_mode=None)

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Folder that rag chat --memory was given.")]
User = Annotated[str | None, typer.Option(metavar="NAME", help="Only this user.")]


@app.command("list")
def list_(folder: Folder, user: User = None, json: Json = False) -> int:
    """Show users and their sessions, the last used first."""
    from rag.memory import sessions, users

    _check(folder)
    found = [info for name in ([user] if user else users(folder)) for info in sessions(folder, name)]
    if json:
        print_json([asdict(info) for info in found])
        return exit_codes.OK
    if not found:
        stdout().print("Nothing is kept.")
        return exit_codes.OK
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in ("user", "session", "turns", "summaries", "last used"):
        table.add_column(column, justify="right" if column in {"turns", "summaries"} else "left", overflow="fold")
    for info in found:
        used = dt.datetime.fromtimestamp(info.last, tz=dt.UTC).strftime("%Y-%m-%d %H:%M UTC")
        table.add_row(one_line(info.user), one_line(info.session), str(info.turns), str(info.memories), used)
    stdout().print(table)
    return exit_codes.OK


@app.command("delete")
def delete(
    folder: Folder,
    user: Annotated[str, typer.Option(metavar="NAME", help="Name of the user.")],
    session: Annotated[str | None, typer.Option(metavar="NAME", help="Only this session; without it, all.")] = None,
    json: Json = False,
) -> int:
    """Delete a session, or all of a user. No byte of it stays on disk."""
    from rag.memory import Memory, forget_user, sessions

    _check(folder)
    kept = sessions(folder, user)
    if session is None:
        gone = sum(info.turns + info.memories for info in kept)
        forget_user(folder, user)
    else:
        if session not in {info.session for info in kept}:
            names = ", ".join(sorted(info.session for info in kept)) or "none"
            raise InvalidInput(f"user {user!r} has no session {session!r}; there are: {names}")
        gone = Memory(folder, user=user, session=session).forget()
    if json:
        print_json({"user": user, "session": session, "deleted": gone})
    else:
        stdout().print(f"Deleted: {gone} turns and summaries.")
    return exit_codes.OK


@app.command("expire")
def expire(folder: Folder, user: User = None, json: Json = False) -> int:
    """Delete everything that has expired, also of users that never come back. No byte of it stays on disk."""
    from rag.memory import Memory, users

    _check(folder)
    gone = {name: Memory(folder, user=name, session="any").expire() for name in ([user] if user else users(folder))}
    if json:
        print_json(gone)
    else:
        stdout().print(f"Deleted: {sum(gone.values())} turns and summaries of {sum(map(bool, gone.values()))} users.")
    return exit_codes.OK


def _check(folder: Path) -> None:
    if not folder.is_dir():
        raise InvalidInput(f"{folder} is not a folder; give the one that rag chat --memory was given")
