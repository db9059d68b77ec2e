"""The promises of this toolkit, checked on the user's machine and file system: ``rag selftest``.

Each check is a module with a function ``check(place, tally)`` and runs in a process of its own: some kill, some fork,
and some take memory or rights away.
"""

from __future__ import annotations
