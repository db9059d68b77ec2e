"""The seam between a knowledge base and what keeps it: a folder with SQLite, or a server.

`rag.KnowledgeBase` and everything above it know these four protocols only. `rag.testing.StoreContract` tests them.

A store keeps the whole of a knowledge base: documents, chunks, vectors, terms and settings, in one place and under one
number of the last change. Methods that take names or ids take many: each of them is one trip where there is a network.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from indexes import Family, IdSet

if TYPE_CHECKING:
    from ..documents.document import Document
    from ..filters import Filter
    from .copied_terms import CopiedTerms
    from .identity import Identity
    from .records import ChunkPlace, ChunkRecord, RepairReport, SourceInfo, Status, VerifyReport
    from .writing import DocumentWriter, Embedded, Exported, Part, Step

AnyIndex = Any
"""An ``indexes.DenseIndex`` or ``indexes.TermIndex``, or a server's that searches as they do."""
Mode = Literal["r", "w"]


class Reading(Protocol):
    """Reads one state; see the methods of `rag.KnowledgeBase` of the same names."""

    def setting(self, name: str) -> str | None:
        """Return a text that is kept, if there is one."""
        ...

    def settings(self) -> dict[str, str]:
        """Return all texts that are kept."""
        ...

    def exported(self) -> Iterator[Exported]:
        """Yield all documents, source by source, as they would be added again, with their embeddings."""
        ...

    def sources(self) -> dict[str, SourceInfo]:
        """Return all sources by name."""
        ...

    def document_ids(self, where: Filter | None) -> list[str]:
        """Return the ids of all documents, sorted; of those that a filter allows."""
        ...

    def document(self, name: str) -> Document:
        """Return a document as it was added."""
        ...

    def modified(self, documents: Iterable[str]) -> dict[str, float]:
        """Return when documents were modified."""
        ...

    def digests(self, documents: Iterable[str]) -> dict[str, str]:
        """Return the digests of those of the documents that are there."""
        ...

    def chunk_ids(self) -> NDArray[np.int64]:
        """Return the ids of all chunks: int64, ascending."""
        ...

    def chunks(self, ids: Iterable[int]) -> list[ChunkRecord]:
        """Return chunks in the order of ``ids``; refuses ids that are not there."""
        ...

    def places(self, documents: Iterable[str]) -> list[ChunkPlace]:
        """Return where the chunks of documents are, hidden ones too."""
        ...

    def vectors(self, ids: Iterable[int]) -> NDArray[np.float32]:
        """Return the embeddings of chunks: float32, shape (n, dim), in the order of ``ids``."""
        ...

    def sentence_vectors(self, ids: Iterable[int]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return the embeddings of the sentences of chunks, and the chunk of each."""
        ...

    def token_codes(self, ids: Iterable[int]) -> list[bytes | None]:
        """Return the states of the tokens of chunks; None where none are kept."""
        ...


class Writing(Protocol):
    """Writes one ``add``: each batch is one durable commit, by one writer."""

    @property
    def identity(self) -> Identity:
        """What the knowledge base was made with."""
        ...

    def sources(self) -> dict[str, SourceInfo]:
        """Return all sources by name."""
        ...

    def digest(self, document: str) -> str | None:
        """Return the digest of a document; None where there is none of that id."""
        ...

    def known(self, keys: Sequence[bytes]) -> set[bytes]:
        """Return those of the keys that have an embedding."""
        ...

    def apply(self, writer: DocumentWriter, steps: Sequence[Step], embedded: Embedded) -> list[str]:
        """Write a batch in one durable commit; return the ids of its documents that are stored now."""
        ...

    def apply_all(
        self, writer: DocumentWriter, parts: Iterator[Part], terms: Callable[[], CopiedTerms | None], most: int
    ) -> Iterator[None]:
        """Write parts of a copy, and yield after each durable commit.

        Parameters
        ----------
        terms
            Gives the terms of the chunks, where the original has them.
        most
            Chunks after which a commit ends, in a store whose indexes gain by large ones.
        """
        ...

    def setting(self, name: str) -> str | None:
        """Return a text that is kept, if there is one."""
        ...

    def close_sources(self, sources: Mapping[str, SourceInfo]) -> None:
        """Set what is known of sources, by name, in one commit."""
        ...

    def keep_settings(self, settings: Iterable[tuple[str, str | None]]) -> None:
        """Keep texts in one commit; None deletes one."""
        ...


class CandidateSource(Protocol):
    """Finds the candidates of questions: what a retriever searches by."""

    def index(self, family: Family, spec: str | None) -> AnyIndex:
        """Return what searches by vectors or by terms, up to date."""
        ...

    def dense(self) -> AnyIndex:
        """Return what searches by meaning: by vectors of chunks, and of their sentences, if there are any."""
        ...

    def allowed(self, where: Filter | None) -> IdSet | None:
        """Return the chunks that a filter allows, without those that are hidden; None for all chunks."""
        ...


class Store(Reading, CandidateSource, Protocol):
    """All of a knowledge base."""

    @property
    def location(self) -> str:
        """A folder's path, or a server's address without its password."""
        ...

    @property
    def folder(self) -> Path | None:
        """The folder; None on a server."""
        ...

    @property
    def identity(self) -> Identity:
        """What it was made with."""
        ...

    @property
    def mode(self) -> Mode:
        """``r`` or ``w``."""
        ...

    @property
    def seq(self) -> int:
        """Number of the last change in this view."""
        ...

    @property
    def specs(self) -> tuple[str, ...]:
        """Specs of its indexes."""
        ...

    @property
    def automatic(self) -> str | None:
        """The index of vectors that was chosen as it grew; None if the indexes were named."""
        ...

    def view(self) -> AbstractContextManager[None]:
        """Keep one state for all that is read in a ``with`` block."""
        ...

    def refresh(self) -> bool:
        """Move a reader to the newest commit; say whether anything has changed."""
        ...

    def writing(self) -> Writing:
        """Return what an ``add`` writes by."""
        ...

    def grow(self) -> object:
        """Bring the indexes up to date after writing."""
        ...

    def remove(self, wanted: Iterable[str], *, purged: bool, folders: bool) -> int:
        """Remove sources; return how many documents went."""
        ...

    def prune(self, roots: Iterable[str | Path], seen: Collection[str] | None) -> int:
        """Remove documents whose files have vanished; return how many went."""
        ...

    def set_hidden(self, wanted: Iterable[str], *, to: bool) -> int:
        """Hide sources from searches, or show them again; return how many that are."""
        ...

    def reindex(self, specs: Sequence[str]) -> None:
        """Change the indexes, without embedding anything again."""
        ...

    def purge(self) -> None:
        """Clear every byte of removed documents, and unused embeddings."""
        ...

    def status(self) -> Status:
        """Return counts, sizes and identity."""
        ...

    def verify(self) -> VerifyReport:
        """Check that everything is as it was written."""
        ...

    def repair(self) -> RepairReport:
        """Rebuild what is derived."""
        ...

    def close(self) -> None:
        """Close it; may be called twice."""
        ...
