"""An open knowledge base folder: the database, the lock, and a view that stays fixed for a reader."""

from __future__ import annotations

import contextlib
import shutil
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Literal, Self

from indexes.file_handles import sync

from ..errors import InvalidInput, StoreExists, StoreMissing
from . import database, schema
from .database import DATABASE, Connection
from .faults import damaged, file_faults, sqlite_faults
from .identity import Identity
from .lock import LOCK, Acknowledged, WriterLock, acknowledged
from .settings import keep_setting

GENERATIONS = "generations"
FEEDBACK = "feedback.sqlite"
"""What readers say about answers, see `rag.store.feedback_file`."""
NEW = DATABASE + ".new"
_NEW = (NEW, NEW + "-wal", NEW + "-shm", NEW + "-journal")
_OURS = {LOCK, *_NEW, GENERATIONS, FEEDBACK, FEEDBACK + "-wal", FEEDBACK + "-shm"}

Mode = Literal["r", "w"]


class Session:
    """One opening of a knowledge base, by one process; threads may share it.

    A reader sees the state of its opening, or of its last ``refresh``, whatever a writer does meanwhile. A writer sees
    its own commits.

    Attributes
    ----------
    folder, path
        The knowledge base and its SQLite file.
    identity
        What it was made with.
    """

    def __init__(self, folder: Path, mode: Mode, lock: WriterLock | None) -> None:
        self.folder = folder.absolute()  # of the moment: what is opened stays the same wherever the process goes
        self.path = self.folder / DATABASE
        self.mode: Mode = mode
        self._turn = threading.RLock()  # one connection, one thread at a time
        self._lock = lock
        self._db: Connection = None
        self._is_over = False  # it was made anew
        opener = database.open_writable if mode == "w" else database.open_readable
        said = acknowledged(folder)  # read before the database: a writer commits first, then notes it here
        self._db = opener(self.path)
        with file_faults(self.path):
            self._file = self.path.stat().st_ino
        try:
            with sqlite_faults(self.path):
                schema.migrate(self._db, self.path) if mode == "w" else schema.check_format(self._db, self.path)
                if mode == "r":
                    schema.complete_view(self._db, self.path)
                    self._pin()
                self.identity = Identity.read(self._db, self.path)
                self._check_acknowledged(said)
        except BaseException:
            self._db.close()
            raise
        self._note()

    # ---- opening and closing ----------------------------------------------------------------------------------

    @classmethod
    def open(cls, folder: Path, mode: Mode = "r", *, wait: float = 0.0) -> Session:
        """Open a knowledge base; see `KnowledgeBase.open` for the errors."""
        if mode not in ("r", "w"):
            raise InvalidInput(f"mode={mode!r}: give 'r' to search or 'w' to write")
        with file_faults(folder):
            there = looks_like_store(folder)
        if not there:
            raise StoreMissing(f"no knowledge base in {folder}; make one with `rag ingest DOCS --into {folder}`")
        if mode == "r":
            return cls(folder, mode, None)
        lock = WriterLock(folder)
        lock.acquire(wait)
        try:
            return cls(folder, mode, lock)
        except BaseException:
            lock.release(clean=False)
            raise

    @classmethod
    def create(cls, folder: Path, identity: Identity, settings: Mapping[str, str] = MappingProxyType({})) -> Session:
        """Make a knowledge base with some settings and open it for writing.

        It comes to be by one rename: a process killed before has made nothing, and may be run again.

        Raises
        ------
        StoreExists
            There is one, or the folder holds other files.
        StoreUnwritable
            The folder cannot be written, or its file system keeps no locks.
        """
        refuse_foreign(folder)
        with file_faults(folder):
            if not folder.exists():
                folder.mkdir(parents=True)
                folder.chmod(0o700)
        lock = WriterLock(folder)
        lock.acquire()
        try:
            refuse_foreign(folder)  # another process may have been faster
            cls._make(folder, identity, settings)
            return cls(folder, "w", lock)
        except BaseException:
            lock.release(clean=False)
            raise

    @staticmethod
    def _make(folder: Path, identity: Identity, settings: Mapping[str, str]) -> None:
        aside = folder / NEW
        with file_faults(folder):
            (folder / GENERATIONS).mkdir(exist_ok=True, mode=0o700)
            for name in _NEW:
                (folder / name).unlink(missing_ok=True)
        db = database.create(aside)
        with sqlite_faults(aside), contextlib.closing(db):
            schema.migrate(db, aside)
            with database.transaction(db):
                identity.write(db)
                for name, value in settings.items():
                    keep_setting(db, name, value)
            database.checkpoint(db)
        with file_faults(folder):
            aside.rename(folder / DATABASE)
            sync_folder(folder)

    def close(self) -> None:
        """Close; a writer's log is brought into the database file. May be called twice."""
        with self._turn:
            if self._db is None:
                return
            clean = True
            if self.mode == "w":
                try:
                    clean = database.checkpoint(self._db)
                except Exception:  # noqa: BLE001 - commits are safe in the log; the next opening takes them in
                    clean = False
            self._db.close()
            self._db = None
            if self._lock is not None:
                self._lock.release(clean=clean)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ---- reading and writing ----------------------------------------------------------------------------------

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """Lend the connection to this thread, for reading."""
        with self._turn, sqlite_faults(self.path):
            if self._is_over:
                raise self._made_anew()
            if self._db is None:
                raise InvalidInput(f"the knowledge base {self.folder} is closed; open it again")
            yield self._db

    @contextlib.contextmanager
    def writing(self) -> Iterator[Connection]:
        """Lend the connection for one transaction: if the block ends without error, its changes are durable."""
        if self.mode != "w":
            raise InvalidInput(f"the knowledge base {self.folder} is open for reading; open it with mode='w'")
        with self.reading() as db, database.transaction(db):
            yield db
        self._note()

    @property
    def seq(self) -> int:
        """Number of the last change in this view."""
        with self.reading() as db:
            return last_change(db)

    @property
    def mark(self) -> tuple[object, ...]:
        """What tells this view from others: its last change and its generations."""
        with self.reading() as db:
            return _mark(db)

    def check_same(self) -> None:
        """Notice that the knowledge base was deleted, or made anew, under a reader.

        Raises
        ------
        StoreMissing
            The file that was opened is no longer the one in the folder.
        """
        with contextlib.suppress(OSError):
            if self.path.stat().st_ino == self._file:
                return
        raise self._made_anew()

    def _made_anew(self) -> StoreMissing:
        return StoreMissing(f"{self.folder} was deleted or made anew since it was opened; open it again")

    def refresh(self) -> bool:
        """Move a reader's view to the newest commit; say whether anything has changed."""
        if self.mode == "w":
            return False
        with self.reading() as db:
            before = _mark(db)
            db.execute("rollback")
            self._pin()
            if Identity.read(db, self.path).store != self.identity.store:
                self._db.close()  # neither its model nor its ids fit what is there now
                self._db, self._is_over = None, True
                raise self._made_anew()
            return _mark(db) != before

    def adopt(self, other: Session) -> None:
        """Read through the connection of another session of the same mark, which is closed then.

        A view pins the part of the log that it began in: a purge waits until every reader has let it go.
        """
        with self._turn, other._turn:
            if self._db is not None:
                self._db.close()
                self._db, other._db = other._db, None

    def _pin(self) -> None:
        self._db.execute("begin")
        list(self._db.execute("select count(*) from meta"))  # a deferred transaction fixes its view at its first read

    def _note(self) -> None:
        if self._lock is not None:
            self._lock.write(Acknowledged(self.identity.store, self.seq))

    def _check_acknowledged(self, said: Acknowledged | None) -> None:
        if said is None or said.store != self.identity.store:
            return
        found = last_change(self._db)
        if said.seq > found:
            cause = f"commits up to change {said.seq} were acknowledged, and it ends at change {found}"
            raise damaged(f"{DATABASE}-wal", cause, fix="run `rag repair`, then ingest again")


