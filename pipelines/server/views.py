"""Views: the one way from a request to a knowledge base. A view shows what the request's principal may read."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection

from rag import telemetry
from rag.documents.document import ACL, as_query
from rag.errors import InvalidInput
from rag.filter_parser import parse

from .. import json_forms
from .principals import Principal, Scope, principal_of
from .public_ids import public_id, public_source
from .uploads import Uploads
from .writing import Writer

if TYPE_CHECKING:
    from rag.answers import Answer
    from rag.documents.document import Document, Passage
    from rag.embedding.protocol import Embedder
    from rag.filters import Filter
    from rag.llm.language_model import Message
    from rag.retrieval.explanation import Explanation
    from rag.retrieval.retriever import Retrieval

    from .collections import Collection, Collections
    from .feedback_desk import Desk


class Views:
    """Makes the view of each request."""

    def __init__(self, collections: Collections) -> None:
        self._collections = collections

    def of(self, request: HTTPConnection, name: str | None = None, scope: Scope = "read") -> AllowedView:
        """Return what a request's principal may see of a knowledge base; None for the first one.

        Raises
        ------
        Forbidden
            The principal lacks the scope.
        NoSuch
            There is none of that name.
        """
        principal = principal_of(request)
        principal.check(scope)
        return AllowedView(self._collections.get(name), principal)

    def names(self, request: HTTPConnection, scope: Scope = "read") -> list[str]:
        """Return the names of the knowledge bases, in order."""
        principal_of(request).check(scope)
        return self._collections.names


class AllowedView:
    """What a principal may see of a knowledge base, made once a request.

    Every search carries the principal's filter, parsed and joined with the caller's own; documents are found by public
    ids among those that the filter allows, and one that is not allowed is as one that is not there.

    Attributes
    ----------
    principal
        Who asks.
    name
        Public name of the knowledge base.
    """

    def __init__(self, collection: Collection, principal: Principal) -> None:
        self._own = collection
        self.principal = principal
        self.name = collection.name
        self._kept: str | None = None

    @property
    def desk(self) -> Desk | None:
        """Where feedback is kept, if it is; what is read there is not filtered, see `pipelines.server.feedback`."""
        return self._own.desk

    # ---- asking -----------------------------------------------------------------------------------------------

    def where(self, wanted: str | None = None) -> Filter | None:
        """Return the principal's filter joined with a caller's own.

        Raises
        ------
        InvalidFilter
            The caller's does not parse.
        """
        asked, allowed = None if wanted is None else parse(wanted), self.principal.where
        return asked if allowed is None else allowed.both(asked)

    async def search(self, question: str, k: int | None = None, where: str | None = None) -> Retrieval:
        """Return what `rag.Retriever.search` does; raises `Busy` where too many wait."""
        with telemetry.searching(self.name, k) as own:
            found = await self._own.searches.search(question, k, self.where(where))
            own.set(rag__passages=len(found.passages))
            return found

    async def ask(
        self, question: str, *, k: int | None = None, where: str | None = None, history: Sequence[Message] = ()
    ) -> Answer:
        """Return what `rag.Bot.aask` does."""
        answer: Answer = await self._own.bot.aask(question, k=k, where=self.where(where), history=history)
        await self._keep(answer, history)
        return answer

    def ask_stream(
        self, question: str, *, k: int | None = None, where: str | None = None, history: Sequence[Message] = ()
    ) -> AsyncGenerator[str | Answer, None]:
        """Return what yields as `rag.Bot.aask_stream` does.

        Raises
        ------
        InvalidInput
            The question cannot be asked, or the filter does not parse: at once, while a response can still say so.
        """
        as_query(question)
        pieces = self._own.bot.aask_stream(question, k=k, where=self.where(where), history=history)
        return self._kept_pieces(pieces, history)

    async def _kept_pieces(
        self, pieces: AsyncGenerator[str | Answer, None], history: Sequence[Message]
    ) -> AsyncGenerator[str | Answer, None]:
        async with aclosing(pieces):
            async for piece in pieces:
                if not isinstance(piece, str):
                    await self._keep(piece, history)
                yield piece

    async def _keep(self, answer: Answer, history: Sequence[Message]) -> None:
        if self.desk is not None:
            self._kept = await self.desk.keep(answer, self.principal.name, history)

    async def explain(self, question: str, k: int | None = None, where: str | None = None) -> Explanation:
        """Return what `rag.Retriever.explain` does; to whoever may not read all, without the spread of all scores."""
        work = self._own.bot.retriever.explain
        found: Explanation = await run_in_threadpool(work, question, k, where=self.where(where))
        if self.principal.groups is None:
            return found
        return replace(found, queries=tuple(replace(each, background=()) for each in found.queries))

    # ---- documents --------------------------------------------------------------------------------------------

    def documents(self, where: str | None = None) -> list[str]:
        """Return the own ids of all documents that may be seen, sorted."""
        return self._own.ids.visible(self.where(where))

    def listed(self, where: str | None, after: str | None, limit: int) -> dict[str, Any]:
        """Return a page of the documents for JSON, and the id to go on ``after``, if there are more.

        Raises
        ------
        InvalidFilter, NoSuch
            The filter does not parse; ``after`` is not a document that may be seen.
        """
        kb = self._own.bot.retriever.kb
        with kb.view():
            every = self.documents(where)
            start = 0
            if after is not None:
                start = bisect_right(every, self._own.ids.document(after, self.where()))
            shown = [kb.document(each) for each in every[start : start + limit]]
        more = start + limit < len(every)
        rows = [self._row(each) for each in shown]
        return {"documents": rows, "total": len(every), "after": rows[-1]["id"] if more else None}

    def _row(self, document: Document) -> dict[str, Any]:
        return {
            "id": public_id(document.id),
            "title": document.title or public_source(document.source),
            "source": public_source(document.source),
            "type": document.type,
            "characters": len(document.text),
            "modified": document.modified,
            "metadata": self._told(document.metadata),
            "uploaded": self._own.folder is not None and Uploads(self._own.folder).has(document.location),
        }

    def original(self, public: str) -> Document:
        """Return a document as it is stored, with the place of its file, which no response may tell.

        Raises
        ------
        NoSuch
            There is none of that public id, or it may not be seen; the error is the same.
        """
        return self._own.bot.retriever.kb.document(self._own.ids.document(public, self.where()))

    def document(self, public: str) -> dict[str, Any]:
        """Return a document for JSON; raises as `original`."""
        document = self.original(public)
        return {
            "id": public,
            "title": document.title or public_source(document.source),
            "source": public_source(document.source),
            "type": document.type,
            "text": document.text,
            "metadata": self._told(document.metadata),
        }

    # ---- JSON -------------------------------------------------------------------------------------------------

    def passage(self, found: Passage) -> dict[str, Any]:
        """Return a passage for JSON, with public ids."""
        return self._public(json_forms.passage(found))

    def answer(self, answer: Answer) -> dict[str, Any]:
        """Return an answer for JSON, with public ids."""
        form = json_forms.answer(answer)
        if self._kept is not None:
            form["feedback"] = self._kept
        return {**form, **{name: [self._public(each) for each in form[name]] for name in ("citations", "passages")}}

    def explanation(self, found: Explanation) -> dict[str, Any]:
        """Return an explanation for JSON, with public ids."""
        form: dict[str, Any] = _public_everywhere(found.as_dict())
        return form

    def _public(self, form: dict[str, Any]) -> dict[str, Any]:
        own = {"document": public_id(form["document"]), "source": public_source(form["source"])}
        return {**form, **own, "metadata": self._told(form["metadata"])}

    def _told(self, metadata: Any) -> dict[str, Any]:  # noqa: ANN401 - a document's own fields
        """Return metadata; which other groups may read a document is told to those alone who may read all."""
        return {key: value for key, value in metadata.items() if key != ACL or self.principal.groups is None}

    # ---- facts ------------------------------------------------------------------------------------------------

    @property
    def folder(self) -> Path:
        """Folder of the knowledge base, which no response may tell.

        Raises
        ------
        InvalidInput
            It is several together.
        """
        if self._own.folder is None:
            raise InvalidInput(f"{self.name!r} is several knowledge bases: name one of them by kb")
        return self._own.folder

    @property
    def embedder(self) -> Embedder:
        """The knowledge base's embedder."""
        return self._own.bot.retriever.kb.embedder

    def writer(self) -> Writer:
        """Return what adds and removes uploads; raises as `folder`, and where the principal may not upload."""
        self.principal.check("upload")
        return Writer(self.folder, self.embedder)

    def groups(self, wanted: Sequence[str]) -> frozenset[str]:
        """Return the groups that may read what the principal uploads: those wanted, or all of the principal's own.

        Raises
        ------
        InvalidInput
            One is not the principal's, who could not read the document then.
        """
        own = self.principal.groups
        if own is not None and not set(wanted) <= own:
            raise InvalidInput(f"acl: give groups of yours: {', '.join(sorted(own))}")
        return frozenset(wanted) or own or frozenset()

    @property
    def digest(self) -> str:
        """Digest of the pipeline value."""
        digest: str = self._own.bot.config.digest
        return digest

    @property
    def seq(self) -> int:
        """Number of the knowledge base's last change."""
        return self._own.bot.retriever.kb.seq

    def status(self) -> dict[str, Any]:
        """Return what the knowledge base holds, as far as it may be seen, and how it answers."""
        bot = self._own.bot
        kb = bot.retriever.kb
        with kb.view():
            allowed = kb.allowed(self.where())
            chunks = len(kb.chunk_ids()) if allowed is None else len(allowed.ids)
            facts = {"documents": len(self.documents()), "chunks": chunks}
            return {
                "name": self.name,
                **facts,
                "seq": kb.seq,
                "indexes": list(kb.indexes),
                "generator": getattr(bot.generator, "name", bot.config.generator),
                "pipeline": {"digest": bot.config.digest},
                "notes": list(bot.notes),
            }


ViewOf = Callable[..., AllowedView]


def _public_everywhere(value: Any, name: str = "") -> Any:  # noqa: ANN401 - JSON
    """Replace the ids in what has a ``document``, and in the rows of what was ``dropped``."""
    if isinstance(value, dict):
        return {key: _public_everywhere(each, key) for key, each in value.items()}
    if name == "dropped":
        return [[chunk, public_id(document), why] for chunk, document, why in value]
    if isinstance(value, list | tuple):
        return [_public_everywhere(each) for each in value]
    return public_id(value) if name == "document" else value
