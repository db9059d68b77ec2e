"""The store in one folder: SQLite, and indexes in files beside it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from indexes import Family, IdSet

from ..documents.document import Document
from ..filters import VISIBLE, Filter
from . import automatic_index, exporting, hiding, maintenance, reading, removal, repairing, verifying
from .contents import SENTENCES
from .generations import AnyIndex
from .granularity import chunks_of
from .identity import Identity
from .live import LiveIndexes
from .openings import Opening, Openings
from .records import ChunkPlace, ChunkRecord, RepairReport, SourceInfo, Status, VerifyReport
from .sentence_search import SHARES, BestSentences, TwoGranularities
from .session import Mode, Session
from .session_writing import SessionWriting
from .settings import setting, settings
from .writing import Exported

if TYPE_CHECKING:
    from ..terms import Analyser


class LocalStore:
    """A knowledge base in a folder, see `rag.store.protocol.Store`.

    Parameters
    ----------
    session
        The open folder.
    analyser
        Gives the terms of a text; called on first use.
    """

    def __init__(self, session: Session, analyser: Callable[[], Analyser]) -> None:
        def opening(session: Session) -> Opening:
            return Opening(session, LiveIndexes(session, analyser))

        self.openings = Openings(opening(session), lambda: opening(Session.open(session.folder)))

    @property
    def session(self) -> Session:
        """The session that this context reads."""
        return self.openings.now.session

    @property
    def live(self) -> LiveIndexes:
        """Its indexes."""
        return self.openings.now.live

    @property
    def location(self) -> str:
        """The folder."""
        return str(self.session.folder)

    @property
    def folder(self) -> Path | None:
        """The folder."""
        return self.session.folder

    @property
    def identity(self) -> Identity:
        """What it was made with."""
        return self.session.identity

    @property
    def mode(self) -> Mode:
        """``r`` or ``w``."""
        return self.session.mode

    @property
    def seq(self) -> int:
        """Number of the last change in this view."""
        return self.session.seq

    @property
    def specs(self) -> tuple[str, ...]:
        """Specs of its indexes."""
        return self.live.specs

    @property
    def automatic(self) -> str | None:
        """The index of vectors that was chosen as it grew; None if the indexes were named."""
        with self.session.reading() as db:
            choice = automatic_index.choice(db)
        return None if choice is None else choice.spec

    def close(self) -> None:
        """Close it; may be called twice."""
        self.openings.close()

    def refresh(self) -> bool:
        """See `KnowledgeBase.refresh`."""
        return self.openings.refresh()

    def view(self) -> AbstractContextManager[None]:
        """See `KnowledgeBase.view`."""
        return self.openings.lease()

    # ---- writing ----------------------------------------------------------------------------------------------

    def writing(self) -> SessionWriting:
        """Return what an ``add`` writes by."""
        return SessionWriting(self.session)

    def grow(self) -> None:
        """See `rag.store.live.LiveIndexes.grow`."""
        self.live.grow()

    def remove(self, wanted: Iterable[str], *, purged: bool, folders: bool) -> int:
        """See `KnowledgeBase.remove`."""
        return removal.remove(self.session, self.live, wanted, purged=purged, folders=folders)

    def prune(self, roots: Iterable[str | Path], seen: Collection[str] | None) -> int:
        """See `KnowledgeBase.prune`."""
        return removal.prune(self.session, self.live, roots, seen)

    def set_hidden(self, wanted: Iterable[str], *, to: bool) -> int:
        """See `KnowledgeBase.hide`."""
        return hiding.set_hidden(self.session, wanted, to=to)

    def reindex(self, specs: Sequence[str]) -> None:
        """See `KnowledgeBase.reindex`."""
        self.live.reindex(specs)

    def purge(self) -> None:
        """See `KnowledgeBase.purge`."""
        removal.purge(self.session, self.live)

    def finish(self) -> None:
        """Finish what a killed writer has left."""
        self.live.sweep()
        removal.finish(self.session, self.live)

    # ---- health -----------------------------------------------------------------------------------------------

    def status(self) -> Status:
        """See `KnowledgeBase.status`."""
        return maintenance.status(self.session, self.live)

    def verify(self) -> VerifyReport:
        """See `KnowledgeBase.verify`."""
        return verifying.verify(self.session)

    def repair(self) -> RepairReport:
        """See `KnowledgeBase.repair`."""
        return repairing.repair(self.session, self.live)

    # ---- searching --------------------------------------------------------------------------------------------

    def index(self, family: Family, spec: str | None) -> AnyIndex:
        """See `KnowledgeBase.index`."""
        return self.live.get(self.live.spec(family, spec))

    def dense(self) -> AnyIndex:
        """See `KnowledgeBase.dense`."""
        with self.view():
            opening, index = self.openings.now, self.index("dense", None)
            if self.identity.granularity == "chunk":
                return index
            sentences = opening.live.get(SENTENCES)
            with opening.turn:
                both = opening.both
                if both is None or both.index is not index or both.sentences.index is not sentences:
                    both = TwoGranularities(index, BestSentences(sentences), share=SHARES[self.identity.granularity])
                    opening.both = both
                return both

    def allowed(self, where: Filter | None) -> IdSet | None:
        """See `KnowledgeBase.allowed`."""
        query, values = (VISIBLE, []) if where is None else where.sql()

        def find() -> IdSet | None:
            with self.session.reading() as db:
                if where is None and not hiding.hidden(db):
                    return None
                return IdSet(np.fromiter((row[0] for row in db.execute(query, values)), np.int64))

        with self.view():
            return self.openings.now.allowed((str(where or ""), self.seq), find)

    # ---- reading ----------------------------------------------------------------------------------------------

    def setting(self, name: str) -> str | None:
        """See `KnowledgeBase.setting`."""
        with self.session.reading() as db:
            return setting(db, name)

    def settings(self) -> dict[str, str]:
        """Return all texts that are kept."""
        with self.session.reading() as db:
            return settings(db)

    def exported(self) -> Iterator[Exported]:
        """Yield all documents, source by source, with their embeddings."""
        return exporting.exported(self.session)

    def sources(self) -> dict[str, SourceInfo]:
        """See `KnowledgeBase.sources`."""
        with self.session.reading() as db:
            return reading.sources(db)

    def document_ids(self, where: Filter | None) -> list[str]:
        """See `KnowledgeBase.document_ids`."""
        with self.session.reading() as db:
            return reading.document_ids(db, None if where is None else where.sql())

    def document(self, name: str) -> Document:
        """See `KnowledgeBase.document`."""
        with self.session.reading() as db:
            return reading.document(db, name)

    def modified(self, documents: Iterable[str]) -> dict[str, float]:
        """See `KnowledgeBase.modified`."""
        with self.session.reading() as db:
            return reading.modified(db, documents)

    def digests(self, documents: Iterable[str]) -> dict[str, str]:
        """See `KnowledgeBase.digests`."""
        with self.session.reading() as db:
            return reading.digests(db, documents)

    def chunk_ids(self) -> NDArray[np.int64]:
        """See `KnowledgeBase.chunk_ids`."""
        with self.session.reading() as db:
            return reading.chunk_ids(db)

    def chunks(self, ids: Iterable[int]) -> list[ChunkRecord]:
        """See `KnowledgeBase.chunks`."""
        with self.session.reading() as db:
            return reading.chunks(db, ids)

    def places(self, documents: Iterable[str]) -> list[ChunkPlace]:
        """Return where the chunks of documents are, hidden ones too."""
        with self.session.reading() as db:
            return reading.places(db, documents)

    def vectors(self, ids: Iterable[int]) -> NDArray[np.float32]:
        """See `KnowledgeBase.vectors`."""
        with self.session.reading() as db:
            return reading.vectors(db, ids, self.identity.dim)

    def sentence_vectors(self, ids: Iterable[int]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """See `KnowledgeBase.sentence_vectors`."""
        with self.session.reading() as db:
            vectors, sentences = reading.sentence_vectors(db, ids, self.identity.dim)
        return vectors, chunks_of(sentences)

    def token_codes(self, ids: Iterable[int]) -> list[bytes | None]:
        """See `KnowledgeBase.token_codes`."""
        if not self.identity.has_tokens:
            return [None for _ in ids]
        with self.session.reading() as db:
            return reading.token_codes(db, ids)
