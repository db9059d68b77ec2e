"""The base of all stores on servers: which snapshot is read, who may write, which index answers."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

import indexes
from indexes import Family, IdSet

from ..errors import InvalidInput
from ..filters import Filter
from ..terms import Analyser
from .address import Address
from .automatic_index import AUTO, FIRST
from .identity import Identity
from .postings_search import PostingsSearch, checked
from .protocol import Mode, Writing
from .sentence_search import SHARES, TwoGranularities
from .source_choice import named, vanished

_FILTERS_KEPT = 64


class State(Protocol):
    """One commit, as a server keeps it."""

    @property
    def seq(self) -> int:
        """Number of the last change."""
        ...

    @property
    def version(self) -> int:
        """Grows with what the server has in another arrangement."""
        ...

    @property
    def specs(self) -> Sequence[str]:
        """Specs of the indexes."""
        ...


class Snapshot(Protocol):
    """One state of the knowledge base, lent to a thread."""

    @property
    def state(self) -> State:
        """Its commit."""
        ...


class Snapshots(Protocol):
    """Lends the newest snapshot, or that of a view."""

    def reading(self) -> AbstractContextManager[Any]:
        """Lend one."""
        ...

    def view(self) -> AbstractContextManager[None]:
        """Keep one for a ``with`` block."""
        ...


class ServerWriting(Writing, Protocol):
    """What a server's store also writes by."""

    def drop_sources(self, goes: Callable[[str, str], bool]) -> int:
        """Remove the sources of which a function of name and location says so; return how many documents went."""
        ...

    def set_hidden(self, wanted: Iterable[str], *, to: bool) -> int:
        """See `KnowledgeBase.hide`."""
        ...


S = TypeVar("S", bound=Snapshot)
W = TypeVar("W")
"""The session that writes: it lends snapshots that see its own commits."""


