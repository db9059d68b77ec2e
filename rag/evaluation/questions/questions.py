"""Questions and their gold: relevant documents, chunks and spans, and reference answers."""

from __future__ import annotations

import hashlib
import json
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ...documents.document import Metadata
from ...errors import InvalidInput

Level = Literal["document", "chunk", "span"]
"""The unit of relevance: documents, chunks of one knowledge base, or spans of documents whatever the chunks."""

LEVELS: tuple[Level, ...] = ("document", "chunk", "span")


@dataclass(frozen=True, slots=True)
class GoldSpan:
    """A stretch of a document that answers a question.

    Attributes
    ----------
    document
        Id of the document.
    start, end
        Character offsets in its text, half open.
    grade
        Above 0: relevant, more is better.
    """

    document: str
    start: int
    end: int
    grade: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise InvalidInput(
                f"the span {self.start}-{self.end} of {self.document!r} is empty or backwards; "
                "start is the first character, end the one after the last"
            )


@dataclass(frozen=True, slots=True)
class Nugget:
    """A fact that an answer should hold, as TREC's question answering tracks score them.

    Attributes
    ----------
    text
        A dozen words or fewer.
    vital
        A good answer must hold it; else it is worth saying (``okay``).
    """

    text: str
    vital: bool = True

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise InvalidInput("a nugget is empty; say a fact in words")

    def as_dict(self) -> dict[str, str]:
        """Return it as TREC's files have it."""
        return {"text": self.text, "importance": "vital" if self.vital else "okay"}


@dataclass(frozen=True, slots=True)
class Question:
    """A question and its gold; unknown fields stay empty.

    Attributes
    ----------
    id
        Unique in its set.
    text
        As a person asks it.
    documents
        Grade by document id: above 0 is relevant, 0 and below judged and not relevant.
    chunks
        Grade by chunk id of the knowledge base that is measured.
    spans
        Stretches of documents: gold that holds for every chunker.
    quotes
        Verbatim quotes of a document that answer the question; `rag.evaluation.questions.locating` makes
        spans of them.
    answers
        Reference answers, each of them right.
    unanswerable
        The documents hold no answer, and saying so is right.
    metadata
        What slices are made by: ``type``, ``source`` ...
    history
        Earlier turns of the conversation, oldest first.
    without
        Documents that are left out when it is asked: an unanswerable question of what they alone say.
    nuggets
        Facts that an answer should hold.
    """

    id: str
    text: str
    documents: Mapping[str, int] = field(default_factory=dict)
    chunks: Mapping[int, int] = field(default_factory=dict)
    spans: tuple[GoldSpan, ...] = ()
    quotes: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    unanswerable: bool = False
    metadata: Metadata = field(default_factory=dict)
    history: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    nuggets: tuple[Nugget, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return one line of the toolkit's own JSONL form; `rag.evaluation.questions.question_files` reads it back."""
        row: dict[str, Any] = {"id": self.id, "text": self.text}
        if self.documents:
            row["documents"] = dict(self.documents)
        if self.chunks:
            row["chunks"] = {str(chunk): grade for chunk, grade in self.chunks.items()}
        if self.spans:
            row["spans"] = [
                {"document": s.document, "start": s.start, "end": s.end, "grade": s.grade} for s in self.spans
            ]
        for name in ("quotes", "answers", "history", "without"):
            if value := getattr(self, name):
                row[name] = list(value)
        if self.nuggets:
            row["nuggets"] = [nugget.as_dict() for nugget in self.nuggets]
        if self.unanswerable:
            row["unanswerable"] = True
        if self.metadata:
            row["metadata"] = dict(self.metadata)
        return row


@dataclass(frozen=True)
class QuestionSet(Sequence[Question]):
    """Questions, in order, with the problems of those that were left out.

    Attributes
    ----------
    questions
        With unique ids and texts that are not empty.
    name
        For reports: the file or folder they come from.
    problems
        One sentence for each thing that was left out or looks wrong; nothing is dropped in silence.
    notes
        One sentence for each column that is not used, such as a system's own output.

    Raises
    ------
    InvalidInput
        Two questions of one id, or an empty one.
    """

    questions: tuple[Question, ...]
    name: str = "questions"
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        repeated = [name for name, count in Counter(q.id for q in self.questions).items() if count > 1]
        if repeated:
            raise InvalidInput(f"the question id {repeated[0]!r} occurs twice; ids must be unique")
        empty = [q.id for q in self.questions if not q.text.strip()]
        if empty:
            raise InvalidInput(f"question {empty[0]!r} is empty; ask something in words")

    def __len__(self) -> int:
        return len(self.questions)

    def __iter__(self) -> Iterator[Question]:
        return iter(self.questions)

    def __getitem__(self, at: Any) -> Any:  # noqa: ANN401 - a question by place, questions by slice
        return self.questions[at]

    @property
    def remarks(self) -> tuple[str, ...]:
        """Problems and notes."""
        return (*self.problems, *self.notes)

    @property
    def level(self) -> Level:
        """The finest level that some question has gold of; ``document`` if there is none at all."""
        if any(q.spans or q.quotes for q in self.questions):
            return "span"
        if any(q.chunks for q in self.questions):
            return "chunk"
        return "document"

    @property
    def digest(self) -> str:
        """SHA-256 over ids, texts and gold: the same questions have the same digest."""
        rows = [json.dumps(q.as_dict(), sort_keys=True, ensure_ascii=False) for q in self.questions]
        return hashlib.sha256("\n".join(rows).encode(errors="surrogatepass")).hexdigest()

    def sample(self, n: int, *, seed: int = 0) -> QuestionSet:
        """Return ``n`` of the questions, drawn by a seed, in their order; all if there are no more."""
        if n < 1:
            raise InvalidInput(f"a sample has 1 question or more, not {n}")
        if n >= len(self.questions):
            return self
        kept = sorted(random.Random(seed).sample(range(len(self.questions)), n))  # noqa: S311 - a sample, no secret
        return self._with(self.questions[i] for i in kept)

    def where(self, test: Callable[[Question], bool]) -> QuestionSet:
        """Return the questions that pass a test."""
        return self._with(q for q in self.questions if test(q))

    def _with(self, questions: Iterable[Question]) -> QuestionSet:
        return QuestionSet(tuple(questions), self.name, self.problems, self.notes)
