"""Forms of responses: what the description at ``/openapi.json`` says of them. Keys stay; new ones may be added."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from rag.loaders.page_views import PageMarks

Metadata = dict[str, Any]
Notes = list[str]


class Digest(BaseModel):
    """A pipeline value, told by its digest."""

    digest: str


class Problem(BaseModel):
    """What went wrong."""

    message: str = Field(description="In the words of the command line.")
    type: str
    code: int
    param: None = None


class ErrorForm(BaseModel):
    """An error, in the form that OpenAI's clients read."""

    error: Problem


class Health(BaseModel):
    """That the server runs."""

    status: Literal["ok"]


# ---- answers --------------------------------------------------------------------------------------------------------


class PassageForm(BaseModel):
    """A passage that was found."""

    rank: int
    score: float = Field(description="Comparable within one response only; higher is better.")
    document: str
    chunk: int
    source: str
    start: int = Field(description="First character in the document's text.")
    end: int
    text: str
    title: str
    heading: list[str]
    page: int | None
    type: str
    metadata: Metadata
    scores: dict[str, float]


class CitationForm(BaseModel):
    """A quote of a document that a mark [n] stands for."""

    n: int
    document: str
    source: str
    start: int
    end: int
    quote: str
    chunk: int
    title: str
    type: str
    heading: list[str]
    page: int | None
    rows: list[int] | None
    time: float | None
    metadata: Metadata
    url: str


class SentenceForm(BaseModel):
    """A sentence of the answer, and how far the passages support it."""

    text: str
    support: float
    verdict: str
    citations: list[int]
    problem: str


class AnswerForm(BaseModel):
    """An answer with its evidence; as ``rag ask --json`` prints it, with public ids."""

    question: str
    searched: str = Field(description="The question as it was searched for.")
    answer: str
    abstained: bool
    degraded: bool
    incomplete: bool
    reason: str
    support: float
    calibrated: bool
    threshold: float | None
    sentences: list[SentenceForm]
    citations: list[CitationForm]
    passages: list[PassageForm]
    checks: dict[str, Any]
    data: Any
    generator: str
    usage: dict[str, Any]
    cached: bool
    trace_id: str
    timings: dict[str, float]
    pipeline: Digest
    notes: Notes
    feedback: str | None = Field(None, description="Name the answer by this when voting, where feedback is kept.")


class SearchForm(BaseModel):
    """The passages that fit a question."""

    question: str
    searched: str
    passages: list[PassageForm]
    timings: dict[str, float]
    notes: Notes
    pipeline: Digest


class ExplanationForm(BaseModel):
    """How a question came to its passages: what each stage recorded."""

    pipeline: Digest
    question: str
    fusion: str
    rewriting: list[dict[str, Any]]
    queries: list[dict[str, Any]]
    moves: list[dict[str, Any]]
    dropped: list[list[Any]]
    passages: list[dict[str, Any]]
    notes: Notes
    seconds: list[tuple[str, float]]


# ---- documents ------------------------------------------------------------------------------------------------------


class DocumentForm(BaseModel):
    """A document and its text, which citations count characters in."""

    id: str
    title: str
    source: str
    type: str
    text: str
    metadata: Metadata


class DocumentRow(BaseModel):
    """A document in a list."""

    id: str
    title: str
    source: str
    type: str
    characters: int
    modified: float | None
    metadata: Metadata
    uploaded: bool = Field(description="It came by this API, which can remove it.")


class DocumentsForm(BaseModel):
    """A page of the documents."""

    documents: list[DocumentRow]
    total: int
    after: str | None = Field(description="Go on after this one; null at the end.")


class BoxesForm(BaseModel):
    """Where a span is on the pages of a file."""

    pages: list[PageMarks]


class Removed(BaseModel):
    """How many documents went."""

    removed: int


class Failure(BaseModel):
    """A file, or a part of one, that is not in."""

    source: str
    reason: str
    detail: str
    skipped: bool


class Remark(BaseModel):
    """What is doubtful about a file."""

    source: str
    remark: str


class AccountForm(BaseModel):
    """Words of the files: held, left out by kind, unaccounted for."""

    held: int
    left_out: dict[str, int]
    unaccounted: int


