"""What a bot returns: an answer, and evidence that can be checked character by character."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from .documents import Passage
from .llm.language_model import Usage

UNKNOWN = "The documents do not answer this."
"""What the model is told to say, and the bot says, when the passages hold no answer."""

Verdict = Literal["supported", "unsupported", "no claim"]


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


def citation(n: int, passage: Passage, start: int, end: int) -> Citation:
    """Return the citation of a span of a passage; ``start`` and ``end`` are offsets into its text."""
    return Citation(
        n=n,
        document=passage.document,
        source=passage.source,
        start=passage.start + start,
        end=passage.start + end,
        quote=passage.text[start:end],
        chunk=passage.chunk,
        title=passage.title,
        heading=passage.heading,
        page=passage.page,
    )


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of an answer and what the passages say to it.

    Attributes
    ----------
    text
        The sentence without its marks.
    support
        0 to 1: how well a cited passage bears it out; 1 for a verbatim quote. Not a probability that it is true.
    verdict
        ``supported``; ``unsupported``: no passage bears it out; ``no claim``: nothing that could be checked ("Sure!").
    citations
        Numbers of the citations that bear it out; none unless it is supported.
    problem
        What is wrong with an unsupported sentence, in words.
    """

    text: str
    support: float
    verdict: Verdict = "supported"
    citations: tuple[int, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Checks:
    """What the check of a language model's text took out or found wrong, as counts.

    Attributes
    ----------
    fabricated
        Citations of passages that do not exist.
    misattributed
        Citations of passages that do not say what they were cited for.
    false_quotes
        Texts in quotation marks that stand in no passage as they are.
    unsupported
        Sentences that no passage bears out.
    images
        Embedded pictures and HTML: a page that showed them would call their addresses.
    """

    fabricated: int = 0
    misattributed: int = 0
    false_quotes: int = 0
    unsupported: int = 0
    images: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with its evidence.

    Attributes
    ----------
    text
        The answer with ``[n]`` marks; when ``abstained``, a sentence that says so.
    sentences
        What was said, sentence by sentence, with support. Of an answer that was withheld: what the model had said.
    support
        0 to 1, that the answer is right: calibrated for the extractive generator, and for any after ``rag calibrate``;
        the mean support of its sentences else.
    abstained, reason
        True with a reason when nothing retrieved supports an answer.
    degraded
        True when a generator failed and a simpler one answered; ``reason`` says how it failed.
    incomplete
        True when the model was cut off; ``reason`` says by what.
    checks
        What was taken out of a language model's text.
    usage
        Tokens, calls, seconds and cost of all language models: what rewrote the question, reranked, and wrote.
    timings
        Seconds by stage: ``embed``, ``search``, ``fuse``, ``generate``, ``total``.
    generator
        Who wrote it: ``extractive``, or the name of a language model.
    cached
        The model's text came from a cache; ``usage`` counts no call then.
    data
        The value that a ``schema`` asked for.
    trace_id
        32 hexadecimal digits; the trace's where OpenTelemetry is recording one.
    searched
        The question as it was searched for, after rewriting.
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
    sentences: tuple[Sentence, ...] = ()
    incomplete: bool = False
    checks: Checks = field(default_factory=Checks)
    usage: Usage = field(default_factory=Usage)
    generator: str = ""
    cached: bool = False
    data: Any = None
    trace_id: str = ""
    searched: str = ""

    def __str__(self) -> str:
        """Return the text alone, for ``print``."""
        return self.text

    @property
    def supported_text(self) -> str:
        """The supported sentences without marks: what a conversation may build on. Empty when the bot abstained."""
        if self.abstained:
            return ""
        return " ".join(" ".join(each.text.split()) for each in self.sentences if each.verdict == "supported")
