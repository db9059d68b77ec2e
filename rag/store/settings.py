"""Texts that are kept with the knowledge base: the pipeline, calibrations, what is still to be done."""

from __future__ import annotations

from .database import Connection

LOST = "documents lost"
"""Why documents may be missing since a repair; kept until the next ``add`` has come to its end."""

NOT_IN = "files that are not in"
"""Source and reason of each file that could not be read at all, as JSON; a member's is in its source's account."""


def setting(db: Connection, name: str) -> str | None:
    """Return a text that was kept, if there is one."""
    value: str | None = db.execute("select value from meta where key = ?", (f"setting:{name}",)).get
    return value


def keep_setting(db: Connection, name: str, value: str | None) -> None:
    """Keep a text, inside the caller's transaction; None deletes it."""
    db.execute("delete from meta where key = ?", (f"setting:{name}",))
    if value is not None:
        db.execute("insert into meta values (?, ?)", (f"setting:{name}", value))


def settings(db: Connection) -> dict[str, str]:
    """Return all texts that are kept."""
    rows = db.execute("select substr(key, 9), value from meta where key >= 'setting:' and key < 'setting;'")
    return dict(rows)