def last_change(db: Connection) -> int:
    """Return the number of the last change."""
    return int(db.execute("select coalesce(max(seq), 0) from sqlite_sequence where name = 'changes'").get)


def _mark(db: Connection) -> tuple[object, ...]:
    return (last_change(db), *db.execute("select spec, folder from generations order by spec"))


def looks_like_store(folder: Path) -> bool:
    """Say whether a knowledge base is, or once was, in the folder."""
    return (folder / DATABASE).is_symlink() or (folder / DATABASE).exists() or _has_generations(folder)


def _has_generations(folder: Path) -> bool:
    """Say whether there are saved indexes: without a database, they are a damaged knowledge base."""
    place = folder / GENERATIONS
    return place.is_dir() and any(not entry.name.startswith(".") for entry in place.iterdir())


def refuse_foreign(folder: Path) -> None:
    """Refuse to make a knowledge base where something else is."""
    with file_faults(folder):
        _refuse_foreign(folder)


def _refuse_foreign(folder: Path) -> None:
    if looks_like_store(folder):
        raise StoreExists(f"there is a knowledge base in {folder} already; open it, or choose another folder")
    if not folder.exists():
        return
    if not folder.is_dir():
        raise StoreExists(f"{folder} is a file; choose another folder")
    foreign = sorted({entry.name for entry in folder.iterdir()} - _OURS)
    if foreign:
        raise StoreExists(f"{folder} holds other files ({', '.join(foreign[:3])}); choose an empty or new folder")


def sync_folder(folder: Path) -> None:
    """Make renames in a folder durable."""
    sync(folder)


def clear(path: Path) -> None:
    """Delete a file or folder, following no link."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
