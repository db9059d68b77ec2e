"""Conversations that the server keeps, if it is told to: one memory for each reader, in one folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

from rag.errors import InvalidInput
from rag.memory import Memory

if TYPE_CHECKING:
    from rag.answers import Answer
    from rag.llm.language_model import Message

    from .bodies import Asking
    from .views import AllowedView


@dataclass(frozen=True)
class Memories:
    """Where conversations are kept.

    Attributes
    ----------
    folder
        None where the server keeps none.
    days
        How long; None: without limit.
    """

    folder: Path | None = None
    days: float | None = None

    def of(self, view: AllowedView, asked: Asking) -> Conversation | None:
        """Return the conversation that a request goes on with; None where it names none.

        Raises
        ------
        InvalidInput
            The server keeps no conversations, or the request brings earlier turns of its own.
        """
        if asked.session is None:
            if asked.user is not None:
                raise InvalidInput("user: say which session of theirs as well")
            return None
        if self.folder is None:
            raise InvalidInput("session: this server keeps no conversations; send the turns as history")
        if asked.history:
            raise InvalidInput("session: its earlier turns are kept here; send no history with it")
        # The principal's name comes first and is told apart: nobody reaches the memory of another by a user's name.
        user = f"{view.principal.digest} {asked.user or ''}".strip()
        folder = self.folder / view.name
        return Conversation(Memory(folder, user=user, session=asked.session, embedder=view.embedder, days=self.days))


@dataclass(frozen=True)
class Conversation:
    """One conversation of one reader."""

    memory: Memory

    async def history(self) -> list[Message]:
        """Return its turns, oldest first."""
        turns: list[Message] = await run_in_threadpool(self.memory.history)
        return turns

    async def remember(self, answer: Answer) -> None:
        """Keep a turn: the question, and what of the answer the documents support."""
        await run_in_threadpool(self.memory.remember, answer.question, answer.supported_text)
