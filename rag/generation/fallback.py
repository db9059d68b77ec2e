"""Fall back on quotes when a language model fails, or says nothing that the passages support."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from ..answers import Answer
from ..errors import RagError
from ..llm.language_model import Usage

log = logging.getLogger(__name__)


def quoted_after_failure(quoted: Callable[[], Answer], error: Exception, seconds: float) -> Answer:
    """Return the quotes, marked as degraded, with the generator's failure as the reason.

    Parameters
    ----------
    quoted
        Makes the quotes.
    seconds
        How long the generator took to fail.
    """
    kind = type(error).__name__
    # Only the toolkit's own errors are known to hold nothing secret.
    reason = f"the generator failed: {kind}"
    if isinstance(error, RagError):
        reason = f"{reason}: {' '.join(str(error).split())[:300]}"
    log.info("%s; answering with quotes", reason)
    answer = quoted()
    usage = Usage(calls=getattr(error, "attempts", 0), seconds=seconds)
    reason = f"{reason}; {answer.reason}" if answer.reason else reason
    return replace(answer, degraded=True, reason=reason, usage=usage)


def quoted_if_nothing_is_supported(answer: Answer, quoted: Callable[[], Answer]) -> Answer:
    """Return a model's answer, or quotes if the passages support nothing of it or it was cut off at once."""
    if not answer.abstained or not (answer.sentences or answer.incomplete):
        return answer
    quotes = quoted()
    reason = f"{answer.reason}; these are quotes" if not quotes.abstained else answer.reason
    return replace(
        quotes,
        degraded=True,
        reason=reason,
        incomplete=answer.incomplete,
        checks=answer.checks,
        usage=answer.usage,
        cached=answer.cached,
    )
