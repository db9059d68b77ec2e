"""Keep answers and what readers say about them, in ``feedback.sqlite`` beside the knowledge base."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ..errors import InvalidInput, RagError
from ..knowledge_base import KnowledgeBase
from ..llm.language_model import Message
from ..store import database, feedback_file
from ..store.faults import sqlite_faults
from ..store.session import FEEDBACK
from .ledger import Ledger
from .rows import COLUMNS, STATES, VOTES, Kept, Span, State, Vote, kept, text

if TYPE_CHECKING:
    from ..answers import Answer

MOST = 100_000
"""Answers that are kept; the oldest without a vote go first, then the oldest without a review."""
MOST_BYTES = 1_000_000_000
"""Of the file; beyond it a twentieth of the answers goes, in the same order."""
UNVOTED_DAYS = 30.0
"""Days after which an answer without a vote goes."""
_LONGEST = {"question": 10_000, "answer": 20_000, "reason": 2_000, "correction": 20_000, "quote": 5_000}
"""Characters."""
_SPANS, _PASSAGES, _TURNS = 20, 100, 20
_DAY_S = 86_400.0
_SELECT = f"select {', '.join(COLUMNS)} from answers "  # noqa: S608 - names from above


NO_ANSWER = "no such answer is kept; it may have expired, or have been forgotten"
"""What is told of a missing answer and of another principal's alike."""


class NoSuchAnswer(RagError, LookupError):  # noqa: N818
    """No answer of that id was kept, or another principal asked it; the two are told alike."""

    exit_code = 64


