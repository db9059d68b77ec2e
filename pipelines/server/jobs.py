"""Jobs: uploads on their way into a knowledge base, one after another, each with its progress and its account."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from rag.errors import Busy

from .errors import Forbidden, NoSuch, told
from .principals import Principal

if TYPE_CHECKING:
    from ..ingest import IngestProgress

log = logging.getLogger(__name__)
State = Literal["waiting", "running", "done", "failed", "cancelled"]
MOST_WAITING = 16
_REMEMBERED = 200
ENDS: frozenset[State] = frozenset({"done", "failed", "cancelled"})


class Cancelled(Exception):  # noqa: N818
    """Raised inside a job that was cancelled."""


@dataclass(eq=False, slots=True)
class Job:
    """One upload.

    Attributes
    ----------
    principal
        Whose it is: for others it is not there.
    files
        Names of its files.
    progress
        How far it is.
    report
        What came of it: documents, failures, and the account of what was read.
    """

    principal: Principal
    kb: str
    files: Sequence[str]
    id: str = field(default_factory=lambda: secrets.token_hex(12))
    state: State = "waiting"
    created: float = field(default_factory=time.time)
    progress: dict[str, Any] = field(default_factory=dict)
    report: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def version(self) -> tuple[Any, ...]:
        """Differs where there is something new to tell."""
        return self.state, tuple(self.progress.values())

    def told(self) -> dict[str, Any]:
        """Return the job for JSON."""
        names = ("id", "kb", "files", "state", "created", "progress", "report", "error")
        return {name: getattr(self, name) for name in names}

    def update(self, progress: IngestProgress) -> None:
        """Note how far it is; raises `Cancelled` where nobody wants it any more."""
        self.progress = {name: value for name, value in asdict(progress).items() if name != "embedded"}  # as `writing`
        self.check()

    def check(self) -> None:
        """Raise `Cancelled` where nobody wants it any more."""
        if self.cancelled.is_set():
            raise Cancelled


Work = Callable[[Job], dict[str, Any]]


class Jobs:
    """All jobs of a server: one runs at a time, for one process at a time writes to a knowledge base.

    Parameters
    ----------
    taken
        Whether the server takes any.
    """

    def __init__(self, *, taken: bool = True) -> None:
        self.taken = taken
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="uploads")
        self._known: deque[Job] = deque(maxlen=_REMEMBERED)
        self._turn = threading.Lock()

    def check(self) -> None:
        """Refuse what would write where the server takes nothing.

        Raises
        ------
        Forbidden
            It takes nothing.
        """
        if not self.taken:
            raise Forbidden("this server takes no documents: rag serve --uploads does")

    def check_room(self) -> None:
        """Refuse another job where too many wait; raises `Busy`, or as `check`."""
        self.check()
        if sum(each.state not in ENDS for each in self.of_all()) >= MOST_WAITING:
            raise Busy(f"{MOST_WAITING} uploads wait, as many as may: send it again in a moment")

    def of_all(self) -> list[Job]:
        """Return the jobs of all, the oldest first."""
        with self._turn:
            return list(self._known)

    def start(self, job: Job, work: Work) -> Job:
        """Put a job behind the others; ask `check_room` before."""
        with self._turn:
            self._known.append(job)
        self._worker.submit(self._run, job, work)
        return job

    def get(self, principal: Principal, name: str) -> Job:
        """Return a principal's own job.

        Raises
        ------
        NoSuch
            The principal has none of that id.
        """
        found = next((each for each in self.of(principal) if each.id == name), None)
        if found is None:
            raise NoSuch(f"there is no job {name[:40]!r}")
        return found

    def of(self, principal: Principal) -> list[Job]:
        """Return a principal's own jobs, the newest first; raises as `check`."""
        self.check()
        return [each for each in reversed(self.of_all()) if each.principal == principal]

    def close(self) -> None:
        """Cancel what runs and waits, and wait for its end."""
        for each in self.of_all():
            each.cancelled.set()
        self._worker.shutdown(wait=True, cancel_futures=False)

    def _run(self, job: Job, work: Work) -> None:
        try:
            job.state = "running"
            job.report = work(job)
            job.state = "done"
        except Cancelled:
            job.state = "cancelled"
        except Exception as error:  # whatever it is, the next job runs
            log.exception("an upload failed")
            job.error = told(error)["error"]
            job.state = "failed"
