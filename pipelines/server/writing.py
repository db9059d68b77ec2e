"""Writing: what an upload or a deletion does to a knowledge base, with the embedder that searches have loaded."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.errors import InvalidInput, RagError
from rag.filters import FieldTest, Filter
from rag.knowledge_base import KnowledgeBase

from ..ingest import IngestReport, Options, ingest
from .jobs import Job
from .public_ids import public_id, public_source
from .uploads import Kept, Uploads

if TYPE_CHECKING:
    from rag.embedding.protocol import Embedder

_WAIT_S = 60.0
_COUNTS = ("added", "changed", "unchanged", "chunks", "failed", "seconds")
"""Of what came of a job; not how many chunks were embedded: fewer than there are tells that a document holds the same
text already, which may be one that the uploader may not read.
"""


class Writer:
    """Writes to one knowledge base."""

    def __init__(self, folder: Path, embedder: Embedder) -> None:
        self._folder = folder
        self._embedder = embedder
        self.uploads = Uploads(folder)

    def add(self, kept: Sequence[Kept], job: Job) -> dict[str, Any]:
        """Bring uploaded files in; those that are no documents afterwards are deleted.

        Returns
        -------
        dict
            What came of it, for JSON.

        Raises
        ------
        Cancelled
            The job was cancelled; what is in by then stays.
        RagError
            As `pipelines.ingest.ingest`.
        """
        try:
            job.check()
            report = ingest(
                [each.source for each in kept],
                self._folder,
                options=Options(embedder=self._embedder),
                acl=kept[0].groups,
                base=self.uploads.base,
                wait=_WAIT_S,
                moves=False,
                on_progress=job.update,
            )
        finally:
            with suppress(RagError):
                self._forget_unread(kept)
        return self._told(report, [each.source for each in kept])

    def _forget_unread(self, kept: Sequence[Kept]) -> None:
        with KnowledgeBase.open(self._folder, embedder=self._embedder) as kb:
            known = kb.sources()
        for each in kept:
            if each.source not in known:
                self.uploads.delete(each.source)

    def missing(self) -> dict[tuple[str, ...], list[Kept]]:
        """Return the kept files that are not in, by their groups: those of a job that a restart has cut short."""
        with KnowledgeBase.open(self._folder, embedder=self._embedder) as kb:
            known = kb.sources()
        found: dict[tuple[str, ...], list[Kept]] = {}
        for each in self.uploads:
            if each.source not in known or not known[each.source].complete:
                found.setdefault(each.groups, []).append(each)
        return found

    def remove(self, source: str, location: str) -> int:
        """Remove an uploaded file with its documents; returns how many there were.

        Raises
        ------
        InvalidInput
            It was not uploaded.
        """
        if not self.uploads.has(location):
            raise InvalidInput("that document was not uploaded: whoever runs the server takes it out by rag remove")
        with KnowledgeBase.open(self._folder, mode="w", wait=_WAIT_S, embedder=self._embedder) as kb:
            removed = kb.remove(source, folders=False)
        self.uploads.delete(source)
        return removed

    def _told(self, report: IngestReport, sources: Sequence[str]) -> dict[str, Any]:
        wanted = Filter(FieldTest("source", "in", tuple(sources)))
        with KnowledgeBase.open(self._folder, embedder=self._embedder) as kb:
            documents = [public_id(each) for each in kb.document_ids(wanted)]
        own = report.as_dict()
        return {
            "documents": documents,
            **{name: own[name] for name in _COUNTS},
            "failures": [{**each, "source": public_source(each["source"])} for each in own["failures"]],
            "account": own["account"],
            "remarks": [{**each, "source": public_source(each["source"])} for each in own["remarks"]],
        }