class Feedback(Ledger):
    """Answers that were given, votes on them, and what a review made of these; made by `open`.

    Any number of threads and processes may read and write at a time. What a call has returned survives a kill.

    Examples
    --------
    >>> import tempfile
    >>> from rag import Bot, Document, HashingEmbedder, KnowledgeBase
    >>> kb = KnowledgeBase.create(tempfile.mkdtemp(), embedder=HashingEmbedder())
    >>> _ = kb.add([Document.from_text("The wardens keep the otters.", id="otters")])
    >>> with Bot(kb) as bot, Feedback.open(kb) as feedback:
    ...     name = feedback.keep(bot.ask("Who keeps the otters?"))
    ...     feedback.vote(name, "up").vote
    'up'
    >>> kb.close()
    """

    def __init__(self, kb: KnowledgeBase | Path, *, most: int, days: float, now: Callable[[], float]) -> None:
        self._kb = kb if isinstance(kb, KnowledgeBase) else None
        self.folder = kb.path if isinstance(kb, KnowledgeBase) else kb
        self._most, self._days, self._now = most, days, now
        self._turn = threading.RLock()  # one connection, one thread at a time
        self._db: Any = feedback_file.opened(self.folder)
        with self._writing() as db:
            db.execute("insert or ignore into meta values ('salt', ?)", (secrets.token_hex(16),))
            self._salt = str(db.execute("select value from meta where key = 'salt'").get)

    @classmethod
    def open(
        cls,
        kb: KnowledgeBase | str | Path,
        *,
        most: int = MOST,
        days: float = UNVOTED_DAYS,
        now: Callable[[], float] = time.time,
    ) -> Self:
        """Open the feedback of a knowledge base, made where there is none.

        Parameters
        ----------
        kb
            Open, or its folder; to keep answers it must be open.
        most
            Answers that are kept. The oldest without a vote go first, then the oldest without a review.
        days
            How long answers without a vote are kept.
        now
            Gives the time in seconds since 1970; for tests.

        Raises
        ------
        InvalidInput
            ``most`` or ``days`` is too small, or there is no knowledge base.
        StoreUnwritable, StoreCorrupt, StoreMismatch
            The file cannot be written, is damaged, or is of a newer version.
        """
        if most < 1 or not days > 0:
            raise InvalidInput(f"most={most}, days={days}: give answers of 1 or more, and days above 0")
        place = kb if isinstance(kb, KnowledgeBase) else Path(kb).absolute()
        if isinstance(place, Path) and not KnowledgeBase.exists(place):
            raise InvalidInput(f"no knowledge base in {kb}; feedback is kept beside one")
        return cls(place, most=most, days=days, now=now)

    def close(self) -> None:
        """Close it; may be called twice."""
        with self._turn:
            if self._db is not None:
                self._db.close()
                self._db = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def kb(self) -> KnowledgeBase:
        """The open knowledge base, whose documents are quoted.

        Raises
        ------
        InvalidInput
            The feedback was opened by the folder's name.
        """
        if self._kb is None:
            raise InvalidInput("to keep answers or to give spans, open both: Feedback.open(kb), of an open kb")
        return self._kb

    # ---- what readers do ---------------------------------------------------------------------------------------

    def keep(self, answer: Answer, *, principal: str = "", history: Sequence[Message] = ()) -> str | None:
        """Keep an answer, so that a vote can name it; return its id, or None where the question is too long to keep.

        Parameters
        ----------
        principal
            Who asked; a digest of it is kept. Only the same principal can vote.
        history
            Earlier turns; nothing of them is kept unless they are given.
        """
        if len(answer.question) > _LONGEST["question"]:
            return None
        kb = self.kb
        named = {c.document for c in answer.citations} | {p.document for p in answer.passages}
        digests = kb.digests(sorted(named))
        citations = [
            Span(c.document, c.start, c.end, digests.get(c.document, ""), c.quote)
            for c in answer.citations[:_SPANS]
            if len(c.quote) <= _LONGEST["quote"]
        ]
        passages = [Span(p.document, p.start, p.end, digests.get(p.document, "")) for p in answer.passages[:_PASSAGES]]
        turns = [{"role": turn.role, "content": turn.content[:2_000]} for turn in history[-_TURNS:]]
        name, now = secrets.token_hex(16), self._now()
        row = {
            "id": name,
            "at": now,
            "principal": self.digest_of(principal),
            "question": answer.question,
            "searched": answer.searched[: _LONGEST["question"]],
            "history": text(turns),
            "answer": answer.text[: _LONGEST["answer"]],
            "abstained": int(answer.abstained),
            "citations": text(citations),
            "passages": text(passages),
            "documents": text({each: digests.get(each, "") for each in sorted(named)}),
            "generator": answer.generator,
            "pipeline": answer.pipeline,
            "seq": kb.seq,
            "version": _own_version(),
        }
        with self._writing() as db:
            places = ", ".join("?" * len(row))
            db.execute(f"insert into answers ({', '.join(row)}) values ({places})", tuple(row.values()))  # noqa: S608
            self._bound(db, now)
        return name

    def _bound(self, db: Any, now: float) -> None:  # noqa: ANN401 - a connection
        """Drop answers that nobody voted on for long, and the oldest of too many; never what was accepted."""
        old = now - self._days * _DAY_S
        db.execute("delete from answers where at < ? and voted is null and state = 'new'", (old,))
        count = db.execute("select count(*) from answers").get
        used = (db.pragma("page_count") - db.pragma("freelist_count")) * db.pragma("page_size")
        over = max(count - self._most, 1 + count // 20 if used > MOST_BYTES else 0)
        if over > 0:
            db.execute(
                "delete from answers where number in (select number from answers where state <> 'accepted' "
                "order by voted is not null, state <> 'new', number limit ?)",
                (over,),
            )
        full = db.execute("select count(*) from answers").get > self._most
        if full:  # all others are accepted: what is new has no room
            db.execute("delete from answers where number = (select max(number) from answers)")

    def vote(
        self,
        answer: str,
        vote: Vote,
        *,
        principal: str = "",
        reason: str = "",
        correction: str = "",
        spans: Iterable[Span | tuple[str, int, int]] = (),
    ) -> Kept:
        """Keep what a reader says about an answer; a later vote replaces the one before.

        Parameters
        ----------
        answer
            The id that `keep` returned.
        vote
            ``up`` or ``down``.
        reason
            Why, in words.
        correction
            The right answer, in words.
        spans
            Where the documents answer: (document, start, end), offsets in the text that the document has now.

        Raises
        ------
        NoSuchAnswer
            There is none of that id, or another principal asked it.
        InvalidInput
            Another vote, a text that is too long, or a span that its document does not have.
        """
        if vote not in VOTES:
            raise InvalidInput(f"vote={vote!r}: give 'up' or 'down'")
        for name, value in (("reason", reason), ("correction", correction)):
            if len(value) > _LONGEST[name]:
                raise InvalidInput(f"the {name} has more than {_LONGEST[name]:,} characters; say it in fewer")
        found = self.spans_of(spans)
        values = (VOTES[vote], self._now(), reason.strip(), correction.strip(), text(found))
        with self._writing() as db:
            self._own(db, answer, principal)
            db.execute(
                "update answers set vote = ?, voted = ?, reason = ?, correction = ?, spans = ? where id = ?",
                (*values, answer),
            )
        return self.row(answer)

    def withdraw(self, answer: str, *, principal: str = "") -> None:
        """Take back all that a reader said about an answer, with what a review made of it.

        Raises
        ------
        NoSuchAnswer
            There is none of that id, or another principal asked it.
        """
        with self._writing() as db:
            self._own(db, answer, principal)
            db.execute(
                "update answers set vote = null, voted = null, reason = '', correction = '', spans = '[]', "
                "state = 'new', judged = '' where id = ?",
                (answer,),
            )

    def spans_of(self, given: Iterable[Span | tuple[str, int, int]]) -> list[Span]:
        """Return spans with the digest and the quote that their documents have now.

        Raises
        ------
        InvalidInput
            A document is not there, a span lies outside of it or is too long, or there are too many.
        """
        wanted = [(each.document, each.start, each.end) if isinstance(each, Span) else each for each in given]
        if len(wanted) > _SPANS:
            raise InvalidInput(f"{len(wanted)} spans; give at most {_SPANS}")
        return [self._span(*each) for each in wanted]

    def _span(self, document: str, start: int, end: int) -> Span:
        kb = self.kb
        with kb.view():
            whole = kb.document(document)
            digest = kb.digests([whole.id])[whole.id]
        if not 0 <= start < end <= len(whole.text):
            raise InvalidInput(f"a span from {start} to {end} is not in the document, of {len(whole.text)} characters")
        if end - start > _LONGEST["quote"]:
            raise InvalidInput(f"a span has at most {_LONGEST['quote']:,} characters, not {end - start:,}")
        return Span(whole.id, start, end, digest, whole.text[start:end])

    # ---- reading -----------------------------------------------------------------------------------------------

    def row(self, answer: str, *, principal: str | None = None) -> Kept:
        """Return an answer and its feedback; with a principal, only where this one asked.

        Raises
        ------
        NoSuchAnswer
            There is none of that id, or another principal asked it.
        """
        with self._reading() as db:
            if principal is not None:
                self._own(db, answer, principal)
            for row in db.execute(_SELECT + "where id = ?", (answer,)):
                return kept(row)
        raise NoSuchAnswer(NO_ANSWER)

    def rows(self, state: State | None = None, *, voted: bool = True, limit: int | None = None) -> list[Kept]:
        """Return answers, the oldest first.

        Parameters
        ----------
        state
            ``new``, ``accepted`` or ``rejected``; None for all.
        voted
            Leave out those that nobody voted on.
        """
        if state is not None and state not in STATES:
            raise InvalidInput(f"state={state!r}: give one of {', '.join(STATES)}")
        tests = (["state = ?"] if state else []) + (["voted is not null"] if voted else [])
        where = f"where {' and '.join(tests)} " if tests else ""
        values = [*([state] if state else []), -1 if limit is None else limit]
        with self._reading() as db:
            return [kept(row) for row in db.execute(f"{_SELECT}{where}order by number limit ?", values)]

    def counts(self) -> dict[str, int]:
        """Return how many answers are kept, and how many of them are voted up, voted down, and of each state."""
        query = (
            "select count(*), total(vote = 1), total(vote = -1), "
            "total(state = 'new' and voted is not null), total(state = 'accepted'), total(state = 'rejected') "
            "from answers"
        )
        names = ("answers", "up", "down", "to review", "accepted", "rejected")
        with self._reading() as db:
            return {name: int(value) for name, value in zip(names, next(db.execute(query)), strict=True)}

    # ---- reviewing and forgetting ------------------------------------------------------------------------------

    def set_state(self, answer: str, state: State, judged: object | None = None) -> None:
        """Keep what a review made of an answer; see `rag.feedback.judge`."""
        with self._writing() as db:
            self._own(db, answer, None)
            own = "" if judged is None else text(judged)
            db.execute("update answers set state = ?, judged = ? where id = ?", (state, own, answer))

    def forget(self, *answers: str, principal: str | None = None) -> int:
        """Delete answers with their feedback, by id, or all that a principal asked; return how many.

        No byte of them stays, in the file or in its log.

        Raises
        ------
        StoreLocked
            Another process reads at the moment: they are deleted all the same, and their bytes go at the next call.
        """
        with self._writing() as db:
            before = db.execute("select count(*) from answers").get
            db.executemany("delete from answers where id = ?", ((each,) for each in answers))
            if principal is not None:
                db.execute("delete from answers where principal = ?", (self.digest_of(principal),))
            gone = int(before - db.execute("select count(*) from answers").get)
        self._clear()
        return gone

    def expire(self, days: float, *, unvoted: bool = False) -> int:
        """Delete what is older than some days, or only what nobody voted on; return how many answers that were."""
        if not days >= 0:
            raise InvalidInput(f"days={days}: give 0 or more")
        extra = " and voted is null and state = 'new'" if unvoted else ""
        with self._writing() as db:
            before = db.execute("select count(*) from answers").get
            db.execute(f"delete from answers where at < ?{extra}", (self._now() - days * _DAY_S,))  # noqa: S608
            gone = int(before - db.execute("select count(*) from answers").get)
        self._clear()
        return gone

    def digest_of(self, principal: str) -> str:
        """Return what is kept of a principal's name: a digest that no other file shares; nothing of an empty one."""
        if not principal:
            return ""
        return hashlib.blake2b(
            principal.encode(errors="surrogatepass"), digest_size=16, key=self._salt.encode()
        ).hexdigest()

    # ---- machinery ---------------------------------------------------------------------------------------------

    def _own(self, db: Any, answer: str, principal: str | None) -> None:  # noqa: ANN401 - a connection
        asked = db.execute("select principal from answers where id = ?", (answer,)).get
        if asked is None or (principal is not None and asked != self.digest_of(principal)):
            raise NoSuchAnswer(NO_ANSWER)

    def _clear(self) -> None:
        with self._reading() as db:
            feedback_file.clear_bytes(db, self.folder / FEEDBACK)

    @contextlib.contextmanager
    def _reading(self) -> Iterator[Any]:
        with self._turn, sqlite_faults(self.folder / FEEDBACK):
            if self._db is None:
                raise InvalidInput("the feedback is closed; open it again")
            yield self._db

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Any]:
        with self._reading() as db, database.transaction(db):
            yield db


def _own_version() -> str:
    try:
        return version("rag-workbench")
    except PackageNotFoundError:  # a checkout that is not installed
        return ""
