"""Numbers of segments, never used twice."""

from __future__ import annotations

from .connection import Connection


def new_segment(db: Connection) -> int:
    """Take the number of a new segment; readers see that the arrangement is another one."""
    found: int = db.one(
        "update state set next_segment = next_segment + 1, version = version + 1 returning next_segment - 1"
    )
    return found
