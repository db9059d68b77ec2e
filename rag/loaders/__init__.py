"""Loaders: from files and folders to documents, every untrusted parser in a process of its own.

::

    for document in load("docs/", "report.pdf"):
        ...

`discover` finds files, `load_files` parses them, `load` does both.
"""

from __future__ import annotations

from .discovery import Discovery, discover
from .errors import Reason
from .loading import load, load_files
from .results import Found, LoadFailure

READER = 6
"""Raised when documents are read otherwise than before, so that the next ingest reads unchanged files again."""

__all__ = ["READER", "Discovery", "Found", "LoadFailure", "Reason", "discover", "load", "load_files"]
