"""The memory of one session of one user."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ..documents.document import Document, Passage
from ..embedding.protocol import Embedder
from ..errors import InvalidInput, StoreLocked
from ..knowledge_base import KnowledgeBase
from ..llm.language_model import LanguageModel, Message
from ..store.lock import WriterLock
from .people import store_of, sweep, welcome
from .summary import DEADLINE_S, summarised
from .turns import MEMORY, TURN, Turn, checked_name, document_of, folder_of, memory_of, number, short, turn_of

if TYPE_CHECKING:
    from ..filters import Filter

BUDGET = 1000
_DAY_S = 86_400.0
_KEPT = 0.6
"""Share of the budget that is left when turns overflow: so that they do so in a few at once, not one by one."""
_WAIT_S = 10.0


class Memory:
    """Short-term and long-term memory, on disk after every turn.

    The last turns are kept word for word within a budget of tokens. What overflows is summarised and goes into the
    long-term memory, which all sessions of the user share and which is searched with each question. Both lie in one
    knowledge base of the user's own: durable over kills, verified, purged as any other.

    Parameters
    ----------
    folder
        Where memories lie; made if it is not there.
    user, session
        Names; a user's memory is never searched for another.
    embedder
        Of the knowledge base that is asked, or any other. None takes the one that the user's memory was made with,
        all-MiniLM-L6-v2 for a new one.
    budget
        Tokens of the turns that are kept word for word.
    days
        How long anything is kept; None: without limit.
    model
        Writes the summaries; without one they are made of the turns' own words.
    now
        Gives the time in seconds since 1970; for tests.

    Examples
    --------
    >>> import tempfile
    >>> from rag.embedding import HashingEmbedder
    >>> memory = Memory(tempfile.mkdtemp(), user="ada", session="boats", embedder=HashingEmbedder())
    >>> _ = memory.remember("Who keeps the otters?", "The wardens keep them.")
    >>> [message.content for message in memory.history()]
    ['Who keeps the otters?', 'The wardens keep them.']
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        user: str,
        session: str,
        embedder: Embedder | None = None,
        budget: int = BUDGET,
        days: float | None = None,
        model: LanguageModel | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        if budget < 1 or (days is not None and not days > 0):
            raise InvalidInput(f"budget={budget}, days={days}: give tokens of 1 or more, days above 0 or None")
        self.folder = Path(folder).absolute()
        self.user = checked_name("user", user)
        self.session = checked_name("session", session)
        self.budget = budget
        self.days = days
        self._embedder = embedder
        self._model = model
        self._now = now

    def __repr__(self) -> str:
        return f"Memory({str(self.folder)!r}, user={self.user!r}, session={self.session!r})"

    # ---- what happens at every turn ---------------------------------------------------------------------------

    def remember(self, question: str, supported_text: str, *, deadline: float | None = DEADLINE_S) -> str:
        """Keep a turn, durably; turns that no longer fit are summarised.

        Parameters
        ----------
        question
            What the user said.
        supported_text
            The supported part of the answer, and nothing else; empty if the bot abstained.
        deadline
            Seconds that the language model may take to summarise; None for no limit.

        Returns
        -------
        str
            Why the turns' own words replace the model's summary; empty where they do not.

        Raises
        ------
        StoreLocked
            Another process has written to the user's memory for ten seconds.
        StoreUnwritable
            The disk is full, or permission is denied.
        """
        asked = short(question)
        if not asked:
            raise InvalidInput("the question is empty; there is nothing to remember")
        with self._writing() as kb:
            if any(map(self._is_over, self._documents(kb, None))):
                with suppress(StoreLocked):  # a reader is in the way: the next turn clears the bytes
                    self._drop_expired(kb)
            turns = self._tidied(kb)
            number = max((turn.number for turn in turns), default=self._last(kb)) + 1
            turn = Turn(number, asked, short(supported_text), self._now())
            kb.add([document_of(turn, self.session, self._expiry(turn.at))])
            turns.append(turn)
            leaving, problem = self._overflow(kb, turns), ""
            if leaving:
                found, problem = summarised(leaving, self._model, deadline=deadline)
                notes = [(note.text, note.question) for note in found]
                # First the summary, then away with the turns: a kill between leaves both, and `_tidied` the first.
                kb.add([memory_of(notes, leaving, self.session, self._expiry(leaving[-1].at))])
                for gone in leaving:
                    kb.remove(document_of(gone, self.session, None).source)
            return problem

    def turns(self) -> list[Turn]:
        """Return the turns that are kept word for word, oldest first."""
        if not KnowledgeBase.exists(self._place):
            return []
        with self._reading() as kb:
            return self._turns(kb)

    def history(self, *, answered: bool = False) -> list[Message]:
        """Return the turns as a conversation, oldest first, for generators and rewriters; or the answered ones only."""
        turns = [turn for turn in self.turns() if turn.answer or not answered]
        said = [(("user", turn.question), ("assistant", turn.answer)) for turn in turns]
        return [Message(role, text) for pair in said for role, text in pair if text]  # type: ignore[arg-type]

    def recall(self, question: str, k: int = 3, *, session_only: bool = False) -> list[Passage]:
        """Search the user's long-term memory, of all sessions or of this one; best first, none that has expired."""
        if k < 1:
            raise InvalidInput(f"k={k}: give 1 or more")
        if not question.strip() or not KnowledgeBase.exists(self._place):
            return []
        from ..retrieval.config import PipelineConfig
        from ..retrieval.retriever import Retriever

        with self._reading() as kb:
            if not len(kb.chunk_ids()):
                return []
            plain = PipelineConfig(rewrite="none")  # the question comes as the documents were searched for
            return Retriever(kb, plain).retrieve(question, k, where=self._alive(MEMORY, session_only=session_only))

    # ---- deleting ---------------------------------------------------------------------------------------------

    def forget(self) -> int:
        """Delete this session, turns and memories, every byte of them; return the number of entries.

        If it is cut short, the next one to open the memory for writing finishes it.

        Raises
        ------
        StoreLocked
            A reader still holds an older state: nothing is found any more, but bytes are left until it is closed.
        """
        return self._deleted(lambda kb: kb.remove(folder_of(self.session), purge=True))

    def expire(self) -> int:
        """Delete all expired entries of the user, every byte of them, as `forget` does; return their number."""
        return self._deleted(self._drop_expired)

    def _deleted(self, remove: Callable[[KnowledgeBase], int]) -> int:
        if not KnowledgeBase.exists(self._place):
            return 0
        with self._writing() as kb:
            return remove(kb)

    def _drop_expired(self, kb: KnowledgeBase) -> int:
        return kb.remove(*(d.source for d in self._documents(kb, None) if self._is_over(d)), purge=True)

    # ---- machinery --------------------------------------------------------------------------------------------

    @property
    def _place(self) -> Path:
        return store_of(self.folder, self.user)

    def _reading(self) -> KnowledgeBase:
        return KnowledgeBase.open(self._place, embedder=self._embedder)

    def _writing(self) -> KnowledgeBase:
        sweep(self.folder)
        place = welcome(self.folder, self.user)
        making = WriterLock(place.parent)  # two sessions may begin at once, and only one can make the knowledge base
        making.acquire(_WAIT_S)
        try:
            if not KnowledgeBase.exists(place):
                return KnowledgeBase.create(place, embedder=self._embedder)
        finally:
            making.release()
        return KnowledgeBase.open(place, mode="w", embedder=self._embedder, wait=_WAIT_S)

    def _expiry(self, at: float) -> float | None:
        return None if self.days is None else at + self.days * _DAY_S

    def _is_over(self, document: Document) -> bool:
        expires = document.metadata.get("expires")
        return isinstance(expires, int | float) and expires <= self._now()

    def _alive(self, kind: str, *, session_only: bool) -> Filter | str:
        where = f"kind == {json.dumps(kind)} and not (expires <= {self._now()!r})"
        return f"{where} and session == {json.dumps(self.session)}" if session_only else where

    def _documents(self, kb: KnowledgeBase, session: str | None) -> list[Document]:
        prefix = "" if session is None else folder_of(session) + "/"
        return [kb.document(name) for name in kb.document_ids() if name.startswith(prefix)]

    def _turns(self, kb: KnowledgeBase) -> list[Turn]:
        kept = self._documents(kb, self.session)
        done = max((int(number(d.metadata, "last")) for d in kept if d.metadata["kind"] == MEMORY), default=0)
        turns = [turn_of(d) for d in kept if d.metadata["kind"] == TURN and not self._is_over(d)]
        return sorted((turn for turn in turns if turn.number > done), key=lambda turn: turn.number)

    def _tidied(self, kb: KnowledgeBase) -> list[Turn]:
        """Return the turns; drop those that a summary holds and a kill has left."""
        turns = self._turns(kb)
        held = {turn.number for turn in turns}
        stale = [d for d in self._documents(kb, self.session) if d.metadata["kind"] == TURN]
        for document in stale:
            if int(number(document.metadata, "first")) not in held:
                kb.remove(document.source)
        return turns

    def _last(self, kb: KnowledgeBase) -> int:
        numbers = (int(number(d.metadata, "last")) for d in self._documents(kb, self.session))
        return max(numbers, default=0)

    def _overflow(self, kb: KnowledgeBase, turns: list[Turn]) -> tuple[Turn, ...]:
        """Return the oldest turns that do not fit; the newest one always stays."""
        spans = kb.embedder.tokenizer.offsets([turn.text for turn in turns])
        sizes = [len(each) for each in spans]
        total = sum(sizes)
        if total <= self.budget:
            return ()
        leaving = 0
        while total > _KEPT * self.budget and leaving < len(turns) - 1:
            total -= sizes[leaving]
            leaving += 1
        return tuple(turns[:leaving])