class ReportForm(BaseModel):
    """What came of an upload."""

    documents: list[str]
    added: int
    changed: int
    unchanged: int
    chunks: int
    failed: int
    seconds: float
    failures: list[Failure]
    account: AccountForm
    remarks: list[Remark]


class Progress(BaseModel):
    """How far an upload is; empty until it runs."""

    documents: int = 0
    chunks: int = 0
    seconds: float = 0.0
    files: int = 0
    files_read: int = 0
    documents_read: int = 0
    stage: str = "reading"


class JobState(BaseModel):
    """An upload on its way."""

    id: str
    kb: str
    files: list[str]
    state: Literal["waiting", "running", "done", "failed", "cancelled"]
    created: float
    progress: Progress
    report: ReportForm | None
    error: Problem | None


class JobForm(BaseModel):
    """One upload."""

    job: JobState


class JobsForm(BaseModel):
    """Several uploads."""

    jobs: list[JobState]


# ---- the server -----------------------------------------------------------------------------------------------------


class KnowledgeBaseForm(BaseModel):
    """What a knowledge base holds, as far as it may be read, and how it answers."""

    name: str
    documents: int
    chunks: int
    seq: int
    indexes: list[str]
    generator: str
    pipeline: Digest
    notes: Notes


class StatusForm(BaseModel):
    """All knowledge bases; the first one answers where a request names none."""

    knowledge_bases: list[KnowledgeBaseForm]


# ---- OpenAI's -------------------------------------------------------------------------------------------------------


class ModelForm(BaseModel):
    """A knowledge base, as OpenAI's clients list models."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str


class ModelsForm(BaseModel):
    """All of them."""

    object: Literal["list"]
    data: list[ModelForm]


class UrlCitation(BaseModel):
    """Where the text of a mark leads."""

    start_index: int
    end_index: int
    title: str
    url: str


class Annotation(BaseModel):
    """A mark of the text."""

    type: Literal["url_citation"]
    url_citation: UrlCitation


class SaidForm(BaseModel):
    """The assistant's message."""

    role: Literal["assistant"]
    content: str
    annotations: list[Annotation]


class ChoiceForm(BaseModel):
    """The one choice."""

    index: int
    message: SaidForm
    finish_reason: Literal["stop", "length"]


class TokensForm(BaseModel):
    """Tokens that were used."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class CompletionForm(BaseModel):
    """A completion, with the whole answer as ``rag``."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[ChoiceForm]
    usage: TokensForm
    rag: AnswerForm


class EmbeddingForm(BaseModel):
    """One vector: numbers, or the base64 of little-endian float32."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class EmbeddingsForm(BaseModel):
    """Vectors in the order of the texts."""

    object: Literal["list"]
    data: list[EmbeddingForm]
    model: str
    usage: dict[str, int]


# ---- feedback and reports -------------------------------------------------------------------------------------------


class SpanForm(BaseModel):
    """A stretch of a document's text."""

    document: str
    start: int
    end: int
    quote: str


class VotedForm(BaseModel):
    """What a reader has said about an answer."""

    answer: str
    vote: str | None
    reason: str
    correction: str
    spans: list[SpanForm]


class ProposedForm(BaseModel):
    """What a reviewer may accept."""

    spans: list[SpanForm]
    answers: list[str]
    unanswerable: bool


class SourcedSpan(SpanForm):
    """A stretch of a document's text, and the document's name."""

    source: str


class ToReviewForm(VotedForm):
    """An answer that waits for a judgement."""

    at: float
    question: str
    searched: str
    history: list[dict[str, str]]
    text: str
    abstained: bool
    proposed: ProposedForm | None
    why: str
    passages: list[SourcedSpan]
    lost: int


class ReviewForm(BaseModel):
    """The answers that wait for a judgement; the first of them in full."""

    to_review: int
    rows: list[ToReviewForm]


class JudgedForm(BaseModel):
    """What became of an answer under review."""

    answer: str
    state: str


class ReportRow(BaseModel):
    """A stored report."""

    id: str
    title: str
    kind: str
    modified: str


class ReportsForm(BaseModel):
    """Stored reports."""

    reports: list[ReportRow]


class OpenedForm(BaseModel):
    """Where a report may be opened for a minute."""

    url: str


EVENTS: dict[str, Any] = {"content": {"text/event-stream": {}}}
"""Of a response that is sent as server-sent events."""