class ServerStore(ABC, Generic[S, W]):
    """Part of `rag.store.protocol.Store`.

    Parameters
    ----------
    place
        The address.
    analyser
        Gives the terms of a text; called on first use.
    snapshots
        Lends a reader its snapshots.
    writer
        The session that writes; None for a reader.
    postings
        Keeps the postings that were fetched.
    """

    def __init__(
        self,
        place: Address,
        identity: Identity,
        analyser: Callable[[], Analyser],
        *,
        snapshots: Snapshots,
        writer: W | None,
        postings: Any,  # noqa: ANN401 - each server's own
    ) -> None:
        self._place = place
        self._identity = identity
        self._analyser = analyser
        self._snapshots = snapshots
        self._writer = writer
        self._reader: Any = snapshots if writer is None else writer
        self._postings = postings
        self._turn = threading.Lock()
        self._filters: OrderedDict[tuple[str, int, int], IdSet | None] = OrderedDict()
        self._searches: dict[str, Any] = {}
        self._seen: int | None = None

    # ---- what each server does in its own way ------------------------------------------------------------------------

    @abstractmethod
    def writing(self) -> ServerWriting:
        """Return what an ``add`` writes by."""

    @abstractmethod
    def purge(self) -> None:
        """See `KnowledgeBase.purge`."""

    @abstractmethod
    def chunk_ids(self) -> NDArray[np.int64]:
        """See `KnowledgeBase.chunk_ids`."""

    @abstractmethod
    def _vectors(self, spec: str) -> Any:  # noqa: ANN401 - searches as `indexes.DenseIndex` does
        """Return the index of chunks' vectors."""

    @abstractmethod
    def _sentences(self) -> Any:  # noqa: ANN401 - each server's own
        """Return the scores of sentences' vectors."""

    @abstractmethod
    def _allowed(self, snapshot: S, where: Filter | None) -> IdSet | None:
        """Return the visible chunks that a filter allows; None for all chunks."""

    # ---- facts -------------------------------------------------------------------------------------------------------

    @property
    def location(self) -> str:
        """The address without its password."""
        return self._place.shown

    @property
    def folder(self) -> Path | None:
        """None."""
        return None

    @property
    def identity(self) -> Identity:
        """What it was made with."""
        return self._identity

    @property
    def mode(self) -> Mode:
        """``r`` or ``w``."""
        return "r" if self._writer is None else "w"

    @property
    def seq(self) -> int:
        """Number of the last change in this view."""
        with self._reading() as snapshot:
            return snapshot.state.seq

    @property
    def specs(self) -> tuple[str, ...]:
        """Specs of its indexes."""
        with self._reading() as snapshot:
            return tuple(snapshot.state.specs)

    def view(self) -> AbstractContextManager[None]:
        """Keep one snapshot for all that is read in a ``with`` block; a writer reads its own commits."""
        return nullcontext() if self._writer is not None else self._snapshots.view()

    def refresh(self) -> bool:
        """Say whether anything has changed since the last call: each view is of the newest commit."""
        seq = self.seq
        before, self._seen = self._seen, seq
        return before is not None and before != seq

    @contextmanager
    def _reading(self) -> Iterator[S]:
        with self._reader.reading() as snapshot:
            if self._seen is None:
                self._seen = snapshot.state.seq
            yield snapshot

    def _write(self) -> W:
        if self._writer is None:
            raise InvalidInput(f"the knowledge base {self.location} is open for reading; open it with mode='w'")
        return self._writer

    def _has(self, family: str) -> bool:
        return any(indexes.kind(spec) == family for spec in self.specs)

    # ---- writing -----------------------------------------------------------------------------------------------------

    def remove(self, wanted: Iterable[str], *, purged: bool, folders: bool) -> int:
        """See `KnowledgeBase.remove`."""
        is_wanted = named(wanted, folders=folders)
        gone = self.writing().drop_sources(lambda name, _: is_wanted(name))
        if purged:
            self.purge()
        return gone

    def prune(self, roots: Iterable[str | Path], seen: Collection[str] | None) -> int:
        """See `KnowledgeBase.prune`."""
        return self.writing().drop_sources(vanished(roots, seen))

    def set_hidden(self, wanted: Iterable[str], *, to: bool) -> int:
        """See `KnowledgeBase.hide`."""
        return self.writing().set_hidden(wanted, to=to)

    # ---- searching ---------------------------------------------------------------------------------------------------

    def index(self, family: Family, spec: str | None) -> Any:  # noqa: ANN401 - of either kind
        """See `KnowledgeBase.index`."""
        found = next(
            (s for s in self.specs if indexes.kind(s) == family and spec in (None, s, s.partition(":")[0])), None
        )
        if found is None:
            what = f"index {spec!r}" if spec else f"index of {'vectors' if family == 'dense' else 'terms'}"
            raise InvalidInput(f"this knowledge base has no {what}, only {', '.join(self.specs)}; see `rag reindex`")
        if family == "terms":
            with self._turn:  # one for all: it keeps what it has worked out
                if found not in self._searches:
                    self._searches[found] = self._terms(found)
                return self._searches[found]
        return self._vectors(found)

    def _terms(self, spec: str) -> Any:  # noqa: ANN401 - searches as `indexes.TermIndex` does
        """Return the index of chunks' terms."""
        return PostingsSearch(self._reader, spec, self._postings, self.chunk_ids)

    def dense(self) -> Any:  # noqa: ANN401 - of either granularity
        """See `KnowledgeBase.dense`."""
        index = self.index("dense", None)
        if not self._identity.has_sentences:
            return index
        return TwoGranularities(index, self._sentences(), share=SHARES[self._identity.granularity])

    def allowed(self, where: Filter | None) -> IdSet | None:
        """See `KnowledgeBase.allowed`; kept until something changes."""
        with self._reading() as snapshot:
            key = (str(where or ""), snapshot.state.seq, snapshot.state.version)
            with self._turn:
                if key in self._filters:
                    self._filters.move_to_end(key)
                    return self._filters[key]
            found = self._allowed(snapshot, where)
        with self._turn:
            self._filters[key] = found
            while len(self._filters) > _FILTERS_KEPT:
                self._filters.popitem(last=False)
        return found


def concrete(
    specs: Sequence[str], engine: str, parsed: Callable[[str], str], terms: Callable[[str], str] | None = None
) -> list[str]:
    """Return the specs of indexes as a server has them, ``auto`` begun with exact search.

    Parameters
    ----------
    engine
        Its name, for the errors.
    parsed
        Returns the spec of an index of vectors as the server has it, or refuses it.
    terms
        The same for an index of terms; None for postings alone.

    Raises
    ------
    InvalidInput
        The server has none of that kind, two are of one kind, or there is none.
    """
    if isinstance(specs, str) or not specs:
        raise InvalidInput(f"indexes={specs!r}: give a list of specs, such as ['auto', 'bm25']")
    names = [FIRST if spec == AUTO else spec for spec in specs]
    terms_of = terms or (lambda spec: checked(spec, engine))
    made = [terms_of(name) if indexes.kind(name) == "terms" else parsed(name) for name in names]
    kinds = [indexes.kind(each) for each in made]
    if len(set(kinds)) < len(kinds):
        raise InvalidInput(
            f"indexes={list(specs)}: in {engine} a knowledge base has one index of vectors and one of terms"
        )
    return made
