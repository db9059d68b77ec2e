"""Memory of conversations: the last turns verbatim, older ones summarised and searched by meaning."""

from __future__ import annotations

from .memory import Memory
from .people import SessionInfo, forget_user, known_users, purge_due, sessions, users
from .turns import Turn

__all__ = ["Memory", "SessionInfo", "Turn", "forget_user", "known_users", "purge_due", "sessions", "users"]
