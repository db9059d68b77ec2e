"""A cache of completions: the same question to the same model about the same passages costs nothing.

The key is a digest of everything that decides the answer, so a changed document, option or rule finds nothing old. A
cache holds text of the documents: keep its file where the documents may be, and empty it with `clear`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sqlite3
import threading
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from ..errors import InvalidInput, StoreCorrupt, StoreUnwritable
from .language_model import Completion, Message, Usage
from .sampling import Sampling

KEPT = 1000


class CompletionCache:
    """The most recently used completions, by `content_key`.

    Parameters
    ----------
    path
        A SQLite file, made where it is missing, readable by its owner only; None keeps them in memory.
    size
        Completions to keep.

    Raises
    ------
    InvalidInput
        ``size`` is below 1.
    StoreUnwritable
        The file cannot be made or written.
    StoreCorrupt
        The file is not a cache, or damaged.

    Notes
    -----
    Threads and processes may share one. Answers that were cut off are never kept.

    Examples
    --------
    >>> cache = CompletionCache()
    >>> cache.put("key", Completion(("Yes.",)))
    >>> cache.get("key").text
    'Yes.'
    """

    def __init__(self, path: str | Path | None = None, *, size: int = KEPT) -> None:
        if size < 1:
            raise InvalidInput(f"size={size}: a cache keeps 1 completion or more")
        self.path = None if path is None else Path(path).absolute()
        self.size = size
        self._turn = threading.Lock()
        self._memory = sqlite3.connect(":memory:", check_same_thread=False) if path is None else None
        if self._memory is not None:
            weakref.finalize(self, self._memory.close)
        with self._open() as db:
            db.execute(
                "create table if not exists completions (key text primary key, value text not null, used integer)"
            )

    def get(self, key: str) -> Completion | None:
        """Return what is kept under a key, if anything."""
        with self._open() as db:
            row = db.execute("select value from completions where key = ?", (key,)).fetchone()
            if row is None:
                return None
            db.execute("update completions set used = (select max(used) + 1 from completions) where key = ?", (key,))
        return self._read(row[0])

    def put(self, key: str, completion: Completion) -> None:
        """Keep a completion; the least recently used one goes."""
        value = json.dumps({"texts": completion.texts, "usage": asdict(completion.usage)})
        with self._open() as db:
            last = db.execute("select coalesce(max(used), 0) from completions").fetchone()[0]
            db.execute("insert or replace into completions values (?, ?, ?)", (key, value, last + 1))
            db.execute(
                "delete from completions where key not in (select key from completions order by used desc limit ?)",
                (self.size,),
            )

    def clear(self) -> None:
        """Forget everything, also on disk."""
        with self._open() as db:
            db.execute("delete from completions")

    def __repr__(self) -> str:
        return f"CompletionCache({str(self.path) if self.path else None!r}, size={self.size})"

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        if self.path is None:
            assert self._memory is not None  # noqa: S101 - tells mypy
            with self._turn, self._memory:
                yield self._memory
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as error:
            raise StoreUnwritable(f"cannot write the answer cache {self.path}: {error.strerror}") from error
        db = sqlite3.connect(self.path, timeout=5.0)
        try:
            db.execute("pragma secure_delete = on")
            with db:
                yield db
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise StoreUnwritable(f"cannot use the answer cache {self.path}: {error}") from error
            raise StoreCorrupt(f"{self.path} is not an answer cache, or is damaged ({error}); delete it") from error
        finally:
            db.close()

    def _read(self, value: str) -> Completion:
        try:
            row = json.loads(value)
            return Completion(tuple(row["texts"]), Usage(**row["usage"]))
        except (KeyError, TypeError, ValueError) as error:
            raise StoreCorrupt(f"{self.path} holds something other than a completion; delete it") from error


def content_key(
    model: Sequence[str], sampling: Sampling, version: int, messages: Sequence[Message], constraint: str = ""
) -> str:
    """Return the digest of everything that decides an answer.

    Parameters
    ----------
    model
        Its name and revision.
    messages
        Without the nonce, which differs from request to request.
    """
    facts = [list(model), asdict(sampling), version, [(each.role, each.content) for each in messages], constraint]
    return hashlib.sha256(json.dumps(facts, sort_keys=True, ensure_ascii=False).encode(errors="replace")).hexdigest()
