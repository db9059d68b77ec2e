"""The users whose memories a folder holds: one knowledge base per user, in a folder of its own."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..errors import InvalidInput, StoreCorrupt
from ..knowledge_base import KnowledgeBase
from ..store.faults import file_faults
from ..store.lock import WriterLock
from ..whole_file import whole_file
from .turns import MEMORY, checked_name, number

_NAME = "user.json"
_STORE = "memory"
_GONE = ".gone-"


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """A session of a user: turns kept word for word, memories of older ones, and when it was last used."""

    user: str
    session: str
    turns: int
    memories: int
    last: float


def store_of(folder: Path, user: str) -> Path:
    """Return where the knowledge base of a user is, or would be."""
    return _home(folder, user) / _STORE


def _home(folder: Path, user: str) -> Path:
    # A digest, not the name: it is safe on every file system, and a listing of the folder does not reveal it.
    return folder / hashlib.sha256(checked_name("user", user).encode()).hexdigest()[:32]


def welcome(folder: Path, user: str) -> Path:
    """Make the folder of a user if it is missing, and return the place of the knowledge base."""
    home = _home(folder, user)
    with file_faults(home):
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = home / _NAME
        if not name.exists():
            with whole_file(name) as out:
                json.dump({"user": user}, out)
    return home / _STORE


def users(folder: Path) -> list[str]:
    """Return the names of all users with a memory, sorted.

    Raises
    ------
    StoreCorrupt
        A user's name cannot be read; the folder to delete is named.
    """
    found, damaged = known_users(folder)
    if damaged:
        raise StoreCorrupt(damaged[0])
    return found


def known_users(folder: Path) -> tuple[list[str], list[str]]:
    """Return the names of users with a memory, sorted, and a sentence for each one whose name cannot be read."""
    sweep(folder)
    found, damaged = [], []
    with file_faults(folder):
        entries = sorted(folder.iterdir()) if folder.is_dir() else []
    for entry in entries:
        if not KnowledgeBase.exists(entry / _STORE):
            continue
        try:
            found.append(_name_of(folder, entry))
        except (OSError, ValueError, KeyError, TypeError) as error:
            damaged.append(f"{entry / _NAME} is damaged ({error}); delete {entry} to forget this user")
    return sorted(found), damaged


def _name_of(folder: Path, home: Path) -> str:
    name = str(json.loads((home / _NAME).read_text(encoding="utf-8"))["user"])
    if _home(folder, name) != home:
        raise ValueError("it names another user than its folder")
    return name


def sessions(folder: Path, user: str) -> list[SessionInfo]:
    """Return the sessions of a user, the last used first."""
    place = store_of(folder, user)
    if not KnowledgeBase.exists(place):
        return []
    found: dict[str, tuple[int, int, float]] = {}
    with KnowledgeBase.open(place) as kb:
        for name in kb.document_ids():
            facts = kb.document(name).metadata
            turns, memories, last = found.get(str(facts["session"]), (0, 0, 0.0))
            kept = facts["kind"] == MEMORY
            last = max(last, number(facts, "at"))
            found[str(facts["session"])] = (turns + (not kept), memories + kept, last)
    infos = [SessionInfo(user, name, *facts) for name, facts in found.items()]
    return sorted(infos, key=lambda info: (-info.last, info.session))


def forget_user(folder: Path, user: str, *, wait: float = 10.0) -> None:
    """Delete all that is kept of a user, damaged or not: its folder goes aside by one rename, then byte by byte.

    If it is cut short after the rename, whoever next looks into the folder finishes it.

    Raises
    ------
    InvalidInput
        Nothing is kept of that user.
    StoreLocked
        Another process is writing to it.
    """
    home = _home(folder, user)
    swept = sweep(folder)
    if not home.is_dir() and any(name.startswith(_GONE + home.name) for name in swept):
        return  # the deletion was asked for before, and cut short
    if not home.is_dir():
        raise InvalidInput(f"nothing is kept of user {user!r} in {folder}")
    aside = folder / f"{_GONE}{home.name}.{os.urandom(4).hex()}"
    lock = WriterLock(home / _STORE)
    if (home / _STORE).is_dir():
        with suppress(StoreCorrupt):  # nobody writes where there is no file to lock
            lock.acquire(wait)
    try:
        with file_faults(home):
            home.rename(aside)
    finally:
        lock.release()
    with file_faults(aside):
        shutil.rmtree(aside)


def sweep(folder: Path) -> list[str]:
    """Finish deleting the users whose deletion was cut short; return the names of their folders."""
    with file_faults(folder):
        gone = list(folder.glob(f"{_GONE}*"))
        for entry in gone:
            shutil.rmtree(entry, ignore_errors=True)  # another process may be deleting it as well
    return [entry.name for entry in gone]


def purge_due(folder: Path, user: str) -> bool:
    """Say whether a deletion was cut short, so that bytes of it are left in the user's memory."""
    place = store_of(folder, user)
    if not KnowledgeBase.exists(place):
        return False
    with KnowledgeBase.open(place) as kb:
        return kb.status().purge_due
