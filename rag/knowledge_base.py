"""The knowledge base: documents, chunks, vectors and indexes in one folder, or in a database on a server.

The parts are in `rag.store`; this file is what the rest of the toolkit, and users, see of them.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn, Self

import numpy as np
from numpy.typing import NDArray

from indexes import Family, IdSet, Metric

from .documents.document import Document
from .embedding.protocol import Embedder, EmbedderLike
from .errors import InvalidInput, StoreExists, StoreMismatch
from .filter_parser import parse
from .filters import Filter
from .store import automatic_index, copying, reembedding, repairing, servers
from .store.address import address, is_address, said
from .store.granularity import AUTO, Granularity
from .store.identity import Identity
from .store.local import LocalStore
from .store.making import StoreTools, canonical, checked_specs, new_identity
from .store.pipeline import OnCommit, OnProgress, Pipeline
from .store.protocol import AnyIndex, Mode, Store
from .store.records import (
    AddFailure,
    AddProgress,
    AddReport,
    ChunkPlace,
    ChunkRecord,
    Problem,
    RepairReport,
    SourceInfo,
    Status,
    VerifyReport,
)
from .store.session import Session, looks_like_store, refuse_foreign

if TYPE_CHECKING:
    from .chunking import Chunker
    from .execution import Executor
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

DEFAULT_INDEXES = ("auto", "bm25")
DEFAULT_CHUNKER = "headings:256/32"
DEFAULT_GRANULARITY = AUTO


class KnowledgeBase:
    """Documents, chunks, embeddings and indexes in one folder; made by `create`, opened by `open`.

    `open_or_create` does what is needed. An address, ``postgresql://HOST/DATABASE#NAME``, in the place of the folder is
    a knowledge base in a PostgreSQL database, see ``docs/how-to/postgresql.md``; ``milvus://HOST:PORT#NAME`` is one in
    Milvus, which is experimental, see ``docs/how-to/milvus.md``.

    One process writes at a time, any number read. A reader sees the state of its first search until it calls `refresh`,
    and on a server that of the newest commit; what ``add`` has acknowledged survives a kill or a power cut. Threads may
    share an open knowledge base.

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

    def __init__(self, store: Store, tools: StoreTools) -> None:
        self._store = store
        self._tools = tools

    # ---- making and opening -----------------------------------------------------------------------------------

    @classmethod
    def create(
        cls,
        path: str | Path,
        *,
        indexes: Sequence[str] = DEFAULT_INDEXES,
        embedder: EmbedderLike | None = None,
        chunker: Chunker | str = DEFAULT_CHUNKER,
        metric: Metric = "cosine",
        analyser: str = "english",
        granularity: str = DEFAULT_GRANULARITY,
    ) -> KnowledgeBase:
        """Make an empty knowledge base and open it for writing.

        Parameters
        ----------
        path
            A new or empty folder, or a server's address.
        indexes
            Specs of the engines to search with, such as ``("hnsw:M=32", "bm25")``; `reindex` changes them later. With
            ``auto`` vectors are compared one by one as long as that is fast; as the knowledge base grows, the index
            that `indexes.recommend` says takes over, once it finds .99 of what exact search finds here.
        embedder
            A model's name or folder, or any `Embedder`; all-MiniLM-L6-v2 if None. Several, ``["minilm", FOLDER]`` or
            ``"minilm+FOLDER"``, make an ensemble, see `rag.embedding.EnsembleEmbedder`.
        chunker
            Spec such as ``"tokens:256/32"``, or any `Chunker`.
        metric
            ``cosine``, ``ip`` or ``l2``.
        analyser
            Language of the terms, see `rag.terms.Analyser`.
        granularity
            ``chunk``: a vector a chunk. ``chunk+late`` and ``chunk+sentence``: one for each of its sentences as well,
            see `rag.store.granularity`; they find more, for more memory and, the second, twice the time to embed.
            ``chunk+late+tokens``: the states of the tokens too, by which `late-interaction` reranks in milliseconds.
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
        if is_address(path):
            place = address(str(path))
            specs = servers.check_specs(indexes, place)
            tools = StoreTools(place.shown, embedder, chunker, analyser)
            identity = new_identity(tools, servers.local_specs(specs), metric, granularity)
            return cls(servers.create(place, identity, indexes, lambda: tools.analyser), tools)
        folder = Path(path)
        refuse_foreign(folder)  # before the model is loaded
        tools = StoreTools(folder, embedder, chunker, analyser)
        identity = new_identity(tools, automatic_index.concrete(indexes), metric, granularity)
        session = Session.create(folder, identity, automatic_index.initial(indexes))
        return cls(LocalStore(session, lambda: tools.analyser), tools)

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        mode: Mode = "r",
        embedder: EmbedderLike | None = None,
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
        StoreUnavailable
            Its server cannot be reached.
        """
        if is_address(path):
            return cls._on_server(str(path), mode, embedder, chunker, metric, analyser, granularity, wait)
        folder = Path(path)
        session = Session.open(folder, mode, wait=wait)
        try:
            tools = StoreTools(folder, embedder, chunker, analyser, identity=session.identity)
            session.identity.check(folder, metric=metric, granularity=granularity)
            store = LocalStore(session, lambda: tools.analyser)
            if mode == "w":
                store.finish()
        except BaseException:
            session.close()
            raise
        return cls(store, tools)

    @classmethod
    def _on_server(  # noqa: PLR0917 - one caller
        cls,
        path: str,
        mode: Mode,
        embedder: EmbedderLike | None,
        chunker: Chunker | str | None,
        metric: Metric | None,
        analyser: str | None,
        granularity: str | None,
        wait: float,
    ) -> KnowledgeBase:
        place = address(path)
        made: list[StoreTools] = []

        def checked(identity: Identity) -> Callable[[], Analyser]:
            tools = StoreTools(place.shown, embedder, chunker, analyser, identity=identity)
            identity.check(place.shown, metric=metric, granularity=granularity)
            made.append(tools)
            return lambda: tools.analyser

        return cls(servers.opened(place, mode, checked, wait=wait), made[0])

    @classmethod
    def open_or_create(
        cls,
        path: str | Path,
        *,
        indexes: Sequence[str] | None = None,
        embedder: EmbedderLike | None = None,
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
        if indexes is not None and not kb._has(indexes):
            have, want = (" ".join(f"--index {spec}" for spec in specs) for specs in (kb.indexes, indexes))
            kb.close()
            where = kb.location
            raise StoreMismatch(f"{where} has {have}, not {want}; change its indexes with: rag reindex {where} {want}")
        return kb

    def _has(self, specs: Sequence[str]) -> bool:
        """Say whether these are its indexes; ``auto`` is the one that was chosen."""
        chosen = self._store.automatic
        if automatic_index.AUTO in specs and chosen is None:
            return False
        now = [chosen if chosen and spec == automatic_index.AUTO else spec for spec in specs]
        if self._store.folder is None:
            return set(servers.check_specs(now, address(self.location))) == set(self.indexes)
        return canonical(now) == canonical(self.indexes)

    @staticmethod
    def exists(path: str | Path) -> bool:
        """Say whether there is a knowledge base in a folder, whole or damaged; or on a server."""
        return servers.exists(address(str(path))) if is_address(path) else looks_like_store(Path(path))

    @staticmethod
    def name_of(path: str | Path) -> str:
        """Return the name of a knowledge base: its folder's, or what an address says behind #."""
        return address(str(path)).name if is_address(path) else Path(path).resolve().name

    def close(self) -> None:
        """Close it; may be called twice."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Refuse to be copied or pickled; another process opens the folder."""
        raise TypeError(
            f"a knowledge base cannot be copied or pickled: KnowledgeBase.open({self.location!r}) where it is needed"
        )

    def __repr__(self) -> str:
        return f"KnowledgeBase({self.location!r}, {', '.join(self.indexes)})"

    # ---- facts -------------------------------------------------------------------------------------------------

    @property
    def path(self) -> Path:
        """The folder.

        Raises
        ------
        InvalidInput
            It is on a server, and has none.
        """
        if self._store.folder is None:
            raise InvalidInput(
                f"{self.location} is on a server, and this needs a folder: `rag copy {self.location} FOLDER` makes one"
            )
        return self._store.folder

    @property
    def folder(self) -> Path | None:
        """The folder; None on a server."""
        return self._store.folder

    @property
    def location(self) -> str:
        """The folder's path, or the server's address without its password."""
        return self._store.location

    @property
    def name(self) -> str:
        """The folder's name, or that of the knowledge base on its server."""
        return self.location.rpartition("#")[2] if self._store.folder is None else self._store.folder.name

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
        return self._store.specs

    @property
    def granularity(self) -> Granularity:
        """The granularity: whether sentences have vectors besides those of chunks."""
        return self._store.identity.granularity

    @property
    def dim(self) -> int:
        """Length of its vectors."""
        return self._store.identity.dim

    @property
    def seq(self) -> int:
        """Number of the last change; equal numbers mean equal content."""
        return self._store.seq

    def status(self) -> Status:
        """Return counts, sizes and identity."""
        return self._store.status()

    def setting(self, name: str) -> str | None:
        """Return a text that `keep_setting` kept with the knowledge base, if there is one."""
        return self._store.setting(name)

    def keep_setting(self, name: str, value: str | None) -> None:
        """Keep a text with the knowledge base, under page checksums like all of it; None deletes it."""
        self._store.writing().keep_settings([(name, value)])

    def refresh(self) -> bool:
        """Move a reader to the newest commit; say whether anything has changed.

        Searches that are under way keep the state that they began with, see `view`.

        Raises
        ------
        StoreMissing
            The folder was deleted or made anew since it was opened.
        """
        return self._store.refresh()

    def view(self) -> AbstractContextManager[None]:
        """Keep one state for all that is read in a ``with`` block, while other threads may `refresh`.

        A retriever does so for each search.
        """
        return self._store.view()

    # ---- writing ----------------------------------------------------------------------------------------------

    def add(
        self,
        documents: Iterable[object],
        *,
        on_progress: OnProgress | None = None,
        on_commit: OnCommit | None = None,
        stamp: str = "",
        executor: Executor | None = None,
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
        executor
            Where documents are chunked and embedded, see `rag.execution`; None: in this process. Workers that are other
            processes make the embedder and the chunker by their names.

        Raises
        ------
        InvalidInput
            Something in the stream is not a document, or cannot be stored; names it. All commits before stay.
        EmbedderError
            The embedder failed or gave wrong vectors; names the texts. All commits before stay.
        StoreUnwritable
            The disk is full. All commits before stay.
        WorkerLost
            A batch took down one worker of the executor after the other. All commits before stay.
        """
        if executor is not None and executor.apart:
            self._tools.check_for_workers()
        pipeline = Pipeline(
            self._store.writing(),
            lambda: self.embedder,
            lambda: self.chunker,
            stamp=stamp,
            on_progress=on_progress,
            on_commit=on_commit,
            executor=executor,
        )
        return pipeline.run(documents, finish=self._store.grow)

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
        return self._store.remove(sources, purged=purge, folders=folders)

    def prune(self, roots: Iterable[str | Path], seen: Collection[str] | None = None) -> int:
        """Remove documents whose files have vanished from folders; return how many went.

        Parameters
        ----------
        roots
            Folders or files; sources elsewhere are left alone.
        seen
            Names of the sources that are still there; None looks whether their files exist.
        """
        return self._store.prune(roots, seen)

    def hide(self, *sources: str) -> int:
        """Take sources, or all sources of folders, out of every search; return how many are hidden.

        They stay stored, ingesting them anew leaves them hidden, and `unhide` brings them back at once. Statistics of
        words, which spelling and ranking read, still count them; `remove` takes a source out of these as well.
        """
        return self._store.set_hidden(sources, to=True)

    def unhide(self, *sources: str) -> int:
        """Let searches find hidden sources again; return how many sources that are."""
        return self._store.set_hidden(sources, to=False)

    def reindex(self, specs: Sequence[str]) -> None:
        """Change the indexes, without embedding anything again; searches by the old ones go on until it is done.

        With ``auto`` the index of vectors is the one that suits the knowledge base now, and others as it grows.
        """
        self._store.reindex(specs)

    def purge(self) -> None:
        """Clear every byte of removed documents, and unused embeddings, from disk.

        If it is cut short, the next one to open the knowledge base for writing finishes it.

        Raises
        ------
        StoreLocked
            A reader still holds an older state; close it first.
        """
        self._store.purge()

    # ---- health -----------------------------------------------------------------------------------------------

    def verify(self) -> VerifyReport:
        """Check that every byte is as it was written, and that store and indexes agree."""
        return self._store.verify()

    def repair(self) -> RepairReport:
        """Rebuild damaged indexes from the store, and delete leftovers."""
        return self._store.repair()

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
        if is_address(path):
            with cls.open(path, mode="w", wait=wait, embedder=embedder) as kb:
                return kb.repair()
        return repairing.mend(Path(path), wait=wait, embedder=embedder)

    @classmethod
    def reembed(
        cls,
        path: str | Path,
        embedder: EmbedderLike | None = None,
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
        if is_address(path):
            raise InvalidInput(
                f"{said(str(path))} is on a server: copy it to a folder, `rag reembed` that, and copy it back"
            )
        return reembedding.reembed(
            Path(path),
            embedder,
            chunker=chunker,
            analyser=analyser,
            granularity=granularity,
            wait=wait,
            on_progress=on_progress,
        )

    @classmethod
    def copy(
        cls,
        source: str | Path,
        target: str | Path,
        *,
        indexes: Sequence[str] | None = None,
        wait: float = 0.0,
        on_progress: OnProgress | None = None,
    ) -> AddReport:
        """Copy a knowledge base into another place, folder or server: nothing is embedded again.

        Documents, chunks, vectors, hidden sources, the stored pipeline and calibrations go with it. A copy that is
        there already is brought to what the source holds, so a run that was cut short goes on where it was.

        Parameters
        ----------
        source, target
            Folders or addresses.
        indexes
            Of a new copy; None takes what suits the place.
        wait
            Seconds to wait for another writer of the target.

        Raises
        ------
        StoreMismatch
            The target was made with something else.
        StoreMissing, StoreLocked, StoreUnavailable, StoreUnwritable
            As in `open`.
        """
        with cls.open(source) as old:
            if cls.exists(target):
                new = cls.open(target, mode="w", wait=wait)
            else:
                new = cls._empty(target, old, tuple(indexes or copying.specs_for(old._store, is_address(target))))
            with new:
                return copying.copy(old._store, new._store, on_progress=on_progress)

    @classmethod
    def _empty(cls, target: str | Path, like: KnowledgeBase, specs: tuple[str, ...]) -> KnowledgeBase:
        """Make a knowledge base with the identity of another one; its model is not loaded."""
        identity = replace(like._store.identity, store=uuid.uuid4().hex)
        tools = StoreTools(said(str(target)) if is_address(target) else Path(target), identity=identity)
        if is_address(target):
            return cls(servers.create(address(str(target)), identity, specs, lambda: tools.analyser), tools)
        own = replace(identity, indexes=checked_specs(automatic_index.concrete(specs)))
        session = Session.create(Path(target), own, automatic_index.initial(specs))
        return cls(LocalStore(session, lambda: tools.analyser), tools)

    # ---- searching --------------------------------------------------------------------------------------------

    def index(self, family: Family, spec: str | None = None) -> AnyIndex:
        """Return the index itself, up to date; the very object that searches and that a benchmark measures."""
        return self._store.index(family, spec)

    def dense(self) -> AnyIndex:
        """Return the index that searches by meaning: the first of vectors, joined with that of sentences, if any.

        It searches, and tells its ``ids()`` and ``metric``, as the index of vectors alone does.
        """
        return self._store.dense()

    def sentence_vectors(self, ids: Iterable[int]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return the embeddings of the sentences of chunks, float32 of shape (n, dim), and the chunk of each."""
        return self._store.sentence_vectors(ids)

    def token_codes(self, ids: Iterable[int]) -> list[bytes | None]:
        """Return the states of the tokens of chunks, see `rag.embedding.residual_codes`; None where none are kept."""
        return self._store.token_codes(ids)

    def allowed(self, where: str | Filter | None) -> IdSet | None:
        """Return the chunks that a filter allows, without those that are hidden; None for all chunks.

        The set is kept until something changes.
        """
        return self._store.allowed(where if where is None or isinstance(where, Filter) else parse(where))

    # ---- reading ----------------------------------------------------------------------------------------------

    def sources(self) -> dict[str, SourceInfo]:
        """Return all sources by name."""
        return self._store.sources()

    def document_ids(self, where: str | Filter | None = None) -> list[str]:
        """Return the ids of all documents, sorted; with a filter, of those that a search with it may find."""
        return self._store.document_ids(parse(where) if isinstance(where, str) else where)

    def document(self, id: str) -> Document:  # noqa: A002 - the word for it
        """Return a document as it was added."""
        return self._store.document(id)

    def modified(self, documents: Iterable[str]) -> dict[str, float]:
        """Return when documents were modified, seconds since 1970; without those of unknown time."""
        return self._store.modified(documents)

    def digests(self, documents: Iterable[str]) -> dict[str, str]:
        """Return `Document.digest` by id, of those of the documents that are there."""
        return self._store.digests(documents)

    def chunk_ids(self) -> NDArray[np.int64]:
        """Return the ids of all chunks: int64, ascending."""
        return self._store.chunk_ids()

    def chunks(self, ids: Iterable[int]) -> list[ChunkRecord]:
        """Return chunks in the order of ``ids``; refuses ids that are not there."""
        return self._store.chunks(ids)

    def places(self, documents: Iterable[str]) -> list[ChunkPlace]:
        """Return where the chunks of documents are, those that are hidden left out; much faster than `chunks`."""
        allowed = self.allowed(None)
        found = self._store.places(documents)
        return found if allowed is None else [each for each in found if each.id in allowed]

    def vectors(self, ids: Iterable[int]) -> NDArray[np.float32]:
        """Return the embeddings of chunks: float32, shape (n, dim), in the order of ``ids``."""
        return self._store.vectors(ids)
