"""Hidden sources: they stay stored and are ingested as before, and no search finds them."""

from __future__ import annotations

from collections.abc import Iterable

from .database import Connection
from .session import Session
from .settings import keep_setting
from .source_choice import named

HIDDEN = "hidden:"
"""What the settings begin with that hide sources; a setting may be kept before its source is stored."""
_HIDDEN = """select name from sources where name in (
    select substr(key, 16) from meta where key >= 'setting:hidden:' and key < 'setting:hidden;') order by name"""


def set_hidden(session: Session, wanted: Iterable[str], *, to: bool) -> int:
    """See `KnowledgeBase.hide`."""
    is_wanted = named(wanted)
    with session.writing() as db:
        before = frozenset(hidden(db))
        names = [row[0] for row in db.execute("select name from sources order by name") if is_wanted(row[0])]
        changed = [name for name in names if (name in before) is not to]
        for name in changed:
            keep_setting(db, HIDDEN + name, "1" if to else None)
        if changed:
            db.execute("insert into changes (chunk, op) values (0, 0)")  # so that readers see that something changed
    return len(names)


def hidden(db: Connection) -> list[str]:
    """Return the names of the hidden sources, in order."""
    return [row[0] for row in db.execute(_HIDDEN)]
