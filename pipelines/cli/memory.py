"""``rag memory``: list and delete the memories of conversations."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from rag.errors import InvalidInput, StoreError

from ..plain_text import one_line
from . import exit_codes
from .options import Json, in_folder
from .output import print_json, stderr, stdout

app = typer.Typer(help="List and delete the memories of conversations.", no_args_is_help=True, rich_markup_mode=None)

Folder = Annotated[
    Path, typer.Argument(metavar="DIR", help="Folder that rag chat --memory was given.", callback=in_folder)
]
Found = TypeVar("Found")
User = Annotated[str | None, typer.Option(metavar="NAME", help="Only this user.")]


@app.command("list")
def list_(folder: Folder, user: User = None, json: Json = False) -> int:
    """Show users and their sessions, the last used first; also where another user's memory is damaged (exit 3)."""
    from rag.memory import sessions

    _check(folder)
    kept, code = _of_each(folder, user, lambda name: sessions(folder, name))
    found = [info for infos in kept.values() for info in infos]
    if json:
        print_json([asdict(info) for info in found])
        return code
    if not found:
        stdout().print("Nothing is kept.")
        return code
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in ("user", "session", "turns", "summaries", "last used"):
        table.add_column(column, justify="right" if column in {"turns", "summaries"} else "left", overflow="fold")
    for info in found:
        used = dt.datetime.fromtimestamp(info.last, tz=dt.UTC).strftime("%Y-%m-%d %H:%M UTC")
        table.add_row(one_line(info.user), one_line(info.session), str(info.turns), str(info.memories), used)
    stdout().print(table)
    return code


@app.command("delete")
def delete(
    folder: Folder,
    user: Annotated[str, typer.Option(metavar="NAME", help="Name of the user.")],
    session: Annotated[str | None, typer.Option(metavar="NAME", help="Only this session; without it, all.")] = None,
    json: Json = False,
) -> int:
    """Delete a session, or all of a user. No byte of it stays on disk."""
    _check(folder)
    gone = _delete_user(folder, user) if session is None else _delete_session(folder, user, session)
    if json:
        print_json({"user": user, "session": session, "deleted": gone})
    elif gone is None:
        stdout().print("Deleted: all of it. The memory was damaged, so its turns and summaries were not counted.")
    else:
        stdout().print(f"Deleted: {gone} turns and summaries.")
    return exit_codes.OK


def _delete_user(folder: Path, user: str) -> int | None:
    """Delete all of a user; return how many entries it was, None if they cannot be read."""
    from rag.memory import forget_user, sessions

    gone = None
    with suppress(StoreError):  # what is to be deleted need not be whole
        gone = sum(info.turns + info.memories for info in sessions(folder, user))
    forget_user(folder, user)
    return gone


def _delete_session(folder: Path, user: str, session: str) -> int:
    from rag.memory import Memory, purge_due, sessions

    names = sorted(info.session for info in sessions(folder, user))
    if session not in names and not purge_due(folder, user):  # else an earlier deletion is finished
        raise InvalidInput(f"user {user!r} has no session {session!r}; there are: {', '.join(names) or 'none'}")
    return Memory(folder, user=user, session=session).forget()


@app.command("expire")
def expire(folder: Folder, user: User = None, json: Json = False) -> int:
    """Delete everything that has expired, also of users that never come back. No byte of it stays on disk."""
    from rag.memory import Memory

    _check(folder)
    gone, code = _of_each(folder, user, lambda name: Memory(folder, user=name, session="any").expire())
    if json:
        print_json(gone)
    else:
        stdout().print(f"Deleted: {sum(gone.values())} turns and summaries of {sum(map(bool, gone.values()))} users.")
    return code


def _of_each(folder: Path, user: str | None, task: Callable[[str], Found]) -> tuple[dict[str, Found], int]:
    """Do a task for each user, or for one; return the results by name, and the exit code of the last that failed."""
    from rag.memory import known_users

    if user is not None:
        return {user: task(user)}, exit_codes.OK
    names, wrong = known_users(folder)
    found: dict[str, Found] = {}
    code = exit_codes.STORE_DAMAGED if wrong else exit_codes.OK
    for name in names:
        try:
            found[name] = task(name)
        except StoreError as error:
            wrong.append(f"user {name}: {error}")
            code = error.exit_code
    for line in wrong:
        stderr().print(one_line(line, 400), soft_wrap=True)
    return found, code


def _check(folder: Path) -> None:
    if not folder.is_dir():
        raise InvalidInput(f"{folder} is not a folder; give the one that rag chat --memory was given")
