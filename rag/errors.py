"""Errors of the toolkit.

::

    RagError                             base of all of them; ``exit_code`` is what the command line returns
    ├── InvalidInput(ValueError)         an invalid argument; says what to give instead
    │   └── InvalidFilter                a ``where`` expression that does not parse; shows the place
    ├── StoreError
    │   ├── StoreMissing(FileNotFoundError)   no knowledge base in that folder
    │   ├── StoreExists(FileExistsError)      there is one already
    │   ├── StoreCorrupt(ValueError)          a file of the store is damaged; names the file
    │   ├── StoreLocked(TimeoutError)         another process is writing; names its pid and host
    │   ├── StoreMismatch(ValueError)         made with another embedder, metric, chunker, analyser or format
    │   ├── StoreUnavailable(ConnectionError)   its server cannot be reached, or gives no answer
    │   └── StoreUnwritable(OSError)          disk full, read-only, no permission; names the path and the cause
    ├── EmbedderError(RuntimeError)      an embedder returned the wrong number, shape or kind of vectors
    ├── ModelDamaged(ValueError)         a model's file is not the one expected; names the file and both digests
    ├── ModelMissing(FileNotFoundError)  a model that was not found; says where it was searched for
    ├── LLMError                         base of all errors of language models; ``attempts`` counts requests
    │   ├── LLMUnavailable(ConnectionError)   cannot be reached, or fails on every request, after all attempts
    │   │   └── LLMTimeout(TimeoutError)      the deadline passed before an answer came
    │   ├── LLMRefused(PermissionError)       the server refuses this request; asking again does not help
    │   ├── LLMBadResponse(ValueError)        the response is not an answer; shows how it begins
    │   ├── LLMUnsupported(NotImplementedError)  this back end does not support an option; names it
    │   ├── PromptTooLong(ValueError)         the conversation does not fit into the model's context
    │   ├── ConstraintUnmet(ValueError)       the text does not match the schema, choice or pattern
    │   └── BudgetExceeded(RuntimeError)      a cap on calls, tokens, bytes or seconds is reached; names the cap
    ├── WorkerLost(RuntimeError)         a batch of an ingest took down several worker processes
    ├── PartFailed(RuntimeError)         a rewriter, reranker or context step returned an unusable result
    ├── OutOfTime(TimeoutError)          one of these was not done within its time
    ├── DeadlinePassed(TimeoutError)     time was up before any passage was found
    ├── CannotShow(RuntimeError)         a page of a file cannot be shown; says why
    │   └── FileChanged                  the file is no longer the one that was read
    ├── Busy(RuntimeError)               as many questions as allowed are being answered; ask again in a moment
    └── ExtraMissing(ImportError)        an optional package is not installed; says the install line
"""

from __future__ import annotations

import traceback
from pathlib import Path


class RagError(Exception):
    """Base of every error that ``rag`` raises on purpose."""

    exit_code = 1


class InvalidInput(RagError, ValueError):  # noqa: N818
    """An invalid argument."""

    exit_code = 64


class InvalidFilter(InvalidInput):
    """A ``where`` expression that does not parse."""


class StoreError(RagError):
    """Base of all errors of a knowledge base on disk."""


class StoreMissing(StoreError, FileNotFoundError):  # noqa: N818
    """No knowledge base in that folder."""

    exit_code = 64


class StoreExists(StoreError, FileExistsError):  # noqa: N818
    """There is a knowledge base in that folder already."""

    exit_code = 64


class StoreCorrupt(StoreError, ValueError):  # noqa: N818
    """A file of the store is missing, truncated or altered."""

    exit_code = 3


class StoreUnwritable(StoreError, OSError):  # noqa: N818
    """The disk is full or read-only, or permission is denied."""

    exit_code = 4


class StoreUnavailable(StoreError, ConnectionError):  # noqa: N818
    """The server that keeps the knowledge base cannot be reached, or gives no answer."""

    exit_code = 12


class StoreLocked(StoreError, TimeoutError):  # noqa: N818
    """Another process is writing to the knowledge base."""

    exit_code = 8


class StoreMismatch(StoreError, ValueError):  # noqa: N818
    """The knowledge base was made with another embedder, metric, chunker, analyser or format."""

    exit_code = 9


class EmbedderError(RagError, RuntimeError):
    """An embedder returned the wrong number, shape or kind of vectors."""


class ModelDamaged(RagError, ValueError):  # noqa: N818
    """A file of an embedding model is altered or unreadable."""

    exit_code = 3


class ModelMissing(RagError, FileNotFoundError):  # noqa: N818
    """A model was not found."""


class LLMError(RagError):
    """Base of all errors of language models.

    Attributes
    ----------
    attempts
        Number of requests, repeated ones included.
    """

    exit_code = 10
    attempts = 0


class LLMUnavailable(LLMError, ConnectionError):  # noqa: N818
    """The model cannot be reached, or fails on every request."""


class LLMTimeout(LLMUnavailable, TimeoutError):  # noqa: N818
    """The deadline passed before an answer came."""


class LLMRefused(LLMError, PermissionError):  # noqa: N818
    """The server will not answer this request: wrong key, unknown model, unreadable request."""


class LLMBadResponse(LLMError, ValueError):  # noqa: N818
    """The response is not an answer."""


class LLMUnsupported(LLMError, NotImplementedError):  # noqa: N818
    """The back end does not support an option."""

    exit_code = 64


class PromptTooLong(LLMError, ValueError):  # noqa: N818
    """The conversation does not fit into the model's context."""


class ConstraintUnmet(LLMError, ValueError):  # noqa: N818
    """The text does not match the schema, choice or pattern."""


class BudgetExceeded(LLMError, RuntimeError):  # noqa: N818
    """A cap on calls, tokens, bytes or seconds is reached."""


class WorkerLost(RagError, RuntimeError):  # noqa: N818
    """A batch of work took down one worker process after the other."""


class PartFailed(RagError, RuntimeError):  # noqa: N818
    """A rewriter, reranker or context step returned an unusable result."""


class OutOfTime(RagError, TimeoutError):  # noqa: N818
    """Work was not done within its time; it may go on in the background, its result is dropped."""


class DeadlinePassed(RagError, TimeoutError):  # noqa: N818
    """Time was up before any passage was found."""

    exit_code = 11


class Busy(RagError, RuntimeError):  # noqa: N818
    """As much as is allowed at a time is under way; asking again in a moment helps."""


class CannotShow(RagError, RuntimeError):  # noqa: N818
    """A page of a file cannot be shown."""


class FileChanged(CannotShow):
    """A file is no longer the one that was read."""


class ExtraMissing(RagError, ImportError):  # noqa: N818
    """An optional package is not installed."""


_LONGEST = 300


def in_words(error: Exception) -> str:
    """Return an error's kind, with its text on one line if it is this toolkit's, else with the place that raised it.

    Only the toolkit's errors are known to hold nothing secret: a client's may quote the request with its key.
    """
    kind = type(error).__name__
    if isinstance(error, RagError):
        return f"{kind}: {on_one_line(str(error))}"
    frames = traceback.extract_tb(error.__traceback__)
    return f"{kind} ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else kind


def on_one_line(text: str) -> str:
    """Return a text without control characters, cut if it is too long for a note."""
    return "".join(c for c in " ".join(text[: 10 * _LONGEST].split()) if c.isprintable())[:_LONGEST]
