"""One answer that was kept, and what its reader said about it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from ..llm.language_model import Message

Vote = Literal["up", "down"]
State = Literal["new", "accepted", "rejected"]
VOTES: dict[Vote, int] = {"up": 1, "down": -1}
STATES: tuple[State, ...] = ("new", "accepted", "rejected")


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a document, and how to find it again.

    Attributes
    ----------
    document
        Its id.
    start, end
        Character offsets in the text that the document had.
    digest
        `rag.Document.digest` of then; empty where it is not known.
    quote
        The text between them; empty where it is not kept, as of passages that were read.
    """

    document: str
    start: int
    end: int
    digest: str
    quote: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer and its feedback.

    Attributes
    ----------
    id
        Of the answer, not to be guessed.
    at, voted
        Seconds since 1970; ``voted`` is None without a vote.
    principal
        A digest of who asked; empty where nobody is told apart.
    question, searched, answer, abstained, generator
        As of the `rag.Answer`.
    history
        Earlier turns; empty unless they were kept on request.
    citations, passages
        What the answer quotes, and what it was made from.
    pipeline, seq, version
        Digest of the pipeline value, the knowledge base's last change, and the version of this toolkit.
    vote, reason, correction, spans
        What the reader said: also the right answer, and where it is.
    state
        ``new`` until a review accepts or rejects it.
    judged
        What the review made of it: ``spans``, ``answers``, ``unanswerable``.
    """

    id: str
    at: float
    principal: str
    question: str
    searched: str
    history: tuple[Message, ...]
    answer: str
    abstained: bool
    citations: tuple[Span, ...]
    passages: tuple[Span, ...]
    generator: str
    pipeline: str
    seq: int
    version: str
    vote: Vote | None = None
    voted: float | None = None
    reason: str = ""
    correction: str = ""
    spans: tuple[Span, ...] = ()
    state: State = "new"
    judged: Mapping[str, Any] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self)


COLUMNS = (
    "id", "at", "principal", "question", "searched", "history", "answer", "abstained", "citations", "passages",
    "generator", "pipeline", "seq", "version", "vote", "voted", "reason", "correction", "spans", "state", "judged",
)  # fmt: skip


def kept(row: tuple[Any, ...]) -> Kept:
    """Return what a row of `COLUMNS` holds."""
    own = dict(zip(COLUMNS, row, strict=True))
    own["history"] = tuple(Message(**turn) for turn in json.loads(own["history"]))
    for name in ("citations", "passages", "spans"):
        own[name] = spans(json.loads(own[name]))
    own["abstained"] = bool(own["abstained"])
    own["vote"] = {1: "up", -1: "down"}.get(own["vote"])
    own["judged"] = json.loads(own["judged"]) if own["judged"] else None
    return Kept(**own)


def spans(found: Iterable[Mapping[str, Any]]) -> tuple[Span, ...]:
    """Return spans as JSON holds them."""
    return tuple(Span(**each) for each in found)


def text(value: Any) -> str:  # noqa: ANN401 - what JSON takes
    """Return JSON, with dataclasses as objects."""
    return json.dumps(value, ensure_ascii=False, default=asdict)
