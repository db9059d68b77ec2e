"""A turn of a conversation, and the document that stores it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from ..documents.document import Document, Metadata, Scalar, clean_text
from ..documents.sections import Section
from ..errors import InvalidInput

TURN, MEMORY = "turn", "memory"
_LONGEST_NAME = 200
_LONGEST_TEXT = 20_000


@dataclass(frozen=True, slots=True)
class Turn:
    """A question, and the supported part of its answer.

    Attributes
    ----------
    number
        Counts the turns of a session from 1.
    answer
        Supported text only; empty if the bot abstained.
    at
        Seconds since 1970.
    """

    number: int
    question: str
    answer: str
    at: float

    @property
    def text(self) -> str:
        """Question and answer."""
        return f"{self.question}\n{self.answer}" if self.answer else self.question


def checked_name(what: str, name: str) -> str:
    """Return the name of a user or session, or refuse it."""
    if not isinstance(name, str) or not name.strip() or len(name) > _LONGEST_NAME or clean_text(name) != name:
        raise InvalidInput(f"{what}={name!r}: give a name of 1 to {_LONGEST_NAME} characters")
    return name


def folder_of(session: str) -> str:
    """Return the name under which the sources of a session lie: no name is the beginning of another's."""
    return f"session/{quote(session, safe='')}"


def short(text: str) -> str:
    """Make a text storable, and cut one that no person would write."""
    return clean_text(text).strip()[:_LONGEST_TEXT]


def document_of(turn: Turn, session: str, expires: float | None) -> Document:
    """Return the document that keeps a turn."""
    facts: dict[str, Scalar] = {"kind": TURN, "session": session, "first": turn.number, "last": turn.number}
    facts |= {"at": turn.at, "question": len(turn.question)}
    return _document(f"{folder_of(session)}/turn-{turn.number:08d}", turn.text, facts, expires)


def memory_of(notes: Sequence[tuple[str, str]], turns: Sequence[Turn], session: str, expires: float | None) -> Document:
    """Return the document that keeps notes, (text, question) each, of turns that follow each other."""
    first, last = turns[0].number, turns[-1].number
    facts: dict[str, Scalar] = {"kind": MEMORY, "session": session, "first": first, "last": last, "at": turns[-1].at}
    text, sections = "", []
    for note, question in notes:
        start = len(text)
        text += f"{clean_text(note)}\n\n"
        sections.append(Section(start, len(text), (question,) if question else ()))
    name = f"{folder_of(session)}/memory-{first:08d}-{last:08d}"
    return _document(name, text, facts, expires, tuple(sections))


def _document(
    name: str, text: str, facts: Mapping[str, Scalar], expires: float | None, sections: tuple[Section, ...] = ()
) -> Document:
    kept = {**facts} if expires is None else {**facts, "expires": expires}
    return Document(name, text, source=name, type="memory", sections=sections, metadata=kept)


def number(facts: Metadata, name: str) -> float:
    """Return a fact that is a number; 0 if it is none."""
    value = facts[name]
    return value if isinstance(value, int | float) else 0


def turn_of(document: Document) -> Turn:
    """Return the turn that a document keeps."""
    facts = document.metadata
    cut = int(number(facts, "question"))
    return Turn(int(number(facts, "first")), document.text[:cut], document.text[cut + 1 :], number(facts, "at"))
