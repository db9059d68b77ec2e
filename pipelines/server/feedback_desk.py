"""Where a server keeps the answers that it gives, so that their readers can vote on them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

from rag.errors import RagError
from rag.feedback import Feedback, Kept, Proposal, proposal

if TYPE_CHECKING:
    from rag.answers import Answer
    from rag.llm.language_model import Message

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Desk:
    """Where a knowledge base's feedback is kept.

    Attributes
    ----------
    histories
        Keep earlier turns of a conversation with an answer.
    """

    feedback: Feedback
    histories: bool = False

    async def keep(self, answer: Answer, principal: str, history: Sequence[Message]) -> str | None:
        """Keep an answer; return its id, or None where it cannot be kept: it is given all the same."""
        turns = history if self.histories else ()
        kept: str | None = None
        try:
            kept = await run_in_threadpool(self.feedback.keep, answer, principal=principal, history=turns)
        except RagError as error:
            log.warning("an answer is not kept, so nobody can vote on it: %s", error)
        return kept

    def proposal(self, row: Kept) -> Proposal:
        """Return what a review may begin with; nothing is filtered: the caller looks whether it may be shown."""
        return proposal(row, self.feedback.kb)
