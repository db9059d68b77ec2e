"""Retries: which failures are retried, and after how long."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

FIRST_WAIT, LONGEST_WAIT = 0.5, 8.0
"""Seconds of back-off: doubled from attempt to attempt, each shortened by up to a half by chance."""


def is_passing(status: int) -> bool:
    """Tell whether an HTTP status may be temporary: time-outs, conflicts, rate limits, and the server's own faults."""
    return status in {408, 409, 425, 429} or (500 <= status <= 599 and status not in {501, 505})


def wait(attempt: int, headers: Mapping[str, str]) -> float:
    """Return the seconds to wait after an attempt, counted from 1: by Retry-After, else by exponential back-off.

    Back-off is jittered, so that clients which failed together do not come back together (Brooker, "Exponential Backoff
    And Jitter", 2015).
    """
    told = retry_after(headers.get("retry-after", ""))
    if told is not None:
        return told
    return min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(attempt - 1, 10)) * random.uniform(0.5, 1)  # noqa: S311


def retry_after(value: str) -> float | None:
    """Return the seconds of a Retry-After header, a number or a date (RFC 9110, 10.2.3); None if it is invalid."""
    try:
        seconds = float(value)
    except ValueError:
        try:
            date = parsedate_to_datetime(value)
        except (ValueError, TypeError, OverflowError, IndexError):
            return None
        date = date if date.tzinfo else date.replace(tzinfo=UTC)
        return max(0.0, (date - datetime.now(UTC)).total_seconds())
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
