"""Answers, with citations that can be checked character by character."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from .documents.document import Metadata, Passage
from .documents.sections import row_at
from .llm.language_model import Usage

UNKNOWN = "The documents do not answer this."
"""The answer, of model and bot alike, when the passages hold none."""

Verdict = Literal["supported", "unsupported", "no claim"]


@dataclass(frozen=True, slots=True)
class Citation:
    """The span of a document that supports a sentence of the answer.

    ``quote`` is verbatim: it equals ``document.text[start:end]`` of the cited document.

    Attributes
    ----------
    n
        The number that ``[n]`` in the answer's text refers to, from 1.
    chunk
        Id of the retrieved chunk that holds the quote.
    start, end
        Character offsets of the quote in the document.
    type
        Of the document: ``pdf``, ``xlsx`` ...
    heading, page
        Where the quote begins.
    rows
        First and last row of its sheet or file that the quote shows.
    time
        Seconds from the beginning of the recording where the quote begins.
    metadata
        The document's own fields.
    """

    n: int
    document: str
    source: str
    start: int
    end: int
    quote: str
    chunk: int
    title: str = ""
    type: str = "text"
    heading: tuple[str, ...] = ()
    page: int | None = None
    rows: tuple[int, int] | None = None
    time: float | None = None
    metadata: Metadata = field(default_factory=dict, hash=False)

    @property
    def url(self) -> str:
        """The address that the document's ``url`` field names, if it is one of the web; else empty."""
        url = self.metadata.get("url")
        return url if isinstance(url, str) and url.startswith(("https://", "http://")) else ""


def citation(n: int, passage: Passage, start: int, end: int) -> Citation:
    """Return the citation of a span of a passage; ``start`` and ``end`` are offsets into its text."""
    place, last = passage.section_at(start), passage.section_at(max(start, end - 1))
    row = row_at(place, passage.text, start, passage.start)
    last_row = row_at(last, passage.text, max(start, end - 1), passage.start)
    return Citation(
        n=n,
        document=passage.document,
        source=passage.source,
        start=passage.start + start,
        end=passage.start + end,
        quote=passage.text[start:end],
        chunk=passage.chunk,
        title=passage.title,
        type=passage.type,
        heading=place.heading,
        page=place.page,
        rows=None if row is None or last_row is None else (row, last_row),
        time=place.time,
        metadata=passage.metadata,
    )


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of an answer, and how well the passages support it.

    Attributes
    ----------
    text
        The sentence without its marks.
    support
        0 to 1: how well a cited passage supports it; 1 for a verbatim quote. Not a probability that it is true.
    verdict
        ``supported``; ``unsupported``: no passage supports it; ``no claim``: nothing to check ("Sure!").
    citations
        Numbers of the citations that support it; none unless it is supported.
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
    """Counts of what the check of a language model's text removed or found wrong.

    Attributes
    ----------
    fabricated
        Citations of passages that do not exist.
    misattributed
        Citations of passages that do not say what they were cited for.
    false_quotes
        Texts in quotation marks that no passage contains verbatim.
    unsupported
        Sentences that no passage supports.
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
        The sentences with their support; of a withheld answer, what the model had said.
    support
        0 to 1. Where ``calibrated``, the estimated chance that this answers the question; otherwise the mean support
        of its sentences by the passages.
    calibrated
        True for the extractive generator, and for any after ``rag calibrate``.
    threshold
        Support below which answers are withheld; None where none is.
    abstained, reason
        True with a reason when nothing retrieved supports an answer.
    degraded
        True when a generator failed and a simpler one answered; ``reason`` says how it failed.
    incomplete
        True when the model was cut off; ``reason`` says by what.
    checks
        What was removed from a language model's text.
    usage
        Tokens, calls, seconds and cost of all language models: for rewriting, reranking and writing.
    timings
        Seconds by stage: ``embed``, ``search``, ``fuse``, ``generate``, ``total``.
    generator
        ``extractive``, or the name of the language model that wrote it.
    cached
        The model's text came from a cache; ``usage`` counts no call then.
    data
        The value that fits the ``schema``.
    trace_id
        32 hexadecimal digits; the OpenTelemetry trace's where one is recorded.
    searched
        The question after rewriting, as it was searched for.
    pipeline
        Digest of the pipeline value that made it.
    notes
        What the user should know besides, such as a calibration that was not applied.
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
    pipeline: str = ""
    notes: tuple[str, ...] = ()
    calibrated: bool = False
    threshold: float | None = None

    def __str__(self) -> str:
        """Return the text alone, for ``print``."""
        return self.text

    @property
    def supported_text(self) -> str:
        """The supported sentences without marks: what a conversation may build on. Empty when the bot abstained."""
        if self.abstained:
            return ""
        return " ".join(" ".join(each.text.split()) for each in self.sentences if each.verdict == "supported")

    @property
    def support_in_words(self) -> str:
        """What ``support`` means, its value, and what is withheld."""
        what = "estimated chance that this answers the question" if self.calibrated else "support by the passages"
        limit = f", below {_percent(self.threshold)} is withheld" if self.threshold else ""
        return f"{what}: {_percent(self.support)}{limit}"


def _percent(share: float) -> str:
    """Return a share in percent, with a decimal where a whole number would say 0 or 100 of what is neither."""
    return f"{share:.0%}" if f"{share:.0%}" not in {"0%", "100%"} or share in (0, 1) else f"{share:.1%}"
