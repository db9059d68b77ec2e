"""The knowledge base: documents, chunks, vectors and indexes in one folder.

The parts are in `rag.store`; this file is what the rest of the toolkit, and users, see of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn, Self

import numpy as np
from numpy.typing import NDArray

from indexes import Family, IdSet, Metric

from .documents import Document
from .embedding.protocol import Embedder
from .errors import StoreExists, StoreMismatch
from .filter_parser import parse
from .filters import VISIBLE, Filter
from .store import hiding, maintenance, reading, reembedding, removal, repairing, verifying
from .store.contents import SENTENCES
from .store.generations import AnyIndex
from .store.granularity import AUTO, Granularity, chunks_of
from .store.live import LiveIndexes
from .store.making import StoreTools, canonical, checked_specs, new_identity
from .store.openings import Opening, Openings
from .store.pipeline import OnCommit, OnProgress, Pipeline
from .store.records import (
    AddFailure,
    AddProgress,
    AddReport,
    ChunkRecord,
    Problem,
    RepairReport,
    SourceInfo,
    Status,
    VerifyReport,
)
from .store.sentence_search import SHARES, BestSentences, TwoGranularities
from .store.session import Mode, Session, looks_like_store, refuse_foreign
from .store.settings import keep_setting, setting

if TYPE_CHECKING:
    from .chunking import Chunker
    from .terms import Analyser

__all__ = [
    "AddFailure",
    "AddProgress",
    "AddReport",
    "ChunkRecord",
    "KnowledgeBase",
    "Problem",
    "RepairReport",
    "SourceInfo",
    "Status",
    "VerifyReport",
]

DEFAULT_INDEXES = ("flat", "bm25")
DEFAULT_CHUNKER = "headings:256/32"
DEFAULT_GRANULARITY = AUTO


class KnowledgeBase:
    """Documents, chunks, embeddings and indexes in one folder; made by `create`, opened by `open`.

    `open_or_create` does what is needed.

    One process writes at a time, any number read. A reader sees the state of its first search until it calls `refresh`;
    what ``add`` has acknowledged survives a kill or a power cut. Threads may share an open knowledge base.

    Examples
    --------
    >>> import tempfile
    >>> from rag.embedding import HashingEmbedder
    >>> folder = tempfile.mkdtemp()
    >>> with KnowledgeBase.create(folder, embedder=HashingEmbedder(), chunker="document") as kb:
    ...     report = kb.add([Document.from_text("Otters hold hands.", id="otters")])
    ...     ids = kb.index("terms").search([kb.analyser.terms("Do otters hold hands?")], k=1).ids
    ...     kb.chunks(ids[0])[0].document
    'otters'
    """

    def __init__(self, session: Session, tools: StoreTools) -> None:
        self._tools = tools

        def opening(session: Session) -> Opening:
            return Opening(session, LiveIndexes(session, lambda: tools.analyser))

        self._openings = Openings(opening(session), lambda: opening(Session.open(session.folder)))

    @property
    def _session(self) -> Session:
        return self._openings.now.session

    @property
    def _live(self) -> LiveIndexes:
        return self._openings.now.live

    # ---- making and opening -----------------------------------------------------------------------------------

    @classmethod
    def create(
        cls,
        path: str | Path,
        *,
        indexes: Sequence[str] = DEFAULT_INDEXES,
        embedder: Embedder | str | None = None,
        chunker: Chunker | str = DEFAULT_CHUNKER,
        metric: Metric = "cosine",
        analyser: str = "english",
        granularity: str = DEFAULT_GRANULARITY,
    ) -> KnowledgeBase:
        """Make an empty knowledge base and open it for writing.

        Parameters
        ----------
        path
            A new or empty folder.
        indexes
            Specs of the engines to search with, such as ``("hnsw:M=32", "bm25")``; `reindex` changes them later.
        embedder
            A model's name or folder, or any `Embedder`; all-MiniLM-L6-v2 if None.
        chunker
            Spec such as ``"tokens:256/32"``, or any `Chunker`.
        metric
            ``cosine``, ``ip`` or ``l2``.
        analyser
            Language of the terms, see `rag.terms.Analyser`.
        granularity
            ``chunk``: a vector a chunk. ``chunk+late`` and ``chunk+sentence``: one for each of its sentences as well,
            see `rag.store.granularity`; they find more, for more memory and, the second, twice the time to embed.
            ``auto``: ``chunk+late`` if the embedder shows the states of its tokens, ``chunk`` else.

        Raises
        ------
        StoreExists
            The folder holds a knowledge base, or other files.
        StoreUnwritable
            The folder cannot be written, or its file system keeps no locks.
        InvalidInput
            A spec that does not exist.
        """
        folder = Path(path)
        refuse_foreign(folder)  # before the model is loaded
        tools = StoreTools(folder, embedder, chunker, analyser)
        identity = new_identity(tools, indexes, metric, granularity)
        return cls(Session.create(folder, identity), tools)

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        mode: Mode = "r",
        embedder: Embedder | str | None = None,
        chunker: Chunker | str | None = None,
        metric: Metric | None = None,
        analyser: str | None = None,
        granularity: str | None = None,
        wait: float = 0.0,
    ) -> KnowledgeBase:
        """Open a knowledge base.

        Parameters
        ----------
        mode
            ``"r"`` to search, also in a folder that is read-only; ``"w"`` to write, one process at a time.
        embedder, chunker, metric, analyser, granularity
            None takes what it was made with; anything else must be that.
        wait
            Seconds to wait for another writer.

        Raises
        ------
        StoreMissing
            There is none.
        StoreCorrupt
            A file is damaged; names it.
        StoreMismatch
            It was made with something else, or by a newer version; names both and what to do.
        StoreLocked
            Another process writes to it.
        StoreUnwritable
            It cannot be written (mode ``"w"``) or not be read.
        """
        folder = Path(path)
        session = Session.open(folder, mode, wait=wait)
        try:
            tools = StoreTools(folder, embedder, chunker, analyser, identity=session.identity)
            session.identity.check(folder, metric=metric, granularity=granularity)
            kb = cls(session, tools)
            if mode == "w":
                kb._live.sweep()
                removal.finish(session, kb._live)
        except BaseException:
            session.close()
            raise
        return kb

    @classmethod
    def open_or_create(
        cls,
        path: str | Path,
        *,
        indexes: Sequence[str] | None = None,
        embedder: Embedder | str | None = None,
        chunker: Chunker | str | None = None,
        metric: Metric | None = None,
        analyser: str | None = None,
        granularity: str | None = None,
        wait: float = 0.0,
    ) -> KnowledgeBase:
        """Open a knowledge base for writing; make it first where there is none.

        Parameters
        ----------
        path, indexes, embedder, chunker, metric, analyser, granularity
            As in `create`; None takes the default of a new one. An existing one must have been made with what is given.
        wait
            Seconds to wait for another writer.

        Raises
        ------
        StoreExists
            The folder holds other files.
        StoreMismatch
            It was made with something else; names both and what to do.
        StoreLocked, StoreUnwritable, StoreCorrupt, InvalidInput
            As in `create` and `open`.

        Examples
        --------
        >>> with KnowledgeBase.open_or_create("kb") as kb:      # doctest: +SKIP
        ...     kb.add(load("docs/"))
        """
        own = {"embedder": embedder, "chunker": chunker, "metric": metric, "analyser": analyser}
        if not cls.exists(path):
            making = {"indexes": indexes, "granularity": granularity, **own}
            try:
                return cls.create(path, **{name: value for name, value in making.items() if value is not None})  # type: ignore[arg-type]
            except StoreExists:
                if not cls.exists(path):  # else another process was first
                    raise
        measured = None if granularity == AUTO else granularity
        kb = cls.open(path, mode="w", granularity=measured, wait=wait, **own)  # type: ignore[arg-type]
        if indexes is not None and canonical(indexes) != canonical(kb.indexes):
            have, want = (" ".join(f"--index {spec}" for spec in specs) for specs in (kb.indexes, indexes))
            kb.close()
            raise StoreMismatch(f"{path} has {have}, not {want}; change its indexes with: rag reindex {path} {want}")
        return kb

    @staticmethod
    def exists(path: str | Path) -> bool:
        """Say whether there is a knowledge base in a folder, whole or damaged."""
        return looks_like_store(Path(path))

    def close(self) -> None:
        """Close it; may be called twice."""
        self._openings.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Refuse to be copied or pickled; another process opens the folder."""
        raise TypeError(
            f"a knowledge base cannot be copied or pickled: KnowledgeBase.open({str(self.path)!r}) where it is needed"
        )

    def __repr__(self) -> str:
        return f"KnowledgeBase({str(self.path)!r}, {', '.join(self.indexes)})"

    # ---- facts -------------------------------------------------------------------------------------------------

    @property
    def path(self) -> Path:
        """The folder."""
        return self._session.folder

    @property
    def embedder(self) -> Embedder:
        """The embedder, loaded and compared with the stored identity on first use."""
        return self._tools.embedder

    @property
    def chunker(self) -> Chunker:
        """The chunker."""
        return self._tools.chunker

    @property
    def analyser(self) -> Analyser:
        """Turns texts and questions into terms."""
        return self._tools.analyser

    @property
    def indexes(self) -> tuple[str, ...]:
        """Specs of its indexes."""
        return self._live.specs

    @property
    def granularity(self) -> Granularity:
        """The granularity: whether sentences have vectors besides those of chunks."""
        return self._session.identity.granularity

    @property
    def dim(self) -> int:
        """Length of its vectors."""
        return self._session.identity.dim

    @property
    def seq(self) -> int:
        """Number of the last change; equal numbers mean equal content."""
        return self._session.seq

    def status(self) -> Status:
        """Return counts, sizes and identity."""
        return maintenance.status(self._session, self._live)

    def setting(self, name: str) -> str | None:
        """Return a text that `keep_setting` kept with the knowledge base, if there is one."""
        with self._session.reading() as db:
            return setting(db, name)

    def keep_setting(self, name: str, value: str | None) -> None:
        """Keep a text with the knowledge base, under page checksums like all of it; None deletes it."""
        with self._session.writing() as db:
            keep_setting(db, name, value)

    def refresh(self) -> bool:
        """Move a reader to the newest commit; say whether anything has changed.

        Searches that are under way keep the state that they began with, see `view`.

        Raises
        ------
        StoreMissing
            The folder was deleted or made anew since it was opened.
        """
        return self._openings.refresh()

    def view(self) -> AbstractContextManager[None]:
        """Keep one state for all that is read in a ``with`` block, while other threads may `refresh`.

        A retriever does so for each search.
        """
        return self._openings.lease()

    # ---- writing ----------------------------------------------------------------------------------------------

    def add(
        self,
        documents: Iterable[object],
        *,
        on_progress: OnProgress | None = None,
        on_commit: OnCommit | None = None,
        stamp: str = "",
    ) -> AddReport:
        """Add documents; unchanged ones, by digest, cost nothing, and changed ones replace their older versions.

        Documents stream through: memory does not depend on how many there are. Consecutive documents of one source are
        its whole content: what it held before and does not give now is removed.

        Parameters
        ----------
        documents
            `Document` objects; one with the id of a stored one replaces it. Any other object with a ``source`` is
            taken for a loader's failure: nothing of that source is removed and it counts as incomplete, unless the
            failure is ``skipped``; its ``detail`` is kept as a remark.
        on_progress
            Called about ten times a second with an `AddProgress`.
        on_commit
            Called after each commit with the ids of the documents that are now safe on disk.
        stamp
            A mark to keep with each source, see `SourceInfo`.

        Raises
        ------
        InvalidInput
            Something in the stream is not a document, or cannot be stored; names it. All commits before stay.
        EmbedderError
            The embedder failed or gave wrong vectors; names the texts. All commits before stay.
        StoreUnwritable
            The disk is full. All commits before stay.
        """
        pipeline = Pipeline(
            self._session,
            lambda: self.embedder,
            lambda: self.chunker,
            stamp=stamp,
            on_progress=on_progress,
            on_commit=on_commit,
        )
        return pipeline.run(documents, finish=self._live.cut)

    def remove(self, *sources: str, purge: bool = False, folders: bool = True) -> int:
        """Remove sources, or all sources of folders, with their documents; return how many documents went.

        Parameters
        ----------
        purge
            Clear their bytes from disk as well. It is recorded with the removal: if it is cut short, or a reader is in
            the way, the next one to open the knowledge base for writing finishes it.
        folders
            Take a name for that of a folder as well; False removes sources of exactly these names.

        Raises
        ------
        StoreLocked
            With ``purge``: a reader still holds an older state. The documents are removed all the same.
        """
        return removal.remove(self._session, self._live, sources, purged=purge, folders=folders)

    def prune(self, roots: Iterable[str | Path], seen: Collection[str] | None = None) -> int:
        """Remove documents whose files have vanished from folders; return how many went.

        Parameters
        ----------
        roots
            Folders or files; sources elsewhere are left alone.
        seen
            Names of the sources that are still there; None looks whether their files exist.
        """
        return removal.prune(self._session, self._live, roots, seen)

    def hide(self, *sources: str) -> int:
        """Take sources, or all sources of folders, out of every search; return how many are hidden.

        They stay stored, ingesting them anew leaves them hidden, and `unhide` brings them back at once. Statistics of
        words, which spelling and ranking read, still count them; `remove` takes a source out of these as well.
        """
        return hiding.set_hidden(self._session, sources, to=True)

    def unhide(self, *sources: str) -> int:
        """Let searches find hidden sources again; return how many sources that are."""
        return hiding.set_hidden(self._session, sources, to=False)

    def reindex(self, specs: Sequence[str]) -> None:
        """Change the indexes, without embedding anything again; searches by the old ones go on until it is done."""
        self._live.cut(specs=checked_specs(specs))

    def purge(self) -> None:
        """Clear every byte of removed documents, and unused embeddings, from disk.

        If it is cut short, the next one to open the knowledge base for writing finishes it.

        Raises
        ------
        StoreLocked
            A reader still holds an older state; close it first.
        """
        removal.purge(self._session, self._live)

    # ---- health -----------------------------------------------------------------------------------------------

    def verify(self) -> VerifyReport:
        """Check that every byte is as it was written, and that store and indexes agree."""
        return verifying.verify(self._session)

    def repair(self) -> RepairReport:
        """Rebuild damaged indexes from the store, and delete leftovers."""
        return repairing.repair(self._session, self._live)

    @classmethod
    def check(cls, path: str | Path) -> VerifyReport:
        """Open a knowledge base for reading and `verify` it."""
        with cls.open(path) as kb:
            return kb.verify()

    @classmethod
    def mend(cls, path: str | Path, *, wait: float = 0.0, embedder: Embedder | str | None = None) -> RepairReport:
        """Repair a knowledge base. If it cannot be opened, its readable contents go into a new database.

        The damaged database is kept beside it as ``store.sqlite.damaged`` until `purge`.

        Raises
        ------
        StoreCorrupt
            Nothing can be read; the documents have to be ingested again.
        """
        return repairing.mend(Path(path), wait=wait, embedder=embedder)

    @classmethod
    def reembed(
        cls,
        path: str | Path,
        embedder: Embedder | str | None = None,
        *,
        chunker: Chunker | str | None = None,
        analyser: str | None = None,
        granularity: str | None = None,
        wait: float = 0.0,
        on_progress: OnProgress | None = None,
    ) -> AddReport:
        """Make a knowledge base anew with another model, chunker or language, without reading the files again.

        It is searched as it was until the new one is whole; then readers are told to open it again. A run that was
        killed goes on where it was when it is called again with the same. It takes the room of both on disk.
        Calibrations go, for they were fitted on what the old model found.

        Parameters
        ----------
        embedder, chunker, analyser
            As in `create`; None keeps the old one. Embeddings of an embedder that stays are used again.
        granularity
            As in `create`; None takes what the embedder does best.
        wait
            Seconds to wait for another writer.

        Raises
        ------
        StoreMissing, StoreLocked, StoreCorrupt, StoreUnwritable
            As in `open`. The old one stays as it was.
        InvalidInput, EmbedderError
            As in `create` and `add`.
        """
        return reembedding.reembed(
            Path(path),
            embedder,
            chunker=chunker,
            analyser=analyser,
            granularity=granularity,
            wait=wait,
            on_progress=on_progress,
        )

    # ---- searching --------------------------------------------------------------------------------------------

    def index(self, family: Family, spec: str | None = None) -> AnyIndex:
        """Return the index itself, up to date; the very object that searches and that a benchmark measures."""
        return self._live.get(self._live.spec(family, spec))

    def dense(self) -> AnyIndex:
        """Return the index that searches by meaning: the first of vectors, joined with that of sentences, if any.

        It searches, and tells its ``ids()`` and ``metric``, as the index of vectors alone does.
        """
        with self.view():
            opening, index = self._openings.now, self.index("dense")
            if self.granularity == "chunk":
                return index
            sentences = opening.live.get(SENTENCES)
            with opening.turn:
                both = opening.both
                if both is None or both.index is not index or both.sentences.index is not sentences:
                    both = TwoGranularities(index, BestSentences(sentences), share=SHARES[self.granularity])
                    opening.both = both
                return both

    def sentence_vectors(self, ids: Iterable[int]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return the embeddings of the sentences of chunks, float32 of shape (n, dim), and the chunk of each."""
        with self._session.reading() as db:
            vectors, sentences = reading.sentence_vectors(db, ids, self.dim)
        return vectors, chunks_of(sentences)

    def allowed(self, where: str | Filter | None) -> IdSet | None:
        """Return the chunks that a filter allows, without those that are hidden; None for all chunks.

        The set is kept until something changes.
        """
        wanted = where if where is None or isinstance(where, Filter) else parse(where)
        query, values = (VISIBLE, []) if wanted is None else wanted.sql()

        def find() -> IdSet | None:
            with self._session.reading() as db:
                if wanted is None and not hiding.hidden(db):
                    return None
                return IdSet(np.fromiter((row[0] for row in db.execute(query, values)), np.int64))

        with self.view():
            return self._openings.now.allowed((str(wanted or ""), self.seq), find)

    # ---- reading ----------------------------------------------------------------------------------------------

    def sources(self) -> dict[str, SourceInfo]:
        """Return all sources by name."""
        with self._session.reading() as db:
            return reading.sources(db)

    def document_ids(self) -> list[str]:
        """Return the ids of all documents, sorted."""
        with self._session.reading() as db:
            return reading.document_ids(db)

    def document(self, id: str) -> Document:  # noqa: A002 - the word for it
        """Return a document as it was added."""
        with self._session.reading() as db:
            return reading.document(db, id)

    def modified(self, documents: Iterable[str]) -> dict[str, float]:
        """Return when documents were modified, seconds since 1970; without those of unknown time."""
        with self._session.reading() as db:
            return reading.modified(db, documents)

    def chunk_ids(self) -> NDArray[np.int64]:
        """Return the ids of all chunks: int64, ascending."""
        with self._session.reading() as db:
            return reading.chunk_ids(db)

    def chunks(self, ids: Iterable[int]) -> list[ChunkRecord]:
        """Return chunks in the order of ``ids``; refuses ids that are not there."""
        with self._session.reading() as db:
            return reading.chunks(db, ids)

    def vectors(self, ids: Iterable[int]) -> NDArray[np.float32]:
        """Return the embeddings of chunks: float32, shape (n, dim), in the order of ``ids``."""
        with self._session.reading() as db:
            return reading.vectors(db, ids, self.dim)
