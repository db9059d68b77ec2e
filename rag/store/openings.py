"""The views that a knowledge base is read through: a search keeps the one it began with, whoever moves on meanwhile."""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field

from indexes import IdSet

from .live import LiveIndexes
from .sentence_search import TwoGranularities
from .session import Session

_FILTERS_KEPT = 64


@dataclass(eq=False)
class Opening:
    """One view: the session, its indexes, and what was made of them.

    Attributes
    ----------
    filters
        Chunks that filters allow, by the filter's text and the number of the last change.
    both
        The index of vectors joined with that of sentences.
    leases
        How many readers keep it.
    """

    session: Session
    live: LiveIndexes
    filters: OrderedDict[tuple[str, int], IdSet | None] = field(default_factory=OrderedDict)
    both: TwoGranularities | None = None
    leases: int = 0
    turn: threading.Lock = field(default_factory=threading.Lock)

    def close(self) -> None:
        """Close it; may be called twice."""
        self.live.forget()
        self.session.close()

    def allowed(self, key: tuple[str, int], find: Callable[[], IdSet | None]) -> IdSet | None:
        """Return the chunks that a filter allows, found on first use."""
        with self.turn:
            if key in self.filters:
                self.filters.move_to_end(key)
                return self.filters[key]
        ids = find()
        with self.turn:
            self.filters[key] = ids
            while len(self.filters) > _FILTERS_KEPT:
                self.filters.popitem(last=False)
        return ids


_kept: ContextVar[tuple[tuple[Openings, Opening], ...]] = ContextVar("_kept", default=())


class Openings:
    """The newest opening, and older ones until their last reader has gone.

    Parameters
    ----------
    first
        The opening to begin with.
    reopen
        Opens the folder anew, for reading.
    """

    def __init__(self, first: Opening, reopen: Callable[[], Opening]) -> None:
        self._newest = first
        self._reopen = reopen
        self._lock = threading.Lock()
        self._refreshing = threading.Lock()

    @property
    def now(self) -> Opening:
        """The opening to read: the one that this context keeps, else the newest."""
        return next((opening for owner, opening in _kept.get() if owner is self), self._newest)

    @contextlib.contextmanager
    def lease(self) -> Iterator[None]:
        """Keep one opening for all that is read in the block, in threads too that it starts with its context."""
        if any(owner is self for owner, _ in _kept.get()):
            yield
            return
        with self._lock:
            opening = self._newest
            opening.leases += 1
        token = _kept.set((*_kept.get(), (self, opening)))
        try:
            yield
        finally:
            _kept.reset(token)
            with self._lock:
                opening.leases -= 1
                over = opening is not self._newest and not opening.leases
            if over:
                opening.close()

    def refresh(self) -> bool:
        """Move on to the newest commit; say whether anything has changed.

        Where nobody reads, the view itself moves, which costs next to nothing. Else a new opening is made, its indexes
        are loaded, and it takes the place of the old one; if nothing has changed, its connection does.
        """
        with self._refreshing:
            with self._lock:
                before = self._newest
                if before.session.mode == "w" or not before.leases:
                    return before.live.refresh()
            fresh = self._reopen()
            try:
                moved = fresh.session.mark != before.session.mark
                for spec in before.live.loaded if moved else ():
                    if spec in fresh.live.every:
                        fresh.live.get(spec)
            except BaseException:
                fresh.close()
                raise
            if not moved:
                before.session.adopt(fresh.session)
                fresh.close()
                return False
            with self._lock:
                self._newest = fresh
                unused = not before.leases
            if unused:
                before.close()
            return True

    def close(self) -> None:
        """Close the newest; older ones close with their last readers."""
        self._newest.close()
