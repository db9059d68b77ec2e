"""Searches that wait for each other are made together, which takes a third less of the processor."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rag.documents.document import as_query
from rag.errors import Busy
from rag.llm.streaming import in_thread

if TYPE_CHECKING:
    from rag.filters import Filter
    from rag.retrieval.retriever import Retrieval, Retriever

MOST_WAITING = 256
_TOGETHER = 16
_BY_MODEL = 16
"""Searches at a time where a language model rewrites or reranks: it is waited for, and not put together."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    question: str
    k: int | None
    where: Filter | None
    found: asyncio.Future[Retrieval]


class SearchQueue:
    """Searches of one retriever, for the tasks of one event loop.

    As many run at a time as there are processors. What comes meanwhile waits, and what waits with the same ``k`` and
    ``where`` is searched for together, which finds the same.
    """

    def __init__(self, retriever: Retriever) -> None:
        self._retriever = retriever
        alone = retriever.model is not None
        self._together = 1 if alone else _TOGETHER
        self._most = _BY_MODEL if alone else os.cpu_count() or 1
        self._waiting: deque[_Waiting] = deque()
        self._working: set[asyncio.Task[None]] = set()

    async def search(self, question: str, k: int | None, where: Filter | None) -> Retrieval:
        """Return what `Retriever.search` does.

        Raises
        ------
        Busy
            Too many wait.
        RagError
            As `Retriever.search`.
        """
        as_query(question)  # what cannot be asked must not fail those that it would be put together with
        if len(self._waiting) >= MOST_WAITING:
            raise Busy(f"{MOST_WAITING} searches wait, as many as may: ask again in a moment")
        own = _Waiting(question, k, where, asyncio.get_running_loop().create_future())
        self._waiting.append(own)
        if len(self._working) < self._most:
            task = asyncio.create_task(self._work())
            self._working.add(task)
            task.add_done_callback(self._working.discard)
        return await own.found

    async def _work(self) -> None:
        while batch := self._next():
            await self._answer(batch)

    def _next(self) -> list[_Waiting]:
        """Take the one that has waited longest, with others like it."""
        left = [each for each in self._waiting if not each.found.done()]  # who has left is not searched for
        first = left[:1]
        like = [each for each in left[1:] if (each.k, each.where) == (first[0].k, first[0].where)]
        taken = [*first, *like[: self._together - 1]]
        kept = {id(each) for each in taken}
        self._waiting = deque(each for each in left if id(each) not in kept)
        return taken

    async def _answer(self, batch: Sequence[_Waiting]) -> None:
        questions, one = [each.question for each in batch], batch[0]
        try:
            found = await in_thread(lambda: self._retriever.search_many(questions, one.k, where=one.where))
        except Exception as error:  # noqa: BLE001 - raised where each is waited for
            for each in batch:
                if not each.found.done():
                    each.found.set_exception(error)
            return
        for each, own in zip(batch, found, strict=True):
            if not each.found.done():
                each.found.set_result(own)
