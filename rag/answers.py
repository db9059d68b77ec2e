"""What a bot returns: an answer, and citations that can be checked character by character."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .documents import Passage


@dataclass(frozen=True, slots=True)
class Citation:
    """Where a sentence of the answer stands.

    ``quote`` is verbatim: it equals ``document.text[start:end]`` of the cited document.

    Attributes
    ----------
    n
        The number that ``[n]`` in the answer's text refers to, from 1.
    chunk
        Id of the retrieved chunk that holds the quote.
    start, end
        Character offsets of the quote in the document.
    """

    n: int
    document: str
    source: str
    start: int
    end: int
    quote: str
    chunk: int
    title: str = ""
    heading: tuple[str, ...] = ()
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with its evidence.

    Attributes
    ----------
    text
        The answer with ``[n]`` marks; when ``abstained``, a sentence that says so.
    support
        Calibrated probability, 0 to 1, that the first cited sentence answers the question.
    abstained, reason
        True with a reason when nothing retrieved supports an answer.
    degraded
        True when a generator failed and a simpler one answered.
    timings
        Seconds by stage: ``embed``, ``search``, ``fuse``, ``generate``, ``total``.
    """

    question: str
    text: str
    citations: tuple[Citation, ...] = ()
    passages: tuple[Passage, ...] = ()
    support: float = 0.0
    abstained: bool = False
    reason: str = ""
    degraded: bool = False
    timings: Mapping[str, float] = field(default_factory=dict)
